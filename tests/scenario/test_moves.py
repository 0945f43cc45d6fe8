# SPDX-License-Identifier: GPL-2.0-or-later
"""Several moves in a row: nothing wears off."""

from conftest import alone, sanitized_too
from lab import processes
from lab.typist import Typist

pytestmark = [alone, sanitized_too]


def test_three_moves_in_a_row(bench, console):
    typist = Typist(console.client)
    typist.start()
    hosts = [console.pair.host.name]
    for _ in range(3):
        console.pair.migrate()
        hosts.append(console.pair.host.name)
    console.check_typed(typist.stop())
    bench.check_screen(console.client)
    assert hosts[0] == hosts[2] != hosts[1] == hosts[3]


def test_nothing_is_left_behind(console):
    """The source keeps neither a process nor a file of a pair that has moved away."""
    source, name = console.pair.host, console.pair.name
    status = console.pair.status()
    running = [source.dmore_pair(name), *(status[vm]["pid"] for vm in ("user_vm", "domain_r"))]
    console.pair.migrate()
    # dmore-pair answers before it ends, and under a leak checker its end takes a while.
    assert [pid for pid in running if not processes.await_end(pid)] == []
    assert not source.pair_files(name).exists()


def test_status_tells_of_the_move(console):
    before = console.pair.status()["migrations"]
    result = console.pair.migrate()
    status = console.pair.status()
    assert status["state"] == "running"
    assert status["migrations"] == before + 1
    assert status["domain_r"]["write_back"] is True
    assert [phase["name"] for phase in result["phases"]][0] == "offer"
    # Domain R stops before its user VM and goes on after it.
    assert 0 < result["user_vm_pause_ms"] < result["domain_r_pause_ms"]
    assert result["total_ms"] >= result["domain_r_pause_ms"]
