# SPDX-License-Identifier: GPL-2.0-or-later
"""What a console costs when nobody does anything: memory, and processor time with and without a client."""

import time

from lab import Client

from ..figures import median
from ..plot import bars
from ..processes import Usage, pss_mb
from ..result import Result
from ..systems import Dmore, Stock, in_turns

ROUNDS = 4
SECONDS = 8
SETTLE_S = 4  # also after a client has come
CLIENTS = ("no client", "a client")
NOISE = 0.5  # percent of a processor; the differences between two stock VMs that idle are as large


def shares(system):
    """Percent of a processor that each process takes in the next seconds."""
    with Usage(system.pids()) as usage:
        time.sleep(SECONDS)
    return {name: 100 * seconds / SECONDS for name, seconds in usage.cpu_s.items()}


def idle(lab_of):
    lab = lab_of()
    pair = Dmore(lab)
    systems = [pair, Stock(lab, pair, "PS/2"), Stock(lab, pair, "usb-kbd")]
    for system in systems:
        system.await_boot()
        system.set_screen("virtio-vga")
    result = Result("idle", "Memory and idle processor time")
    time.sleep(SETTLE_S)
    for watched in CLIENTS:
        for _, system in in_turns(systems, ROUNDS // len(CLIENTS)):
            client = Client(lab, system.address, system.port, ("-e", "zrle"), "watcher") if watched == "a client" else None
            if client:
                client.await_stable()
                time.sleep(SETTLE_S)
            for part, share in shares(system).items():
                result.sample(system.name, f"{watched}: {part}", [share])
            if client:
                client.close()
    for system in systems:
        for part, pid in system.pids().items():
            result.sample(system.name, f"memory: {part}", [pss_mb(pid)])

    def value(system, what):
        samples = result.of(system.name, what)
        return median(samples) if samples else 0.0

    kinds = ("memory", *CLIENTS)
    parts = ("user VM", "Domain R", "dmore-pair")
    rows, beyond = [], {}
    for kind in kinds:
        for system in systems:
            cells = [value(system, f"{kind}: {part}") for part in parts]
            rows.append([f"{kind}, {'MB' if kind == 'memory' else '% of a processor'}", system.name, *cells, sum(cells)])
        beyond[kind] = sum(rows[-3][2:5]) - (rows[-2][5] + rows[-1][5]) / 2
    result.table(["", "system", *parts, "all"], rows)
    result.aim("memory of a pair beyond the user VM with -vnc (the mean of both)", beyond["memory"], 100, " MB")
    for watched in CLIENTS:
        result.aim(f"idle with {watched}: processor time beyond it", beyond[watched], NOISE, " %")
    bars(result, "% of a processor", median, kinds=[f"{watched}: {part}" for watched in CLIENTS for part in parts])
    return result
