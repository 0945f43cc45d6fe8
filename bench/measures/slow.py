# SPDX-License-Identifier: GPL-2.0-or-later
"""A client behind a slow link, while a video runs: how long until the answer to a key press is seen."""

import pathlib
import subprocess

from lab.lab import NETWORK, run

from ..figures import median, number, percentile
from ..plot import distributions
from ..result import Result
from ..systems import Dmore, Stock, in_turns
from .throughput import look, rest, show

RATE, DELAY_MS = 3_000_000, 100
ENCODINGS = {"tight with JPEG": "tight", "zrle": "zrle"}
SCENE = "video 1280x720"
SECONDS = 12
ROUNDS = 2
ADDRESS = f"{NETWORK}.200"
PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "slowlink"


class SlowClient:
    """A namespace behind the slow link, plugged into the laboratory's switch."""

    def __init__(self, lab):
        self.namespace, switch = f"{lab.name}-w", f"{lab.name}-s"
        run("ip", "netns", "add", self.namespace)
        self._link = subprocess.Popen([PROGRAM, str(RATE), str(DELAY_MS), self.namespace, switch],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        lab.on_close(self.close)
        if self._link.stdout.readline() != "ready\n":
            raise RuntimeError("the slow link does not come up")
        run("ip", "-n", switch, "link", "set", "dev", "slow0", "master", "core", "up")
        run("ip", "-n", self.namespace, "addr", "add", f"{ADDRESS}/24", "dev", "slow0")
        run("ip", "-n", self.namespace, "link", "set", "slow0", "up")

    def command(self, words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def round_trip_ms(self, address):
        """Of a ping through the idle link, as a check of the link itself."""
        output = run(*self.command(["ping", "-c", "5", "-i", "0.3", "-q", address]))
        return float(output.rsplit("=", 1)[1].split("/")[1])

    def close(self):
        self._link.stdin.close()
        self._link.wait()


def slow(lab_of):
    lab = lab_of()
    pair = Dmore(lab)
    systems = [pair, Stock(lab, pair)]
    for system in systems:
        system.await_boot()
        system.set_screen("virtio-vga")
    client = SlowClient(lab)
    result = Result("slow", "A slow link, while a video runs")
    rows = []
    for encoding in ENCODINGS:
        what = f"{encoding}, {RATE / 1e6:.0f} Mb/s"
        frames = {}
        for seed, system in in_turns(systems, ROUNDS):
            show(system, SCENE)
            seen = look(system, SCENE, ENCODINGS[encoding], seed, SECONDS, 1, client.command, "JPEG" in encoding)
            rest(system)
            result.sample(system.name, what, [ms for ms in seen["delay, ms"] if ms is not None])
            frames.setdefault(system.name, []).append(seen["frames/s"])
            if None in seen["delay, ms"]:
                result.note(f"{system.name}, {encoding}: an answer did not come within 5 s of the measurement's end.")
        for system in systems:
            samples = result.of(system.name, what)
            rows.append([encoding, system.name, median(samples) if samples else None,
                         percentile(samples, 0.99) if samples else None, len(samples), median(frames[system.name])])
        if None not in (rows[-2][2], rows[-1][2]):
            result.aim(f"{encoding}: D-MORE's median to QEMU's", rows[-2][2] / rows[-1][2], 0.5)
    result.table(["encoding", "system", "median, ms", "p99, ms", "presses", "frames/s"], rows)
    result.note(f"The link: {RATE / 1e6:.0f} Mb/s, {DELAY_MS} ms there and back (bench/slowlink); a ping through it takes "
                f"{number(client.round_trip_ms(pair.address))} ms.")
    distributions(result, "ms from press to answer")
    return result
