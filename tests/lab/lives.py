# SPDX-License-Identifier: GPL-2.0-or-later
"""When each VM has run, by QEMU's own word, and whether that was as promised (doc/design.md, promises 1 and 2).

Theory of operation

The hosts of a laboratory run QEMU by way of a script that has it trace `vm_state_notify`: with the time, to the
microsecond, each time the virtual CPUs begin to run or have been stopped. QEMU writes that just before they begin and just
after they have stopped, so a run as it is noted is never shorter than it was. Both hosts have one clock here, so
that two copies of a VM have run at once, be it for a microsecond, is seen, and whoever was told otherwise.

What ends a VM's last run may be a kill, of which QEMU says nothing. Such a run counts as long as its process is there;
afterwards nobody knows when it has ended, and it is judged no more.
"""

import collections
import itertools
import pathlib
import re
import shutil
import time

from . import processes

QEMU = "qemu-system-x86_64"
SCRIPT = """#!/bin/bash
if [[ "$*" =~ guest=([^ ,]+) ]]; then
    [[ " $* " == *" -incoming "* ]] && life=goes-on || life=begins
    exec {qemu} "$@" -msg timestamp=on -trace vm_state_notify \
        -D "{directory}/${{BASH_REMATCH[1]}}.$EPOCHSECONDS.$$.$life"
fi
exec {qemu} "$@"
"""
LINE = re.compile(r"^\d+@(\d+)\.(\d+):vm_state_notify running ([01]) reason \d+ \(([a-z-]+)\)$", re.MULTILINE)
STOPPED = ("paused", "finish-migrate")  # not by itself, as a guest that powers itself off is

# begin and end: microseconds since 1970; the end is None when QEMU has not told of it. stopped: by somebody's
# command. begins: nothing of this VM has run before in this process or in one that it has come from
Run = collections.namedtuple("Run", "pid begin end stopped begins")


def parse(text, pid, begins):
    """The runs that one QEMU has noted."""
    runs = []
    for seconds, fraction, running, reason in LINE.findall(text):
        at = int(seconds) * 1000000 + int(fraction)
        if running == "1":
            runs.append(Run(pid, at, None, False, begins and not runs))
        elif runs:
            runs[-1] = runs[-1]._replace(end=at, stopped=reason in STOPPED)
    return runs


def known(runs, is_there, now):
    """(begin, end, pid) of those of which it is known when they ended, or that have not. is_there(pid): whether
    the VM's process is."""
    return [(run.begin, run.end or now, run.pid) for run in runs if run.end or is_there(run.pid)]


def twice(spans):
    """Where two processes have run at once."""
    return [f"process {pid} has run for {(end - begin) / 1000} ms after process {other} had begun"
            for (first, end, pid), (begin, _, other) in itertools.permutations(spans, 2)
            if pid != other and first <= begin < end]


def stops(runs, is_there, now):
    """(begin, end) of the times in which somebody's command let the user VM stand still, in whichever process it
    was to go on. One that has ended while it stood still does so no more, and nobody knows since when."""
    runs = sorted(runs, key=lambda run: run.begin)
    return [(run.end, following.begin if following else now)
            for run, following in itertools.zip_longest(runs, runs[1:])
            if run.end and run.stopped and (is_there(run.pid) if not following else not following.begins)]


def alone(spans, stopped):
    """Where Domain R has run while its user VM was stopped."""
    return [f"Domain R, process {pid}, has run for {(min(end, until) - max(begin, since)) / 1000} ms while its user VM "
            "was stopped"
            for begin, end, pid in spans for since, until in stopped if max(begin, since) < min(end, until)]


class Lives:
    """What the VMs of a laboratory have told; qemu is the path of the script that has them tell it."""

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._directory.mkdir()
        self._since = {}
        self.qemu = self._directory / "qemu"
        self.qemu.write_text(SCRIPT.format(qemu=shutil.which(QEMU) or QEMU, directory=directory))
        self.qemu.chmod(0o755)

    def runs(self, vm):
        """All runs of a VM: "web" is the user VM of the pair web, "web-r" its Domain R."""
        found = []
        for path in self._directory.glob(f"{vm}.*"):
            name, _, pid, life = path.name.rsplit(".", 3)
            if name == vm:
                found += parse(path.read_text(), int(pid), life == "begins")
        if not found:
            raise LookupError(f"nothing has told when {vm} has run")
        return found

    def pardon(self, pair):
        """Somebody has stopped a VM by its monitor, or begun a namesake: what began before now is not judged."""
        self._since[pair] = time.time_ns() // 1000

    def troubles(self, pair):
        """What must never be, of a pair, since its begin."""
        now, since = time.time_ns() // 1000, self._since.get(pair, 0)
        user_vm, domain_r = ([run for run in self.runs(vm) if run.begin >= since] for vm in (pair, f"{pair}-r"))
        is_user_vm, is_domain_r = _is_process_of(pair), _is_process_of(f"{pair}-r")
        users, rs = known(user_vm, is_user_vm, now), known(domain_r, is_domain_r, now)
        return [*(f"user VM: {words}" for words in twice(users)), *(f"Domain R: {words}" for words in twice(rs)),
                *alone(rs, stops(user_vm, is_user_vm, now))]


def _is_process_of(vm):
    return lambda pid: f"guest={vm},debug-threads=on" in processes.arguments(pid)
