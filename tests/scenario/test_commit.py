# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit is the point of no return: before it the source can always go back, after it only a word
from the other host, or the operator's, decides."""

import os
import select
import signal
import time

import pytest

from conftest import Bench, at_console
from lab import CommandFailed
from lab.typist import Typist

UNDECIDED = 9  # dmore's exit status, src/base/error.h


@pytest.fixture(scope="module")
def held(lab):
    """A pair whose dmore-pair waits at the beginning of the phase that a file names."""
    hold = lab.directory / "hold-commit"
    bench = Bench(lab, "commit", 41, environment={"DMORE_TEST_HOLD": str(hold)})
    bench.hold = hold
    yield bench
    bench.close()


@pytest.fixture
def console(held):
    held.hold.unlink(missing_ok=True)
    with at_console(held) as console:
        yield console


class Halted:
    """A co-migration that waits at its commit, while somebody types."""

    def __init__(self, held, console):
        held.hold.write_text("commit")
        self.held, self.console = held, console
        self.typist = Typist(console.client)
        self.typist.start()
        console.await_typed(10)
        self.migration = held.pair.start_migrate()
        self.migration.await_phase("commit")
        self.destination = held.lab.other(held.pair.host)

        self.user_vm = self.hypervisor("commit")
        self.domain_r = self.hypervisor("commit-r")
        # The lab's other pairs have a dmore-pair on this host as well.
        with open(f"/proc/{self.user_vm}/stat", encoding="utf-8") as stat:
            self.dmore_pair = int(stat.read().rpartition(")")[2].split()[1])

    def hypervisor(self, name):
        """The destination's process that has this VM."""
        for pid in self.destination.pids():
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
                if f"guest={name},debug-threads=on" in line.read().split("\0"):
                    return pid
        raise LookupError(f"no VM {name} on {self.destination.name}")

    def kill_all(self):
        """Kill all three and wait until they have ended, so that the source can know it."""
        for pid in (self.dmore_pair, self.user_vm, self.domain_r):
            ended = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            select.select([ended], [], [], 30)
            os.close(ended)

    def release(self):
        self.held.hold.unlink()

    def check_back(self):
        """Both VMs run on the source, and nothing was lost."""
        with pytest.raises(CommandFailed) as failure:
            self.migration.wait()
        assert failure.value.status != UNDECIDED
        self.console.check_typed(self.typist.stop())
        assert self.held.pair.status()["state"] == "running"


def await_state(pair, state, timeout=10):
    """Nobody tells when a pair's state changes: ask until it has."""
    deadline = time.monotonic() + timeout
    while pair.status()["state"] != state:
        assert time.monotonic() < deadline, f"still {pair.status()['state']}, not {state}"


def test_destination_that_has_died_is_no_commit(held, console):
    halted = Halted(held, console)
    halted.kill_all()
    halted.release()
    halted.check_back()


def test_destination_that_has_lost_the_user_vm_refuses(held, console):
    """It would run nothing, so the source goes back instead of giving its VMs up."""
    halted = Halted(held, console)
    os.kill(halted.user_vm, signal.SIGKILL)
    halted.release()
    halted.check_back()
    assert halted.domain_r not in halted.destination.pids()


def test_undecided_until_the_operator_decides(held, console):
    """The other host takes the commit and is never heard of again."""
    halted = Halted(held, console)
    os.kill(halted.dmore_pair, signal.SIGSTOP)
    halted.release()
    await_state(held.pair, "undecided")
    halted.kill_all()
    with pytest.raises(CommandFailed) as failure:
        halted.migration.wait()
    assert failure.value.status == UNDECIDED
    status = held.pair.status()
    assert status["state"] == "undecided"
    assert status["user_vm"]["state"] != "running" and status["domain_r"]["state"] != "running"

    held.pair.dmore("resolve", held.pair.name, "--here")
    assert held.pair.status()["state"] == "running"
    console.check_typed(halted.typist.stop())
    held.check_screen(console.client)


def test_moves_after_all_that(held, console):
    held.pair.migrate()
    console.client.type("moved")
    assert console.await_typed(5) == b"moved"
    held.check_screen(console.client)
