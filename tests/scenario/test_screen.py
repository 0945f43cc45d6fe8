# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's picture is the guest's, whatever changes while the pair moves."""

import contextlib

from conftest import alone, at_console, sanitized_too
from lab.waiting import await_true

pytestmark = alone


@sanitized_too
def test_still_screen_is_identical(bench, console):
    console.guest.command("lines 15")
    # A text screen that QEMU has drawn bit by bit can keep remains of what stood there, until all of it is drawn at once.
    console.pair.migrate()
    before = bench.check_screen(console.client)
    for _ in range(2):
        console.pair.migrate()
        seen = bench.check_screen(console.client)
        assert seen == before, seen.differences(before)


@sanitized_too
def test_busy_screen_is_identical_when_it_rests(bench, console):
    """Lines scroll all the time while the pair moves."""
    console.guest.command("busy 20")
    console.pair.migrate()
    console.guest.command("busy 0")
    bench.check_screen(console.client)


def test_picture_never_stops_for_long(console):
    """Something changes every 20 ms: the longest time in which the client saw nothing new is the pause,
    and not much more: a busy machine can stand still, too."""
    console.guest.command("busy 20")
    console.client.do("statistics reset")
    result = console.pair.migrate()
    statistics = console.client.do("statistics keep")
    console.guest.command("busy 0")
    assert statistics["changes"] > 10
    assert statistics["longest_gap_ms"] < result["domain_r_pause_ms"] + 3000


@sanitized_too
def test_late_client_gets_the_whole_picture(bench):
    """A client that comes after a move needs no history."""
    with at_console(bench, clients=2) as console:
        console.guest.command("lines 10")
        console.pair.migrate()
        late = console.enter(contextlib.closing(bench.client()))
        assert bench.check_screen(late) == bench.check_screen(console.client)


@sanitized_too
def test_display_that_was_taken_away_is_taken_back(bench, console):
    """An operator asks QEMU for its display, and takes it from D-MORE by that: the picture would stand
    still for all clients, whatever the guest does."""
    with contextlib.closing(console.pair.take_display()):
        await_true(lambda: "note" in console.pair.status(), 10, "the loss is told")
        await_true(lambda: "note" not in console.pair.status(), 10, "the display is attached again")
    console.guest.command("lines 12")
    bench.check_screen(console.client)
    console.pair.migrate()
    console.guest.command("lines 13")
    bench.check_screen(console.client)
