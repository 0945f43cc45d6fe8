# SPDX-License-Identifier: GPL-2.0-or-later
"""What Domain R adds to a key press: the same path with the same program run on the host instead, part by part."""

from lab.lab import run

from ..bare import BarePair
from ..figures import median
from ..plot import bars
from ..result import Result
from ..systems import CELLS, in_turns

SCREEN = "virtio-vga"
RATE = 10
COUNT, ROUNDS = 120, 4
PARTS = ("in: press to kick", "user VM: kick to kick", "out: kick to update")
ADDED_MS = 2


def parts_of(pressed, answered, kicks):
    """The three parts of one press, in us; None when its kicks are not to be told from another's."""
    into = [time for kind, time in kicks if kind == "from" and pressed < time < answered]
    out = [time for kind, time in kicks if kind == "to" and into and into[0] < time < answered]
    return (into[0] - pressed, out[-1] - into[0], answered - out[-1]) if out else None


def measure(result, system, seed):
    cell, columns = CELLS[SCREEN]
    system.guest.command("clear")
    mark = system.kicks.mark()
    seen = system.measure("echo", RATE, COUNT // ROUNDS, cell, columns, seed)
    kicks = system.kicks.since(mark)
    for pressed, latency in zip(seen["pressed_us"], seen["ms"]):
        if latency is None:
            continue
        result.sample(system.name, "all", [latency])
        parts = parts_of(pressed, pressed + latency * 1000, kicks)
        for name, part in zip(PARTS, parts or ()):
            result.sample(system.name, name, [part / 1000])


def round_trips(lab, address, count=50):
    """Of pings, in ms: what the network and, of a VM, its interrupts and its kernel take."""
    output = run(*lab.client_command(["ping", "-c", count, "-i", "0.05", address]))
    return [float(line.rsplit("time=", 1)[1].split()[0]) for line in output.splitlines() if "time=" in line]


def parts(lab_of):
    lab = lab_of()
    systems = [BarePair(lab, "in its VM", 31, False), BarePair(lab, "on the host", 32, True)]
    for system in systems:
        system.await_boot()
        system.set_screen(SCREEN)
    result = Result("parts", "What Domain R adds")
    for seed, system in in_turns(systems, ROUNDS):
        measure(result, system, seed)
        result.sample(system.name, "ping", round_trips(lab, system.address))
    rows = []
    for what in (*PARTS, "all", "ping"):
        vm, host = (median(result.of(system.name, what)) for system in systems)
        rows.append([what, vm, host, vm - host])
    result.table(["median, ms", *(f"domr {system.name}" for system in systems), "added"], rows)
    result.aim("what Domain R adds", rows[3][3], ADDED_MS, " ms")
    bars(result, "ms", median)
    return result
