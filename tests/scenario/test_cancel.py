# SPDX-License-Identifier: GPL-2.0-or-later
"""A co-migration that is cancelled before its commit leaves both VMs on the source, and the console as
if nothing had been."""

import signal
import subprocess
import sys

import pytest

from conftest import sanitized_only
from lab import CommandFailed, processes
from lab.typist import Typist
from lab.waiting import await_true

pytestmark = sanitized_only

BUSY, CANCELLED = 5, 7  # dmore's exit statuses, src/base/error.h
MIGRATED = 5  # s, for the source's hypervisor to hear of it; much of COMPLETE_MS in src/comigrate/source-internal.h
REMOVED = 20  # s, for dmored to clean up
PHASES = ["offer", "prepare", "pre-copy", "converged", "stop-r", "quiesce", "stop-u", "handover", "complete"]
DOMAIN_R_IS_STOPPED = PHASES[PHASES.index("stop-r") + 1:]  # at the beginning of the phase
USER_VM_IS_STOPPED = PHASES[PHASES.index("stop-u") + 1:]


# Runs on a host; told to, it waits until a hypervisor there announces a VM's address to the switch (RARP).
LISTENER = """
import socket
input()
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # every protocol
packets.bind(("up0", 3))
packets.settimeout(60)
print("listening", flush=True)
while True:
    _, (_, protocol, way, *_) = packets.recvfrom(2048)
    if protocol == 0x8035 and way == socket.PACKET_OUTGOING:
        break
print("heard", flush=True)
"""


@pytest.fixture
def console(held, held_console):
    """elsewhere: what runs on the other host before anything comes there."""
    held_console.elsewhere = held.lab.other(held.pair.host).pair_processes()
    return held_console


def check_back_on_source(held, console, typist):
    """Nothing was lost, nothing is on the other host, and the pair can move afterwards."""
    console.check_typed(typist.stop())
    status = held.pair.status()
    assert status["state"] == "running"
    assert held.lab.other(held.pair.host).stayed(console.elsewhere) == []
    held.check_screen(console.client)


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled_in_phase(held, console, phase):
    held.hold_at(phase)
    typist = Typist(console.client)
    typist.start()
    console.await_typed(10)
    migration = held.pair.start_migrate()
    held.await_held()
    status = held.pair.status()
    assert status["phase"] == phase
    assert (status["domain_r"]["state"] == "running") == (phase not in DOMAIN_R_IS_STOPPED)
    assert (status["user_vm"]["state"] == "running") == (phase not in USER_VM_IS_STOPPED)
    held.pair.cancel()
    assert held.pair.status()["state"] == "running"
    with pytest.raises(CommandFailed) as failure:
        migration.wait()
    assert failure.value.status == CANCELLED
    check_back_on_source(held, console, typist)


def test_too_late(held, console, lab):
    """Once the commit is sent a cancel is refused, and whoever has asked for it is told."""
    held.hold_at("commit")
    migration = held.pair.start_migrate()
    held.await_held()
    with processes.halted(processes.parent(lab.other(held.pair.host).hypervisor(held.pair.name))):
        held.release()
        held.await_state("undecided")
        with pytest.raises(CommandFailed, match="too late") as failure:
            held.pair.cancel()
        assert failure.value.status == BUSY
        migration.interrupt(signal.SIGINT)
        migration.await_message("not cancelled: it is too late")
    migration.wait()
    held.check_screen(console.client)


def test_cancelled_while_nothing_is_heard(held, console, lab):
    """The other host's dmore-pair stands still when it has loaded both VMs: a cancel does not wait for it.
    The hypervisors there have announced the VMs' addresses, so they are announced here again."""
    listener = subprocess.Popen(held.pair.host.command([sys.executable, "-c", LISTENER]),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    lab.on_close(listener.kill)
    held.hold_at("loaded")
    typist = Typist(console.client)
    typist.start()
    migration = held.pair.start_migrate()
    held.await_held()
    destination = lab.other(held.pair.host)
    there = set(destination.pair_processes()) - set(console.elsewhere)
    listener.stdin.write("listen\n")
    assert listener.stdout.readline() == "listening\n"
    with processes.halted(processes.parent(destination.hypervisor(held.pair.name))):
        held.release()
        await_true(lambda: held.pair.status()["user_vm"]["state"] == "migrated", MIGRATED, "migrated")
        migration.interrupt(signal.SIGINT)
        held.await_state("running")
    with pytest.raises(CommandFailed) as failure:
        migration.wait()
    assert failure.value.status == CANCELLED
    assert all(processes.await_end(pid) for pid in there)
    assert listener.communicate(timeout=70)[0] == "heard\n"
    check_back_on_source(held, console, typist)


def test_interrupted_at_the_keyboard(held, console):
    """Ctrl-C during pre-copy is a cancel."""
    held.hold_at("converged")
    typist = Typist(console.client)
    typist.start()
    migration = held.pair.start_migrate()
    held.await_held()
    migration.interrupt(signal.SIGINT)
    with pytest.raises(CommandFailed) as failure:
        migration.wait()
    assert failure.value.status == CANCELLED
    check_back_on_source(held, console, typist)


def test_user_vm_that_has_stopped(held, console):
    """By an operator's hand here, as by a full disk: QEMU does not hold such a migration, and the VM would come
    out running on the other host."""
    held.hold_at("pre-copy")
    typist = Typist(console.client)
    typist.start()
    migration = held.pair.start_migrate()
    held.await_held()
    held.pair.user_vm_monitor("stop")
    held.release()
    with pytest.raises(CommandFailed, match="while it is paused"):
        migration.wait()
    held.pair.user_vm_monitor("cont")
    held.lab.lives.pardon(held.pair.name)
    check_back_on_source(held, console, typist)


def test_destination_dies_before_the_commit(held, console, lab):
    """The other host's half is killed; the source goes on alone. What a killed process leaves on its
    host, dmored removes."""
    held.hold_at("stop-u")
    typist = Typist(console.client)
    typist.start()
    migration = held.pair.start_migrate()
    held.await_held()
    destination = lab.other(held.pair.host)
    processes.kill(*(set(destination.pair_processes()) - set(console.elsewhere)))
    held.release()
    with pytest.raises(CommandFailed):
        migration.wait()
    await_true(lambda: not destination.pair_files(held.pair.name).exists(), REMOVED, "left-overs removed")
    check_back_on_source(held, console, typist)


def test_moves_after_all_that(held, console):
    """No cancelled attempt has left anything in the way."""
    held.pair.migrate()
    console.client.type("moved")
    assert console.await_typed(5) == b"moved"
    held.check_screen(console.client)
