# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether something has held a guest that was late, or the machine was busy: with processes that are either."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from lab.pace import TICK_MS, VIRTUAL_CPU, Pace

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
