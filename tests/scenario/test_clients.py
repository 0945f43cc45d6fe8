# SPDX-License-Identifier: GPL-2.0-or-later
"""More than one client at a console, and other consoles beside it."""

import contextlib

import pytest

from conftest import Bench, at_console
from lab.typist import Typist


def test_two_clients_at_once(bench):
    """Both see the same, both may type, and neither loses its connection when the pair moves."""
    with at_console(bench, clients=2) as console:
        second = console.enter(contextlib.closing(bench.client("--encodings", "tight raw")))
        typist = Typist(console.client)
        typist.start()
        console.await_typed(20)
        pending = second.start("path 20 150 10 10 500 200")
        console.pair.migrate()
        text = typist.stop()
        pending.wait()
        console.check_typed(text)
        second.type("second")
        console.check_typed(text + "second")
        assert bench.check_screen(console.client) == bench.check_screen(second)
        assert not second.disconnected()


@pytest.fixture
def neighbour(lab):
    """Another pair on the host where the common pair is."""
    neighbour = Bench(lab, "other", 20)
    yield neighbour
    neighbour.close()


def test_second_pair_is_left_alone(bench, neighbour):
    """One of two pairs on a host moves; whoever types at the other's console sees nothing of it."""
    if bench.pair.host is not neighbour.pair.host:
        bench.pair.migrate()
    before = neighbour.pair.status()
    with at_console(bench) as moving, at_console(neighbour) as resting:
        mover, resident = Typist(moving.client), Typist(resting.client)
        mover.start()
        resident.start()
        moving.await_typed(20)
        bench.pair.migrate()
        moving.check_typed(mover.stop())
        resting.check_typed(resident.stop())
        neighbour.check_screen(resting.client)
        after = neighbour.pair.status()
        assert after["user_vm"]["pid"] == before["user_vm"]["pid"]
        assert after["domain_r"]["pid"] == before["domain_r"]["pid"]
        assert after["migrations"] == 0
