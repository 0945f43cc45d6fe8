# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest changes its screen from text to graphics and between resolutions before, during and after
a move, on both kinds of display: one whose memory is shared, one that sends its pixels."""

import contextlib

import pytest

from conftest import Bench, alone, at_console, sanitized_too
from lab.waiting import await_true

pytestmark = alone

CASES = {"virtio-vga": "virtio-gpu", "std": "bochs"}


@pytest.fixture(scope="module", params=list(CASES))
def graphic(lab, request):
    bench = Bench(lab, f"modes-{request.param}", 30 + list(CASES).index(request.param), user_vm={"display": request.param})
    bench.module = CASES[request.param]
    yield bench
    bench.close()


@pytest.fixture
def console(graphic):
    with at_console(graphic) as console:
        yield console


def size(picture):
    return picture.width, picture.height


@sanitized_too
def test_text_to_graphics_during_the_move(graphic, console):
    """The driver is loaded while the pair is under way, so the text console becomes a graphic one."""
    text = graphic.check_screen(console.client)
    migration = console.pair.start_migrate()
    migration.await_phase("pre-copy")
    console.guest.run(f"load {graphic.module}")
    migration.wait()
    console.client.type("x")
    console.await_typed(1)
    assert size(graphic.check_screen(console.client)) != size(text)


@sanitized_too
def test_modes_before_during_and_after(graphic, console):
    console.guest.command("mode 800x600 1")
    before = graphic.check_screen(console.client)
    assert size(before) == (800, 600)
    migration = console.pair.start_migrate()
    migration.await_phase("pre-copy")
    console.guest.command("mode 1024x768 2")
    migration.wait()
    during = graphic.check_screen(console.client)
    assert size(during) == (1024, 768)
    console.guest.command("mode 640x480 3")
    assert size(graphic.check_screen(console.client)) == (640, 480)
    console.guest.command("mode console")


def test_modes_change_all_the_time(graphic, console):
    """A change of mode every 100 ms meets every phase of the move sooner or later."""
    console.guest.command("cycle 100")
    console.client.await_event("resized")
    console.pair.migrate()
    for _ in range(3):
        console.client.await_event("resized", since=console.client.journal.mark())
    console.guest.command("cycle 0")
    console.guest.command("mode 800x600 4")
    assert size(graphic.check_screen(console.client)) == (800, 600)
    console.guest.command("mode console")


def test_all_of_a_large_screen_changes(graphic):
    """Noise, which no lossless encoding makes smaller. Domain R has not the memory for two such pictures at
    once, and does not need it."""
    domain_r = graphic.pair.status()["domain_r"]["pid"]
    with at_console(graphic, "--encodings", "raw", clients=2) as console:
        console.guest.command("mode 1920x1080 5")
        clients = [console.client, console.enter(contextlib.closing(graphic.client("--encodings", "tight")))]
        console.guest.command("video 25", 60)
        for client in clients:
            client.do("statistics reset")
            await_true(lambda client=client: client.do("statistics keep")["changes"] > 5, 60, "changes are seen")
        console.guest.command("video 0")
        for client in clients:
            assert size(graphic.check_screen(client)) == (1920, 1080)
        assert graphic.pair.status()["domain_r"]["pid"] == domain_r
        console.guest.command("mode console")
