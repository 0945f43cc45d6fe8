# SPDX-License-Identifier: GPL-2.0-or-later
"""Co-migrations beside plain migrations of the same user VM: how long they take, and how long the pause is."""

import itertools

from lab import Client

from ..figures import median, number
from ..plot import bars
from ..result import Result
from ..systems import Dmore, Stock, in_turns

BANDWIDTH = 32 << 20  # bytes a second, for both: so that it is the limit, and not the processors
DRAW_MS = 20  # how often the guest draws a line
ROUNDS = 4
LOADS = {"idle": "0", "dirty": "8 32"}  # of the guest: MB a second, in how many MB
PHASES = ("offer", "prepare", "pre-copy", "converged", "stop-r", "quiesce", "stop-u", "handover", "complete", "commit",
          "retire")
TICKS_AFTER = 10  # of the guest's clock, which reports ten times a second


def under_eyes(system, load):
    """Move a system while its guest draws and a client looks on.

    What the move has told, and as "gap" the longest time that the picture stood still. A client of a stock
    VM has to connect again: one that knows the new address and does so as soon as the VM runs there. For it the
    time from the VM's stop to the new connection counts, without its first picture.
    """
    system.guest.command("clear")
    system.guest.command(f"dirty {LOADS[load]}")
    system.guest.command(f"busy {DRAW_MS}")
    client = Client(system.lab, system.address, system.port, ("-e", "zrle"), "watcher")
    try:
        await_ticks(system.guest)
        client.do("statistics reset")
        moved = system.migrate(BANDWIDTH)
        if system.stays_connected:
            await_ticks(system.guest)
            moved["gap"] = client.do("statistics keep")["longest_gap_ms"]
        else:
            again = Client(system.lab, system.address, system.port, ("-e", "zrle"), "reconnected")
            moved["gap"] = (again.connected["t"] - system.stopped_at) * 1000
            again.close()
        return moved
    finally:
        system.guest.command("busy 0")
        system.guest.command("dirty 0")
        client.close()


def await_ticks(guest):
    mark = guest.mark()
    for _ in range(TICKS_AFTER):
        guest.await_line("C ", 30, mark)
        mark = guest.mark()


def migration(lab_of):
    lab = lab_of(bandwidth=f"{BANDWIDTH >> 20}M")
    pair = Dmore(lab)
    alone = [Stock(lab, pair), Stock(lab, pair, encrypted=True)]
    systems = [pair, *alone]
    for system in systems:
        system.await_boot()
        system.set_screen("virtio-vga")
    result = Result("migration", "A co-migration, beside migrating the user VM alone")
    for load in LOADS:
        for _, system in in_turns(systems, ROUNDS):
            for what, value in under_eyes(system, load).items():
                result.sample(system.name, f"{load}: {what}", [value])

    def figure(system, load, what):
        values = result.of(system.name, f"{load}: {what}")
        return median(values) if values else None

    result.table(["guest", "system", "total, ms", "client's picture stood still, ms", "user VM paused, ms",
                  "Domain R paused, ms"],
                 [[load, system.name, *(figure(system, load, what) for what in ("total", "gap", "user VM", "Domain R"))]
                  for load in LOADS for system in systems])
    result.table(["guest", *(f"{phase}, ms" for phase in PHASES)],
                 [[load, *(figure(pair, load, phase) for phase in PHASES)] for load in LOADS])
    for load, stock in itertools.product(LOADS, alone):
        what = f"{load}, {'with the same encryption' if stock.encrypted else 'without encryption'}"
        result.aim(f"{what}: the client's longest pause, to 1.2 times the user VM's alone and 30 ms",
                   figure(pair, load, "gap"), 1.2 * figure(stock, load, "user VM") + 30, " ms")
        result.aim(f"{what}: Domain R's pause, to the same", figure(pair, load, "Domain R"),
                   1.2 * figure(stock, load, "user VM") + 30, " ms")
        size = figure(pair, load, "bytes of Domain R")
        result.aim(f"{what}: total time, to 1.1 times that of the user VM alone and Domain R's "
                   f"{size / 2**20:.0f} MB over the bandwidth", figure(pair, load, "total"),
                   1.1 * figure(stock, load, "total") + size / BANDWIDTH * 1000, " ms")
    result.headline = (f"While the VM moves, the console's picture stands still for {number(figure(pair, 'idle', 'gap'))} ms, and the "
                       f"connection stays; with QEMU's own VNC server it ends.")
    result.note(f"All with {BANDWIDTH >> 20} MB/s. The guest draws a line every {DRAW_MS} ms; \"dirty\": and writes "
                f"{LOADS['dirty'].split()[0]} MB/s of memory. QEMU's client connects again, see the text.")
    if blocks := figure(pair, "idle", "blocks"):
        result.note(f"When `dmore migrate` returned, about {number(figure(pair, 'idle', 'retire'))} ms after the resume, the user VM's QEMU had "
                    f"translated {number(blocks)} blocks of its guest's code anew.")
    bars(result, "ms", median, log=True, kinds=[f"{load}: {what}" for load in LOADS for what in ("total", "gap", "user VM")])
    return result
