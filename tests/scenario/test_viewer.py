# SPDX-License-Identifier: GPL-2.0-or-later
"""A viewer that people use, TigerVNC's, on an X server without a screen."""

import contextlib
import os
import subprocess
import time

import pytest

from conftest import at_console
from lab.picture import Picture

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


@contextlib.contextmanager
def viewer(lab, desktop, bench):
    """The viewer at a bench's console; its window, once that is there."""
    with open(lab.directory / "viewer.log", "ab") as log:
        process = desktop.start(
            "xtigervncviewer", "-SecurityTypes=None", "-RemoteResize=0", "-AutoSelect=0", "-NoJPEG=1",
            "-PreferredEncoding=ZRLE", "-AlertOnFatalError=0", "-ReconnectOnError=0", "-Shared=1", "-MenuKey=",
            f"{bench.pair.address}::{bench.pair.port}", stdout=log, stderr=log)
    try:
        found = desktop.run("xdotool", "search", "--sync", "--onlyvisible", "--name", "TigerVNC")
        window = found.split()[0].decode()
        desktop.run("xdotool", "windowfocus", "--sync", window)
        yield window
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait()


def keep_png(picture, name):
    """For whoever wants to see it: $DMORE_PICTURES is a directory."""
    directory = os.environ.get("DMORE_PICTURES")
    if directory:
        os.makedirs(directory, exist_ok=True)
        picture.write_png(f"{directory}/{name}.png")


def same_picture(desktop, window, bench, observer, timeout=10):
    """The viewer's window shows what the guest shows. The observer, another client, knows when the
    guest's screen rests; when the viewer has drawn, only its window tells."""
    observer.await_stable(500)
    real = bench.pair.screendump()
    deadline = time.monotonic() + timeout
    while (shown := desktop.screenshot(window)) != real:
        assert time.monotonic() < deadline, shown.differences(real)
    return shown


def test_typing_in_tigervnc_across_a_move(lab, desktop, bench):
    text = "the quick brown fox jumps over the lazy dog 0123456789 " * 3
    with at_console(bench, clients=2) as console:
        window = console.enter(viewer(lab, desktop, bench))
        keep_png(same_picture(desktop, window, bench, console.client), "viewer-before")
        typing = desktop.start("xdotool", "type", "--delay", "60", text)
        console.await_typed(10)
        bench.pair.migrate()
        assert typing.wait(60) == 0
        console.check_typed(text)
        keep_png(same_picture(desktop, window, bench, console.client), "viewer-after")


def test_pointer_in_tigervnc(lab, desktop, bench):
    """A click in the middle of the window is one in the middle of the guest's screen."""
    with at_console(bench, clients=2) as console:
        window = console.enter(viewer(lab, desktop, bench))
        picture = desktop.screenshot(window)
        bench.pair.migrate()
        desktop.run("xdotool", "mousemove", "--window", window, str(picture.width // 2), str(picture.height // 2))
        desktop.run("xdotool", "click", "1")
        console.guest.await_line("K 272 0", since=console.mark)
        place = {code: value for kind, code, value in console.guest.inputs(console.mark) if kind == "A"}
        assert abs(place[0] - 16383) < 200
        assert abs(place[1] - 16383) < 200
