# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a guest was late: because something held it, or because the host was too busy to let it run.

Theory of operation

The test guest tells the time ten times a second, and when its clock went on for much longer between two such lines (J).
Either its clock has leapt, or the guest has stood still while it went on: both are what a customer notices, and must not
come from a move. But a guest stands still as well when it has much to do itself, and when the host has no processor
for it; two cores that emulate eight VMs are such a host, and were seen to let a virtual CPU wait for three seconds. Linux
knows which it was. For each thread it counts how long it has run and how long it has waited for a processor while it
could have run (Documentation/scheduler/sched-stats.rst), and for each processor how long another machine had it (steal,
proc_stat(5)).

So nothing has held the guest if for most of the time that it was late its virtual CPU was at work or was waiting for a
processor; or a thread of its QEMU, which may have had QEMU's big lock, was waiting for one; or that was stolen. (The main
thread alone is not enough: with five laboratories its waits explained a third of such a delay.) What holds
a guest shows in none of these: a QEMU that was stopped, a main loop that sleeps in a system call with that lock, a clock
that was set, a clock that counts how long the VM was stopped.

A line says what the guest's clock was, and comes when a busy QEMU has got to it. So a clock that has leapt is one that is
nearer to the host's than at any time in the last seconds; and what was used is counted from a line that has come before
the guest was late, not from the last.
"""

import collections
import contextlib
import itertools
import os
import pathlib
import time

PROC = pathlib.Path("/proc")
VIRTUAL_CPU = "CPU 0/"  # followed by the accelerator: how QEMU names the thread, with debug-threads=on
TICK_MS = 100  # between two lines that tell the guest's time
MEMORY = 200  # lines
SLACK_MS = 500  # so much of a delay nobody has to explain, and so late a line may come
NS_PER_MS = 1000000

# at: ms on the host's clock; guest: on the guest's; stolen: ms, by processor; used: by process id
Tick = collections.namedtuple("Tick", "at guest stolen used")
# ms for which the virtual CPU has run, and for which all threads have waited
Used = collections.namedtuple("Used", "ran waited")


def used(pid):
    """What a QEMU has used until now; None when it has ended."""
    ran = waited = 0
    try:
        for thread in os.listdir(PROC / str(pid) / "task"):
            directory = PROC / str(pid) / "task" / thread
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
                is_virtual_cpu = (directory / "comm").read_text().startswith(VIRTUAL_CPU)
                on_cpu, in_queue, _ = (directory / "schedstat").read_text().split()
                ran += int(on_cpu) if is_virtual_cpu else 0
                waited += int(in_queue)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Used(ran / NS_PER_MS, waited / NS_PER_MS)


def parse_stolen(stat):
    """From /proc/stat: for how many ms each processor was another machine's."""
    return [int(line.split()[8]) * 1000 / os.sysconf("SC_CLK_TCK") for line in stat.splitlines()
            if line.startswith("cpu") and line[3] != " "]


def observe(guest, pids):
    seen = {pid: one for pid in pids if (one := used(pid))}
    return Tick(time.monotonic() * 1000, guest, parse_stolen((PROC / "stat").read_text()), seen)


def spent(ticks):
    """What all QEMUs have used from the first tick to the last. One that has ended meanwhile was last looked at before;
    one that came has used nothing before."""
    ran = waited = 0
    for before, after in itertools.pairwise(ticks):
        for pid, new in after.used.items():
            old = before.used.get(pid, Used(0, 0))
            ran += max(0, new.ran - old.ran)  # a thread that has ended takes its account with it
            waited += max(0, new.waited - old.waited)
    return Used(ran, waited)


def stolen(before, after):
    """From the processor that has lost most."""
    return max(new - old for old, new in zip(before.stolen, after.stolen))


class Pace:
    """How one guest goes, in whichever QEMU."""

    def __init__(self):
        self.begin()

    def begin(self):
        """The guest has booted, and its clock has begun anew."""
        self._ticks = collections.deque(maxlen=MEMORY)

    def tick(self, guest, pids):
        """The guest's clock is at so many ms; pids: the QEMUs that the guest runs in, or may come to"""
        self._ticks.append(observe(guest, pids))

    def why(self, ms, pids):
        """Why the guest was late by so many ms for its tick: (whether it had all it needed but time of the host's
        processors, and what the host counted meanwhile)."""
        if not self._ticks:
            return False, "nothing was heard of it before"
        now = observe(self._ticks[-1].guest + TICK_MS + ms, pids)
        ahead = min(tick.at - tick.guest for tick in self._ticks) - (now.at - now.guest)
        before = sum(tick.at <= now.at - ms - TICK_MS for tick in self._ticks)
        window = [*itertools.islice(self._ticks, max(0, before - 1), None), now]
        ran, waited = spent(window)
        lost = stolen(window[0], now)
        words = (f"in {now.at - window[0].at:.0f} ms of the host its processor ran for {ran:.0f} ms, it or its QEMU waited for "
                 f"one of the host's for {waited:.0f} ms, and other machines had one for {lost:.0f} ms")
        if ahead > SLACK_MS:
            return False, f"its clock has leapt by {ahead:.0f} ms; {words}"
        return ran + waited + lost >= ms - SLACK_MS, words
