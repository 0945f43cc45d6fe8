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

So nothing has held the guest if for as long as it was late its virtual CPU was at work, or the threads of its QEMUs, for
one of which the virtual CPU may have waited, were waiting for a processor, or that was stolen. What holds a guest shows in
none of these: a QEMU that was stopped, a main loop that sleeps in a system call with QEMU's big lock, a clock that was set.

A line says what the guest's clock was, and comes when a busy QEMU has got to it. So a clock that has leapt is one that is
nearer to the host's than at any time before; and what was used is counted from a line that has come before the
guest was late, not from the last.
"""

import collections
import os
import pathlib
import time

PROC = pathlib.Path("/proc")
VIRTUAL_CPU = "CPU 0/"  # followed by the accelerator: how QEMU names the thread, with debug-threads=on
TICK_MS = 100  # between two lines that tell the guest's time
MEMORY = 200  # lines
SLACK_MS = 500  # so much of a delay nobody has to explain, and so late a line may come
NS_PER_MS = 1000000

# at: ms on the host's clock; guest: on the guest's; stolen: ms of the processor that has lost most; used: by process
# id, for how many ms its virtual CPU has run and its threads have waited
Tick = collections.namedtuple("Tick", "at guest stolen used")
Used = collections.namedtuple("Used", "ran waited")


def used(pid):
    """What a QEMU has used until now; one that has ended, nothing."""
    ran = waited = 0
    for thread in (PROC / str(pid) / "task").glob("*"):
        try:
            on_cpu, in_queue, _ = (thread / "schedstat").read_text().split()
            is_virtual_cpu = (thread / "comm").read_text().startswith(VIRTUAL_CPU)
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        waited += int(in_queue)
        ran += int(on_cpu) if is_virtual_cpu else 0
    return Used(ran / NS_PER_MS, waited / NS_PER_MS)


def stolen():
    ticks = [int(line.split()[8]) for line in (PROC / "stat").read_text().splitlines()
             if line.startswith("cpu") and line[3] != " "]
    return max(ticks) * 1000 / os.sysconf("SC_CLK_TCK")


def observe(guest, pids):
    return Tick(time.monotonic() * 1000, guest, stolen(), {pid: used(pid) for pid in pids})


class Pace:
    """How one guest goes, in whichever QEMU."""

    def __init__(self):
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
        then = next((tick for tick in reversed(self._ticks) if tick.at <= now.at - ms - TICK_MS), self._ticks[0])
        spent = [now.used[pid] if pid not in then.used else
                 Used(*(max(0, new - old) for new, old in zip(now.used[pid], then.used[pid]))) for pid in now.used]
        ran, waited = sum(one.ran for one in spent), sum(one.waited for one in spent)
        lost = now.stolen - then.stolen
        words = (f"in {now.at - then.at:.0f} ms of the host its processor ran for {ran:.0f} ms, its QEMU waited for one of "
                 f"the host's for {waited:.0f} ms, and other machines had one for {lost:.0f} ms")
        if ahead > SLACK_MS:
            return False, f"its clock has leapt by {ahead:.0f} ms; {words}"
        return ran + waited + lost >= ms - SLACK_MS, words
