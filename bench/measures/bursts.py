# SPDX-License-Identifier: GPL-2.0-or-later
"""A burst of keys with a migration one second later: which arrive."""

import difflib
import time

from lab import Client

from ..figures import median, number
from ..plot import bars
from ..result import Result
from ..systems import Dmore, Stock, in_turns

RUNS = 10
TEXT = "".join(f"{number:03d} " for number in range(50))  # 200 characters, 400 key events
AT_ONCE = 20000  # characters a second: as fast as the network carries them
BANDWIDTH = 1 << 30
WITHIN_S = 6


def arrived(typed):
    """How many characters of the text have arrived, in order."""
    matcher = difflib.SequenceMatcher(None, TEXT.encode(), typed, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def burst(system):
    """Events that were lost in one run."""
    guest = system.guest
    guest.command("clear")
    mark = guest.mark()
    client = Client(system.lab, system.address, system.port, ("-e", "zrle"), "typist")
    client.start_type(TEXT, AT_ONCE)
    time.sleep(1)  # the burst's measure, not a wait for something
    system.migrate(BANDWIDTH)
    try:
        guest.await_typed(len(TEXT), WITHIN_S, mark)
    except TimeoutError:
        pass  # that is what is measured
    lost = 2 * (len(TEXT) - arrived(guest.typed(mark)))
    client.close()
    let_go(system)
    return lost


def let_go(system):
    """A key whose release was lost would repeat in the next run."""
    client = Client(system.lab, system.address, system.port, ("-e", "zrle"), "helper")
    for key in sorted(set(TEXT)):
        client.do(f"tap {'space' if key == ' ' else key}")
    system.guest.await_held([])
    client.close()


def bursts(lab_of):
    lab = lab_of()
    pair = Dmore(lab)
    systems = [pair, Stock(lab, pair, "PS/2"), Stock(lab, pair, "usb-kbd")]
    for system in systems:
        system.await_boot()
        system.guest.command("clear")
    result = Result("bursts", "Keys lost in a burst with a migration")
    for _, system in in_turns(systems, RUNS):
        result.sample(system.name, "events lost", [burst(system)])
    rows = []
    for system in systems:
        lost = result.of(system.name, "events lost")
        rows.append([system.name, RUNS, sum(lost), median(lost), max(lost)])
    result.table(["system", "bursts of 400 events", "lost in all", "median", "most"], rows)
    result.aim("events that D-MORE loses", sum(result.of(pair.name, "events lost")), 0)
    result.headline = (f"Of 400 key events, sent a second before the VM moves, D-MORE loses {number(rows[0][3])}, QEMU's own VNC "
                       f"server {number(rows[1][3])}.")
    bars(result, "of 400 events lost, median", median)
    return result
