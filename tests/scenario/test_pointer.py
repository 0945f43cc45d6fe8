# SPDX-License-Identifier: GPL-2.0-or-later
"""Pointer, buttons and held keys across a move. Codes: linux/input-event-codes.h."""

from conftest import alone

pytestmark = alone

ABS_X, ABS_Y = 0, 1
REL_HWHEEL, REL_WHEEL = 6, 8
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE = 0x110, 0x111, 0x112
KEY_LEFTSHIFT = 42


def events(console, kind, code=None):
    """The values of events of a kind since the story began."""
    return [value for k, c, value in console.guest.inputs(console.mark)
            if k == kind and code in (None, c)]


def await_event(console, kind, code, value):
    console.guest.await_line(f"{kind} {code} {value}", since=console.mark)


def test_pointer_moves_all_the_way(console):
    """A straight line over the screen, with a move of the pair in its middle: the guest sees it go in
    one direction and end where it ended."""
    width, height = console.client.connected["width"], console.client.connected["height"]
    pending = console.client.start(f"path 20 400 0 0 {width - 1} {height - 1}")
    console.pair.migrate()
    pending.wait()
    console.client.do(f"move {width - 1} {height - 1}")
    console.client.do("buttons 1")
    console.client.do("buttons 0")
    await_event(console, "K", BTN_LEFT, 0)
    for axis in (ABS_X, ABS_Y):
        places = events(console, "A", axis)
        assert len(places) > 100
        assert places == sorted(places)
        assert places[-1] >= 32767 * 0.995


def test_held_button_and_wheel(console):
    console.client.do("move 100 100")
    console.client.do("buttons 1")
    await_event(console, "K", BTN_LEFT, 1)
    console.pair.migrate()
    console.client.do("move 200 200")
    console.client.do("buttons 5")
    await_event(console, "K", BTN_RIGHT, 1)
    console.guest.await_held([BTN_LEFT, BTN_RIGHT])
    console.client.do("wheel up 3")
    console.client.do("wheel down 1")
    console.client.do("wheel right 2")
    console.client.do("buttons 2")
    console.client.do("buttons 0")
    await_event(console, "K", BTN_MIDDLE, 0)
    assert events(console, "R", REL_WHEEL) == [1, 1, 1, -1]
    assert events(console, "R", REL_HWHEEL) == [1, 1]
    assert events(console, "K", BTN_LEFT) == [1, 0]
    assert events(console, "K", BTN_RIGHT) == [1, 0]


def test_held_shift(console):
    """Shift goes down before the move and up after it: the letters between are capitals."""
    console.client.do("press Shift_L")
    console.client.type("ab")
    console.await_typed(2)
    console.pair.migrate()
    console.client.type("cd")
    console.client.do("release Shift_L")
    console.client.type("ef")
    assert console.await_typed(6) == b"ABCDef"
    shifts = events(console, "K", KEY_LEFTSHIFT)
    assert [value for value in shifts if value != 2] == [1, 0]


def test_caps_lock_light_comes_back(console):
    """The guest's lights reach the client, before and after a move."""
    caps = 1 << 2
    console.client.do("tap Caps_Lock")
    try:
        console.client.journal.find(lambda e: e.get("event") == "leds" and e["state"] & caps, 10, "Caps Lock on")
        console.pair.migrate()
        console.client.type("a")
    finally:
        mark = console.client.journal.mark()
        console.client.do("tap Caps_Lock")
    console.client.journal.find(
        lambda e: e.get("event") == "leds" and not e["state"] & caps, 10, "Caps Lock off", mark)
    console.client.type("b")
    assert console.await_typed(2) == b"Ab"


def test_keys_of_a_client_that_vanishes_are_released(bench, lab):
    """Nobody is left to let go of the key, so Domain R does."""
    bench.reset()
    client = bench.client()
    mark = bench.guest.mark()
    client.do("press Control_L")
    client.do("buttons 1")
    bench.guest.await_line(f"K {BTN_LEFT} 1", since=mark)
    client.kill()
    bench.guest.await_line("K 29 0", since=mark)
    bench.guest.await_line(f"K {BTN_LEFT} 0", since=mark)
    bench.guest.await_held([])
