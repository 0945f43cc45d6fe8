# SPDX-License-Identifier: GPL-2.0-or-later
"""A screen that changes all the time: how much of it a client gets, how late, and what it costs the host."""

import time

from ..bare import BarePair
from ..figures import median
from ..plot import bars
from ..processes import Usage
from ..result import Result
from ..systems import Dmore, Stock, in_turns

SECONDS = 3
ROUNDS = 2
FPS = 25
PRESSES = 3  # a second
SCROLL_MS = 20  # how often a line is drawn
ENCODINGS = ("raw", "zrle", "tight")
# What the guest shows, and the spots at which a client sees frames and answers: inside of the squares that the
# guest draws, so that JPEG does not mix their edges in.
SCENES = {
    "scrolling text": ("console", "1280x16+0+768", "8x16+0+0"),
    "video 1280x720": ("1280x720", "32x32+80+16", "32x32+16+16"),
    "video 1920x1080": ("1920x1080", "32x32+80+16", "32x32+16+16"),
}


def show(system, scene):
    mode = SCENES[scene][0]
    system.guest.command("video 0")
    system.guest.command("busy 0")
    system.guest.command(f"mode {mode}")
    system.guest.command(f"busy {SCROLL_MS}" if mode == "console" else f"video {FPS}", 60)


def rest(system):
    system.guest.command("video 0")
    system.guest.command("busy 0")


def look(system, scene, encoding, seed, seconds=SECONDS, rate=PRESSES, command=None,
         lossy=False):
    """What a client of a system sees of a scene: frames a second, bytes a frame, latencies, processor time."""
    mode, frames, answers = SCENES[scene]
    begin = time.monotonic()
    with Usage(system.pids()) as usage:
        seen = system.measure("watch", seconds, frames, 0 if mode == "console" else rate, answers, seed,
                              options=("-e", encoding, *(["--lossy"] if lossy else [])), command=command)
    taken = time.monotonic() - begin  # the first picture included
    rate = seen["frames"] / seen["seconds"]
    return {"frames/s": rate, "KB a frame": seen["bytes"] / 1024 / max(seen["frames"], 1),
            "processor, %": 100 * sum(usage.cpu_s.values()) / taken,
            "delay, ms": seen["ms"]}


def throughput(lab_of):
    lab = lab_of()
    pair = Dmore(lab)
    systems = [pair, Stock(lab, pair), BarePair(lab, "D-MORE, Domain R's program on the host", 40, True)]
    for system in systems:
        system.await_boot()
        system.set_screen("virtio-vga")
    result = Result("throughput", "A screen that changes all the time")
    figures = ("frames/s", "KB a frame", "processor, %", "delay, ms")
    rows = []
    for scene in SCENES:
        for encoding in ENCODINGS:
            for seed, system in in_turns(systems, ROUNDS):
                show(system, scene)
                for what, value in look(system, scene, encoding, seed).items():
                    values = [one for one in (value if isinstance(value, list) else [value]) if one is not None]
                    result.sample(system.name, f"{scene}, {encoding}: {what}", values)
                rest(system)
            for system in systems:
                cells = [result.of(system.name, f"{scene}, {encoding}: {what}") for what in figures]
                rows.append([f"{scene}, {encoding}", system.name, *(median(cell) if cell else None for cell in cells)])
            judge(result, f"{scene}, {encoding}", *rows[-3:])
    result.table(["", "system", *figures], rows)
    bars(result, "frames/s at the client", median,
         kinds=[f"{scene}, {encoding}: frames/s" for scene in SCENES for encoding in ENCODINGS])
    return result


def judge(result, what, ours, theirs, bare):
    """The aims are the product's. What its program would reach without the VM tells what the VM costs."""
    result.aim(f"{what}: QEMU's frames to those of D-MORE's program on the host", theirs[2] / max(bare[2], 0.01), 1.05)
    result.aim(f"{what}: QEMU's frames to D-MORE's", theirs[2] / max(ours[2], 0.01), 1.05)
    result.aim(f"{what}: D-MORE's processor time to QEMU's", ours[4] / theirs[4], 1)
    if ours[5] is not None and theirs[5] is not None:
        result.aim(f"{what}: D-MORE's delay to QEMU's", ours[5] / theirs[5], 1)
