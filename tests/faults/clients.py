# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that are in the way of a co-migration: many, or with more than a console can take.

They come while it is held, and stay over the switch-over until the row is over. Whoever typed before
them goes on typing, and Domain R, with as little memory as it has, lives.
"""

import contextlib
import pathlib
import subprocess

import lab

from .row import DESTINATION, DONE, Expected, Row

FLOOD = pathlib.Path(lab.__file__).parent / "flood.py"
GOES_ON = Expected(DESTINATION, (DONE,))
# What, and by how many at once
FLOODS = {
    "a client floods the console with input": ("input", 1),
    "a client asks for updates and never reads": ("updates", 1),
    "20 clients ask for 500 updates each and never read": ("burst", 20),
    "a client connects and disconnects over and over": ("visits", 1),
    "100 clients connect and say nothing": ("silence", 100),
}


@contextlib.contextmanager
def flood(scene, what, count):
    words = [str(FLOOD), scene.pair.address, scene.pair.port, what, count]
    process = subprocess.Popen(scene.lab.client_command(words), stdout=subprocess.PIPE, text=True)
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"the clients have gone by themselves, with status {process.returncode}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def come(what, count):
    def act(scene):
        process = scene.enter(flood(scene, what, count))
        if process.stdout.readline() != "flooding\n":
            raise RuntimeError(f"the clients that were to flood the console have ended with status {process.wait()}")

    return act


def rows():
    for words, (what, count) in FLOODS.items():
        for moment in ("pre-copy", "converged", "stop-r"):
            yield Row(words, moment, GOES_ON, inject=come(what, count), quick=(what, moment) == ("visits", "converged"))
