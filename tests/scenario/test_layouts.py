# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that send only keysyms, at a guest that is set to another layout than the us one: the keys that
arrive are those of that layout. Codes: linux/input-event-codes.h; where the characters are on the
keyboard is what is printed on its keys."""

import pytest

from conftest import Bench

SHIFT, ALTGR = 42, 100

# character: (the key's code, the modifiers that must be down)
LAYOUTS = {
    "de": {
        "a": (30, set()), "z": (21, set()), "y": (44, set()), "Z": (21, {SHIFT}),
        "ö": (39, set()), "Ü": (26, {SHIFT}), "ß": (12, set()), "?": (12, {SHIFT}),
        "@": (16, {ALTGR}), "{": (8, {ALTGR}), "\\": (12, {ALTGR}), "€": (18, {ALTGR}),
        "-": (53, set()), "#": (43, set()), "<": (86, set()), "|": (86, {ALTGR}),
    },
    "jp": {
        "a": (30, set()), "A": (30, {SHIFT}), "@": (26, set()), "[": (27, set()), "]": (43, set()),
        ":": (40, set()), "*": (40, {SHIFT}), ";": (39, set()), "+": (39, {SHIFT}),
        '"': (3, {SHIFT}), "&": (7, {SHIFT}), "'": (8, {SHIFT}), "(": (9, {SHIFT}),
        "^": (13, set()), "_": (89, {SHIFT}), "=": (12, {SHIFT}),
    },
}


@pytest.fixture(scope="module", params=list(LAYOUTS))
def foreign(lab, request):
    bench = Bench(lab, f"layout-{request.param}", 60 + list(LAYOUTS).index(request.param), console={"layout": request.param})
    bench.layout = request.param
    yield bench
    bench.close()


def strokes(guest, mark):
    """The keys that were struck, each with the modifiers that were down then."""
    down, found = set(), []
    for kind, code, value in guest.inputs(mark):
        if kind != "K" or value == 2:
            continue
        if code in (SHIFT, 54, ALTGR):
            (down.add if value else down.discard)(SHIFT if code == 54 else code)
        elif value:
            found.append((code, set(down)))
    return found


@pytest.mark.parametrize("modifiers", ["bare", "keysyms"])
def test_characters_become_the_keys_of_the_layout(foreign, modifiers):
    """bare: the client sends the character's keysym alone. keysyms: it also presses the modifiers that
    its own keyboard needs, which is of the same layout."""
    foreign.reset()
    characters = LAYOUTS[foreign.layout]
    client = foreign.client("--keys", modifiers, "--layout", foreign.layout)
    mark = foreign.guest.mark()
    client.type("".join(characters), 10)
    client.do("tap Return")
    foreign.guest.await_line("K 28 0", since=mark)
    seen = strokes(foreign.guest, mark)[:-1]
    assert dict(zip(characters, seen)) == characters
    assert len(seen) == len(characters)
    foreign.guest.await_held([])
    client.close()


def test_a_client_with_another_keyboard(foreign):
    """The client's keyboard is a us one and presses Shift for characters that need none here, and the
    other way round."""
    foreign.reset()
    wanted = {character: stroke for character, stroke in LAYOUTS[foreign.layout].items()
              if character.isascii()}
    client = foreign.client("--keys", "keysyms", "--layout", "us")
    mark = foreign.guest.mark()
    client.type("".join(wanted), 10)
    client.do("tap Return")
    foreign.guest.await_line("K 28 0", since=mark)
    assert dict(zip(wanted, strokes(foreign.guest, mark)[:-1])) == wanted
    foreign.guest.await_held([])
    client.close()
