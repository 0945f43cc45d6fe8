# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody types while the pair moves, and moves back: every key arrives once, in order."""

import pytest

from conftest import alone
from lab.typist import Typist

pytestmark = alone


@pytest.mark.parametrize("rate", [30, 100])
def test_typing_across_a_move_and_back(console, rate):
    typist = Typist(console.client, rate)
    typist.start()
    for _ in range(2):
        console.await_typed(len(typist.text) + rate)
        console.pair.migrate()
    console.await_typed(len(console.typed()) + rate)
    console.check_typed(typist.stop())


def test_a_guest_that_does_not_read_loses_nothing(console):
    """The guest's console takes nothing during the move; what was typed waits for it."""
    text = "".join(f"{n:03d}," for n in range(60))
    console.guest.command("reading off")
    pending = console.client.start_type(text, 60)
    console.pair.migrate()
    pending.wait()
    console.guest.command("reading on")
    console.check_typed(text)


def test_pasted_text_is_paced_not_dropped(console):
    """Text that comes as fast as the network carries it, with a move in its middle."""
    text = "".join(f"{n:04d} " for n in range(400))
    pending = console.client.start_type(text, 20000)
    console.await_typed(100)
    console.pair.migrate()
    pending.wait()
    console.check_typed(text, 90)


def test_a_paused_user_vm_loses_nothing(console):
    """More is typed than its QEMU would keep if it came all at once when the VM goes on (doc/design.md)."""
    text = "".join(f"{n:04d} " for n in range(300))
    console.stands_still = True
    console.pair.user_vm_monitor("stop")
    console.client.type(text, 200)
    console.pair.user_vm_monitor("cont")
    console.lab.lives.pardon(console.pair.name)
    console.check_typed(text, 60)
