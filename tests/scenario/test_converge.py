# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that changes its memory faster than it can be sent: a move never ends by itself, and says so."""

import contextlib
import time

import pytest

from conftest import alone
from lab import CommandFailed
from lab.bench import Bench, Console, at_console
from lab.typist import Typist

pytestmark = alone

TIMEOUT = 8  # dmore's exit status, src/base/error.h
BANDWIDTH = "16M"
DIRTY = "dirty 30 24"  # MB a second, of so many MB: more than the bandwidth


@pytest.fixture(scope="module")
def slow(lab):
    """A pair on a host whose link is slower than its guest."""
    lab.a.write_config(bandwidth=BANDWIDTH)
    try:
        bench = Bench(lab, "slow", 42)
    finally:
        lab.a.write_config()
    yield bench
    bench.close()


@pytest.fixture
def console(slow):
    with at_console(slow) as console:
        slow.guest.command(DIRTY)
        yield console
        slow.guest.command("dirty 0")


def check_here(console, typist):
    """The move was not made, and nobody at the console has noticed it."""
    assert console.pair.status()["state"] == "running"
    console.check_typed(typist.stop())


def test_it_is_said_and_can_be_cancelled(slow, console):
    typist = Typist(console.client)
    typist.start()
    migration = slow.pair.start_migrate()
    migration.await_message("--auto-converge", 120)
    begin = time.monotonic()
    slow.pair.cancel()
    with pytest.raises(CommandFailed):
        migration.wait()
    assert time.monotonic() - begin < 10
    check_here(console, typist)


def test_it_is_given_up_in_time(slow, console):
    typist = Typist(console.client)
    typist.start()
    with pytest.raises(CommandFailed) as failure:
        slow.pair.start_migrate(None, "--timeout", 5).wait()
    assert failure.value.status == TIMEOUT
    assert "MB of the user VM's memory" in failure.value.message
    check_here(console, typist)


def test_the_guest_can_be_slowed_down(slow):
    """As far as to a hundredth: such a guest may see its clock jump, which other stories do not allow."""
    with contextlib.closing(Console(slow)) as console:
        slow.guest.command(DIRTY)
        typist = Typist(console.client)
        typist.start()
        slow.pair.start_migrate(None, "--auto-converge").wait(300)
        slow.guest.command("dirty 0")
        console.check_typed(typist.stop(), 60)
