# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes on a host: found, stopped and ended. One that has just ended is no error."""

import contextlib
import os
import select
import signal


def name(pid):
    """The program's name, empty when the process has ended."""
    return _read(pid, "comm").strip()


def arguments(pid):
    return _read(pid, "cmdline").split("\0")


def parent(pid):
    return int(_read(pid, "stat").rpartition(")")[2].split()[1])


def open_files(pid):
    """The paths of the files that a process has open."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def in_namespace(name):
    """The processes in a network namespace, as `ip netns pids` says it; that is asked so often that a program for it
    took much of the machine."""
    wanted = os.stat(f"/run/netns/{name}")
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        # It has ended, or nobody may look at it, which none of ours forbids.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), wanted):
                found.append(int(pid))
    return found


def _read(pid, file):
    try:
        with open(f"/proc/{pid}/{file}", encoding="utf-8", errors="replace") as text:
            return text.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def await_end(pid, timeout=30):
    """Whether a process ends within that time."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([process], [], [], timeout)
    os.close(process)
    return bool(ready)


def terminate(pid):
    """End a process in its own way, and wait until it has."""
    os.kill(pid, signal.SIGTERM)
    assert await_end(pid)


def kill(*pids):
    """Kill processes, one after the other, and wait until each has ended, so that others can know it."""
    for pid in pids:
        assert pid > 1  # who has taken over whose parent has ended is none of ours
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert await_end(pid)


@contextlib.contextmanager
def halted(pid):
    """A process stands still while the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
