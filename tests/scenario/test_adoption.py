# SPDX-License-Identifier: GPL-2.0-or-later
"""dmore-pair is killed: its VMs go on, and another one takes them over, which nobody at the console loses
a key by."""

import os
import signal
import subprocess
import time

import pytest

from conftest import alone, sanitized_only
from lab import CommandFailed, Pair, processes
from lab.typist import Typist
from lab.waiting import await_true

SILENT = 120  # s: what does not answer is given up after 30
BACK_S = 2  # from the end of a dmore-pair to the first key that arrives in the guest


def dmore_pair(pair):
    """The process that runs the pair."""
    return pair.host.dmore_pair(pair.name)


def await_adoption(pair, count, timeout=30):
    """Until the pair has been taken over that often and runs; its status."""
    deadline = time.monotonic() + timeout
    while True:
        status = pair.status()
        if status.get("adoptions", 0) >= count and status["state"] == "running":
            return status
        assert time.monotonic() < deadline, f"{pair.name} is not taken over"
        time.sleep(0.02)


def back_after(console, typist, killed):
    """How long after the kill the first key arrived that was pressed after it."""
    first = next(i for i, when in enumerate(typist.key_times) if when > killed)
    return console.guest.typed_times(console.mark)[first] - killed


@alone
def test_console_is_back(bench, console):
    adoptions = bench.pair.status()["adoptions"]
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    killed = time.monotonic()
    processes.kill(dmore_pair(bench.pair))
    status = await_adoption(bench.pair, adoptions + 1)
    console.await_typed(len(console.typed()) + 40)
    console.check_typed(typist.stop())
    back = back_after(console, typist, killed)
    print(f"\nthe console was back after {back * 1000:.0f} ms")
    assert back <= BACK_S
    assert not any(stream["broken"] for stream in status["streams"])
    bench.check_screen(console.client)


@sanitized_only
def test_three_in_a_row_and_a_move(bench, console):
    pair = bench.pair
    adoptions = pair.status()["adoptions"]
    user_vm, domain_r = (pair.status()[vm]["pid"] for vm in ("user_vm", "domain_r"))
    counts = []
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    for number in range(1, 4):
        killed = time.monotonic()
        processes.kill(dmore_pair(pair))
        await_adoption(pair, adoptions + number)
        console.await_typed(len(console.typed()) + 20)
        print(f"\nadoption {number}: {(time.monotonic() - killed) * 1000:.0f} ms to twenty more characters")
        counts.append([len(processes.open_files(pid)) for pid in (user_vm, domain_r, dmore_pair(pair))])
    assert counts[0][1:] == counts[1][1:] == counts[2][1:], "descriptors of Domain R and dmore-pair"
    # QEMU 10.0 keeps the socket of each display listener that goes without a goodbye.
    assert counts[2][0] - counts[0][0] <= 2, "descriptors of the user VM"
    pair.migrate()
    assert pair.status()["adoptions"] == 0
    console.await_typed(len(console.typed()) + 20)
    console.check_typed(typist.stop())
    bench.check_screen(console.client)


@sanitized_only
def test_dmored_finds_everything_again(bench, console):
    """Neither is there: the status says so, and a new dmored finds the pair."""
    host, pair = bench.pair.host, bench.pair
    adoptions = pair.status()["adoptions"]
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    host.stop_dmored()
    try:
        processes.kill(dmore_pair(pair))
        status = pair.status()
    finally:
        host.start_dmored(bench.lab.environment)
    assert status["state"] == "forsaken"
    assert "its VMs go on" in status["note"]
    await_adoption(pair, adoptions + 1)
    processes.kill(dmore_pair(pair))
    await_adoption(pair, adoptions + 2)
    console.await_typed(len(console.typed()) + 20)
    console.check_typed(typist.stop())


@sanitized_only
@pytest.mark.parametrize("phase", ["pre-copy", "quiesce", "handover"])
def test_killed_in_a_migration(held, held_console, phase):
    """Before the commit is sent the pair goes on where it is, as after a cancel."""
    pair, console = held.pair, held_console
    adoptions = pair.status()["adoptions"]
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    held.hold_at(phase)
    migration = pair.start_migrate()
    held.await_held()
    processes.kill(dmore_pair(pair))
    with pytest.raises(CommandFailed) as failure:
        migration.wait()
    assert f"dmore status {pair.name}" in failure.value.message
    held.release()
    status = await_adoption(pair, adoptions + 1)
    assert status["user_vm"]["state"] == status["domain_r"]["state"] == "running"
    console.await_typed(len(console.typed()) + 20)
    console.check_typed(typist.stop())
    held.check_screen(console.client)

    pair.migrate()
    console.client.type("moved")
    console.await_typed(len(typist.text) + len("moved"))
    held.check_screen(console.client)


@sanitized_only
def test_down_without_dmore_pair(lab):
    """Neither dmored nor dmore-pair is there, and the pair is taken down all the same."""
    pair = Pair(lab, "forsaken", 60).up(lab.a)
    files, status = lab.a.pair_files("forsaken"), pair.status()
    lab.a.stop_dmored()
    try:
        processes.kill(dmore_pair(pair))
        pair.down()
    finally:
        lab.a.start_dmored(lab.environment)
    assert not files.exists()
    for vm in ("user_vm", "domain_r"):
        assert processes.await_end(status[vm]["pid"], 0)


@sanitized_only
def test_down_while_a_vm_hangs(lab):
    """Nobody can take over a user VM that does not answer, but it can be taken down."""
    pair = Pair(lab, "stuck", 63).up(lab.a)
    files, status = lab.a.pair_files("stuck"), pair.status()
    with processes.halted(status["user_vm"]["pid"]):
        processes.kill(dmore_pair(pair))
        assert "were killed" in pair.dmore("down", pair.name, timeout=SILENT)
    assert not files.exists()
    for vm in ("user_vm", "domain_r"):
        assert processes.await_end(status[vm]["pid"], 0)
    pair.up(lab.a).down()


@sanitized_only
def test_domain_r_hangs(lab):
    """The one that takes over replaces a Domain R that does not answer, as if it had ended."""
    pair = Pair(lab, "silent", 64).up(lab.a)
    before = pair.status()
    with processes.halted(before["domain_r"]["pid"]):
        processes.kill(dmore_pair(pair))
        status = await_adoption(pair, 1, SILENT)
        assert processes.await_end(before["domain_r"]["pid"], 0)
    await_true(lambda: pair.status()["domain_r"]["state"] == "running", 60, "another Domain R")
    assert status["user_vm"]["pid"] == before["user_vm"]["pid"]
    assert pair.status()["domain_r"]["pid"] != before["domain_r"]["pid"]
    pair.down()


@sanitized_only
def test_log_of_an_earlier_pair_is_still_open(lab):
    """The kernel watches a removed directory for as long as a file of it is open; the next pair of that
    name is taken over all the same."""
    pair = Pair(lab, "again", 61).up(lab.a)
    with open(lab.a.pair_files("again") / "pair.log", encoding="utf-8"):
        pair.down()
        pair.up(lab.a)
        processes.kill(dmore_pair(pair))
        await_adoption(pair, 1)
    pair.down()


@sanitized_only
def test_killed_while_it_starts_another_user_vm(lab):
    """A user VM that has not run yet is not there afterwards, and is asked for again."""
    pair = Pair(lab, "afresh", 62).up(lab.a)
    before = pair.status()
    processes.kill(before["user_vm"]["pid"])
    await_true(lambda: pair.status()["user_vm"]["state"] == "gone", 10, "the user VM is gone")
    os.kill(before["domain_r"]["pid"], signal.SIGSTOP)  # it does not take up its streams
    up = subprocess.Popen(lab.a.dmore("up", pair.file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_true(lambda: pair.status()["user_vm"]["state"] == "paused", 20, "another one is there")
        processes.kill(dmore_pair(pair))
    finally:
        os.kill(before["domain_r"]["pid"], signal.SIGCONT)
        assert up.wait() != 0
    assert await_adoption(pair, 1)["user_vm"]["state"] == "gone"
    pair.dmore("up", pair.file)
    assert pair.status()["user_vm"]["state"] == "running"
    pair.down()


@sanitized_only
def test_a_note_cannot_be_read(lab):
    """Whether the pair may run here cannot be told, so nothing of it is touched until it can."""
    pair = Pair(lab, "noted", 63).up(lab.a)
    user_vm = pair.status()["user_vm"]["pid"]
    note = lab.a.state_dir / "comigrations" / "00000000-0000-4000-8000-000000000063"
    note.write_text("nonsense")
    try:
        files, log = len(processes.open_files(user_vm)), len(lab.a.log())
        processes.kill(dmore_pair(pair))
        await_true(lambda: lab.a.log()[log:].count("for the pair noted has ended with status 1") >= 3, 20,
                   "three attempts")
        assert len(processes.open_files(user_vm)) <= files
    finally:
        note.unlink()
    await_adoption(pair, 1)
    pair.down()
