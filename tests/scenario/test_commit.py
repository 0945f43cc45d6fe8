# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit is the point of no return: before it the source can always go back. What happens when it is
not answered is in test_settlement.py."""

import os
import signal

import pytest

from conftest import sanitized_only
from lab import CommandFailed, processes
from lab.typist import Typist

pytestmark = sanitized_only

UNDECIDED = 9  # dmore's exit status, src/base/error.h


@pytest.fixture
def console(held_console):
    return held_console


class Halted:
    """A co-migration that waits at its commit, while somebody types."""

    def __init__(self, held, console):
        held.hold_at("commit")
        self.held, self.console = held, console
        self.typist = Typist(console.client)
        self.typist.start()
        console.await_typed(10)
        self.migration = held.pair.start_migrate()
        held.await_held()
        self.destination = held.lab.other(held.pair.host)

        self.user_vm = self.destination.hypervisor(held.pair.name)
        self.domain_r = self.destination.hypervisor(f"{held.pair.name}-r")
        # The lab's other pairs have a dmore-pair on this host as well.
        self.dmore_pair = processes.parent(self.user_vm)

    def kill_all(self):
        processes.kill(self.dmore_pair, self.user_vm, self.domain_r)

    def release(self):
        self.held.release()

    def check_back(self):
        """Both VMs run on the source, and nothing was lost."""
        with pytest.raises(CommandFailed) as failure:
            self.migration.wait()
        assert failure.value.status != UNDECIDED
        self.console.check_typed(self.typist.stop())
        assert self.held.pair.status()["state"] == "running"


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


def test_moves_after_all_that(held, console):
    held.pair.migrate()
    console.client.type("moved")
    assert console.await_typed(5) == b"moved"
    held.check_screen(console.client)
