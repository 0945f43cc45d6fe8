# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether something has held a guest that was late, or the machine was busy: with processes that are either."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from lab.pace import TICK_MS, VIRTUAL_CPU, Pace, Tick, Used, parse_stolen, spent, stolen

LATE_MS = 1200
NAMED = f'echo "{VIRTUAL_CPU}TCG" > /proc/$$/comm; echo; '  # and then says so
AT_WORK = NAMED + "while :; do :; done"
IDLE = NAMED + "read -r line"


@contextlib.contextmanager
def process(script):
    """A shell whose thread has the name that QEMU gives to that of its virtual CPU."""
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        try:
            shell.stdout.readline()
            yield shell.pid
        finally:
            shell.kill()


def late(pid, meanwhile=lambda: None, by_ms=LATE_MS):
    """What is said of a guest in that process whose clock is late by so many ms, after LATE_MS."""
    pace = Pace()
    pace.tick(0, [pid])
    meanwhile()
    time.sleep((LATE_MS + TICK_MS) / 1000)
    return pace.why(by_ms, [pid])


def test_it_is_at_work():
    with process(AT_WORK) as pid:
        busy, words = late(pid)
    assert busy, words


def test_it_waits_for_a_processor():
    here = min(os.sched_getaffinity(0))
    with process(AT_WORK) as pid, process(AT_WORK) as other, process(AT_WORK) as third:
        for one in (pid, other, third):
            os.sched_setaffinity(one, [here])
        busy, words = late(pid)
    assert busy, words


def test_it_is_held():
    with process(IDLE) as pid:
        busy, words = late(pid)
    assert not busy, words


def test_its_hypervisor_is_stopped():
    with process(AT_WORK) as pid:
        busy, words = late(pid, meanwhile=lambda: os.kill(pid, signal.SIGSTOP))
    assert not busy, words


def test_its_clock_leaps_while_it_is_at_work():
    with process(AT_WORK) as pid:
        busy, words = late(pid, by_ms=3 * LATE_MS)
    assert not busy and "leapt" in words, words


@pytest.mark.parametrize("script, expected", [(AT_WORK, True), (IDLE, False)])
def test_it_has_come_to_another_hypervisor(script, expected):
    with process(IDLE) as before:
        pace = Pace()
        pace.tick(0, [before])
        with process(script) as pid:
            time.sleep((LATE_MS + TICK_MS) / 1000)
            busy, words = pace.why(LATE_MS, [before, pid])
    assert busy == expected, words


def test_its_last_line_came_late():
    with process(AT_WORK) as pid:
        pace = Pace()
        pace.tick(0, [pid])
        time.sleep(LATE_MS / 1000)
        pace.tick(TICK_MS, [pid])
        time.sleep(2 * TICK_MS / 1000)
        busy, words = pace.why(LATE_MS, [pid])
    assert busy, words


def test_its_clock_has_counted_a_stop():
    """At work before the stop and after, as long as the clock should have counted."""
    with process(AT_WORK) as pid:
        pace = Pace()
        pace.tick(0, [pid])
        os.kill(pid, signal.SIGSTOP)
        time.sleep(LATE_MS / 1000)
        os.kill(pid, signal.SIGCONT)
        time.sleep(2 * TICK_MS / 1000)
        busy, words = pace.why(LATE_MS, [pid])
    assert not busy, words


def test_it_has_booted_anew():
    """A clock that begins at zero has not fallen behind, and what comes is compared with it."""
    with process(AT_WORK) as pid:
        pace = Pace()
        pace.tick(1000000, [pid])
        pace.begin()
        pace.tick(0, [pid])
        busy, words = pace.why(LATE_MS, [pid])
    assert not busy and "leapt" in words, words


def tick(stolen_ms=(0, 0), **used):
    return Tick(0, 0, stolen_ms, {int(name[1:]): one for name, one in used.items()})


def test_a_hypervisor_that_has_ended_and_one_that_has_come():
    ticks = [tick(_1=Used(100, 10)), tick(_1=Used(103, 14), _2=Used(5, 6)), tick(_2=Used(7, 7))]
    assert spent(ticks) == Used(3 + 7, 4 + 7)


def test_what_is_stolen_of_the_processor_that_loses_most():
    assert stolen(tick((5000, 100)), tick((5010, 700))) == 600


def test_what_linux_writes_of_processors():
    text = ("cpu  7 0 0 0 0 0 0 60 0 0\ncpu0 3 0 0 0 0 0 0 20 0 0\n"
            "cpu1 4 0 0 0 0 0 0 40 0 0\nintr 1\n")
    assert parse_stolen(text) == [20 * 1000 / os.sysconf("SC_CLK_TCK"), 40 * 1000 / os.sysconf("SC_CLK_TCK")]
