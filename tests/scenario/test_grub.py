# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest without drivers: GRUB reads the keyboard through the firmware, nine characters a second."""

import time

import pytest

from lab import Capture, Client, Pair

ISO = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"
BOOT_TIMEOUT = 60
RATE = 5  # keys a second
STILL_S = 4  # much longer than GRUB needs for a key, and than its cursor's blink


@pytest.fixture
def grub(lab):
    pair = Pair(lab, "grub", 50, user_vm={"memory": "64M", "display": "std", "cdrom": ISO, "boot": "cdrom"})
    pair.up(lab.a)
    yield pair
    pair.down()


def changed(client, picture, timeout):
    """Wait until the picture is another one; whether it has become so."""
    picture.write_ppm(client.scratch)
    try:
        client.do(f"differs {client.scratch} {int(timeout * 1000)}")
    except RuntimeError:
        return False
    return True


def shows_menu(picture):
    """The menu has a bar, the chosen entry: a row of pixels of which nearly all are bright."""
    row_bytes = picture.width * 3
    rows = (picture.pixels[at:at + row_bytes] for at in range(0, len(picture.pixels), row_bytes))
    return any(sum(value > 128 for value in row) > row_bytes * 0.8 for row in rows)


def await_menu(client, wanted):
    deadline = time.monotonic() + BOOT_TIMEOUT
    while shows_menu(picture := client.picture()) != wanted:
        assert changed(client, picture, deadline - time.monotonic()), "the screen stands still"


def settled(client):
    """The picture when nothing changes any more but the cursor, which blinks: with the cursor shown."""
    seen, since = [], time.monotonic()
    while time.monotonic() - since < STILL_S:
        picture = client.picture()
        if picture not in seen:
            seen, since = [*seen, picture][-2:], time.monotonic()
        changed(client, picture, STILL_S)
    return max(seen, key=lambda picture: sum(picture.pixels))


def test_typing_at_the_grub_prompt_across_a_move(lab, grub):
    """What stands on the screen after a line typed during a move is what stands there after the same
    line typed in peace."""
    capture = Capture(lab, grub.address)
    client = Client(lab, grub.address)
    client.scratch = lab.directory / "grub.ppm"
    line = "echo the quick brown fox jumps over the lazy dog\n"

    # The menu waits five seconds for a key, and may have been there before this client was.
    grub.user_vm_monitor("system_reset")
    await_menu(client, False)
    await_menu(client, True)
    client.do("tap c")
    await_menu(client, False)
    client.type("clear\n", RATE)
    prompt = settled(client)
    client.type(line, RATE)
    wanted = settled(client)
    assert wanted != prompt

    client.type("clear\n", RATE)
    assert settled(client) == prompt
    pending = client.start_type(line, RATE)
    grub.migrate()
    pending.wait()
    seen = settled(client)
    assert seen == wanted, seen.differences(wanted)

    client.close()
    (connection,) = capture.stop()
    assert connection.opened == 1 and not connection.resets
