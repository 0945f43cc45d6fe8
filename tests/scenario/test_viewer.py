# SPDX-License-Identifier: GPL-2.0-or-later
"""A viewer that people use, TigerVNC's, on an X server without a screen."""

import os
import subprocess

import pytest

from conftest import Console
from lab.picture import Picture, imagemagick

SIZE = "1280x800"


class Desktop:
    """An X server in the client's namespace, and programs on it."""

    def __init__(self, lab):
        self.lab = lab
        reading, writing = os.pipe()
        self.server = subprocess.Popen(
            lab.client_command(["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{SIZE}x24",
                                "-nolisten", "tcp"]),
            pass_fds=[writing], stderr=open(lab.directory / "xvfb.log", "ab"))
        os.close(writing)
        with os.fdopen(reading) as display:
            self.display = f":{display.readline().strip()}"

    def start(self, *words, **options):
        return subprocess.Popen(self.lab.client_command(words),
                                env={**os.environ, "DISPLAY": self.display}, **options)

    def run(self, *words):
        result = subprocess.run(self.lab.client_command(words), check=True, stdout=subprocess.PIPE,
                                env={**os.environ, "DISPLAY": self.display})
        return result.stdout

    def screenshot(self, window):
        return Picture.parse_ppm(self.run("import", "-window", window, "-depth", "8", "ppm:-"))

    def close(self):
        self.server.terminate()
        self.server.wait()


@pytest.fixture
def desktop(lab):
    desktop = Desktop(lab)
    yield desktop
    desktop.close()


@pytest.fixture
def viewer(lab, desktop, bench):
    """The viewer, and its window, once that is there."""
    log = open(lab.directory / "viewer.log", "ab")
    process = desktop.start(
        "xtigervncviewer", "-SecurityTypes=None", "-RemoteResize=0", "-AutoSelect=0", "-NoJPEG=1",
        "-PreferredEncoding=ZRLE", "-AlertOnFatalError=0", "-ReconnectOnError=0", "-Shared=1",
        f"{bench.pair.address}::{bench.pair.port}", stdout=log, stderr=log)
    window = desktop.run("xdotool", "search", "--sync", "--onlyvisible", "--name", "TigerVNC").split()[0].decode()
    desktop.run("xdotool", "windowfocus", "--sync", window)
    yield process, window
    process.terminate()
    process.wait()
    log.close()


def keep_png(lab, picture, name):
    directory = os.environ.get("DMORE_PICTURES")
    if directory:
        os.makedirs(directory, exist_ok=True)
        picture.write_png(f"{directory}/{name}.png")


def same_picture(desktop, window, bench, observer):
    """The viewer's window shows what the guest shows; observer knows when the guest's screen rests."""
    observer.await_stable(500)
    shown, real = desktop.screenshot(window), bench.pair.screendump()
    assert (shown.width, shown.height) == (real.width, real.height)
    assert shown == real, shown.differences(real)
    return shown


def test_typing_in_tigervnc_across_a_move(lab, desktop, bench, request):
    console = Console(bench)
    process, window = request.getfixturevalue("viewer")
    keep_png(lab, same_picture(desktop, window, bench, console.client), "viewer-before")
    text = "the quick brown fox jumps over the lazy dog 0123456789 "
    typing = desktop.start("xdotool", "type", "--delay", "60", text * 3)
    console.await_typed(10)
    bench.pair.migrate()
    assert typing.wait(60) == 0
    console.await_typed(len(text) * 3)
    assert console.typed() == (text * 3).encode()
    keep_png(lab, same_picture(desktop, window, bench, console.client), "viewer-after")
    assert process.poll() is None
    console.check(clients=2)
    console.client.close()


def test_pointer_in_tigervnc(lab, desktop, bench, request):
    """A click in the middle of the window is one in the middle of the guest's screen."""
    console = Console(bench)
    process, window = request.getfixturevalue("viewer")
    picture = desktop.screenshot(window)
    bench.pair.migrate()
    desktop.run("xdotool", "mousemove", "--window", window, str(picture.width // 2), str(picture.height // 2))
    desktop.run("xdotool", "click", "1")
    console.guest.await_line("K 272 0", since=console.mark)
    place = {code: value for kind, code, value in console.guest.inputs(console.mark) if kind == "A"}
    assert abs(place[0] - 16383) < 200
    assert abs(place[1] - 16383) < 200
    assert process.poll() is None
    console.check(clients=2)
    console.client.close()


def test_imagemagick_is_there():
    """The stories above would compare nothing without it."""
    assert subprocess.run([imagemagick(), "-version"], check=True, stdout=subprocess.DEVNULL).returncode == 0
