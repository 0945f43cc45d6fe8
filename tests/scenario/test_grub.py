# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest without drivers: GRUB reads the keyboard through the firmware, nine characters a second."""

import pytest

from lab import Capture, Client, Pair

ISO = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"
BOOT_TIMEOUT = 60


@pytest.fixture
def grub(lab):
    pair = Pair(lab, "grub", 50, user_vm={"memory": "64M", "display": "std", "cdrom": ISO, "boot": "cdrom"})
    pair.up(lab.a)
    yield pair
    pair.down()


def test_typing_at_the_grub_prompt_across_a_move(lab, grub):
    """What stands on the screen after a line typed during a move is what stands there after the same
    line typed in peace."""
    capture = Capture(lab, grub.address)
    client = Client(lab, grub.address)
    line = "echo the quick brown fox jumps over the lazy dog\n"

    # GRUB's cursor blinks, so a screen is still only between two blinks.
    client.do(f"stable 250 {BOOT_TIMEOUT * 1000}")
    client.type("clear\n", 5)
    client.await_stable(250)
    prompt = client.picture("prompt")
    client.type(line, 5)
    client.await_stable(250)
    wanted = client.picture("wanted")
    assert wanted != prompt

    client.type("clear\n", 5)
    client.await_picture(prompt)
    pending = client.start_type(line, 5)
    grub.migrate()
    pending.wait()
    client.await_picture(wanted)

    client.close()
    (connection,) = capture.stop()
    assert connection.opened == 1 and not connection.resets
