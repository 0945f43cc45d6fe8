# SPDX-License-Identifier: GPL-2.0-or-later
"""More than one client at a console, and other consoles beside it."""

from conftest import Bench, Console
from lab.typist import Typist


def test_two_clients_at_once(bench):
    """Both see the same, both may type, and neither loses its connection when the pair moves."""
    console = Console(bench)
    second = bench.client("--encodings", "tight raw")
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    pending = second.start("path 20 150 10 10 500 200")
    console.pair.migrate()
    text = typist.stop()
    pending.wait()
    console.await_typed(len(text))
    assert console.typed() == typist.expected()
    second.type("second")
    console.await_typed(len(text) + 6)
    assert console.typed().endswith(b"second")
    assert bench.check_screen(console.client) == bench.check_screen(second)
    assert not second.disconnected()
    console.check(clients=2)
    second.close()
    console.client.close()


def test_second_pair_is_left_alone(lab, bench):
    """One of two pairs on a host moves; whoever types at the other's console sees nothing of it."""
    other = Bench(lab, "other", 20)
    if bench.pair.host is not other.pair.host:
        bench.pair.migrate()
    try:
        console, neighbour = Console(bench), Console(other)
        pids = other.pair.status()["user_vm"]["pid"], other.pair.status()["domain_r"]["pid"]
        mover, resident = Typist(console.client), Typist(neighbour.client)
        mover.start()
        resident.start()
        console.await_typed(20)
        bench.pair.migrate()
        for typist, one in ((mover, console), (resident, neighbour)):
            text = typist.stop()
            one.await_typed(len(text))
            assert one.typed() == typist.expected()
        status = other.pair.status()
        assert (status["user_vm"]["pid"], status["domain_r"]["pid"]) == pids
        assert status["migrations"] == 0
        other.check_screen(neighbour.client)
        for one in (console, neighbour):
            one.check()
            one.client.close()
    finally:
        other.close()
