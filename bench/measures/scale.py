# SPDX-License-Identifier: GPL-2.0-or-later
"""Many pairs on one host: what each costs; and four co-migrations at once."""

import time

from lab import Pair

from ..figures import median
from ..plot import bars
from ..processes import Usage, parent, pss_mb
from ..result import Result

COUNTS = (1, 4, 16)
AT_ONCE = 4
SECONDS = 8
SETTLE_S = 5
FIRST_NUMBER = 20  # last part of the first console's address


def start(lab, number):
    """A pair whose user VM has no guest but its firmware."""
    pair = Pair(lab, f"small{number}", FIRST_NUMBER + number, user_vm={"memory": "64M"})
    return pair.up(lab.a)


def processes(pair):
    status = pair.status()
    user_vm = status["user_vm"]["pid"]
    return {"user VM": user_vm, "Domain R": status["domain_r"]["pid"], "dmore-pair": parent(user_vm)}


def cost(result, pairs):
    """Memory and processor time of each pair while all idle."""
    time.sleep(SETTLE_S)
    pids = {(number, part): pid for number, pair in enumerate(pairs) for part, pid in processes(pair).items()}
    with Usage(pids) as usage:
        time.sleep(SECONDS)
    what = f"{len(pairs)} pairs" if len(pairs) > 1 else "1 pair"
    for number in range(len(pairs)):
        ours = [key for key in pids if key[0] == number and key[1] != "user VM"]
        result.sample("D-MORE", f"{what}: MB", [sum(pss_mb(pids[key]) for key in ours)])
        result.sample("D-MORE", f"{what}: % of a processor", [100 / SECONDS * sum(usage.cpu_s[key] for key in ours)])
    return [what, *(median(result.of("D-MORE", f"{what}: {unit}")) for unit in ("MB", "% of a processor"))]


def scale(lab_of):
    lab = lab_of()
    result = Result("scale", "Many pairs on one host")
    pairs, rows, totals = [], [], []
    for count in COUNTS:
        while len(pairs) < count:
            pairs.append(start(lab, len(pairs)))
        rows.append(cost(result, pairs))
        if count == AT_ONCE:
            totals = [move.wait()["total_ms"] for move in [pair.start_migrate() for pair in pairs]]
            totals += [move.wait()["total_ms"] for move in [pair.start_migrate() for pair in pairs]]
            result.sample("D-MORE", f"{AT_ONCE} co-migrations at once: ms", totals)
    result.table(["", "MB a pair beyond its user VM", "% of a processor a pair"], rows)
    result.aim(f"memory a pair, {COUNTS[-1]} pairs to one", rows[-1][1] / rows[0][1], 1.1)
    result.aim(f"processor time a pair, {COUNTS[-1]} pairs to one", rows[-1][2] / rows[0][2], 1.25)
    result.note(f"{AT_ONCE} co-migrations at once, there and back: {len(totals)} of {2 * AT_ONCE} succeeded, "
                f"{median(totals) / 1000:.1f} s each (median).")
    bars(result, "", median, kinds=[f"{row[0]}: MB" for row in rows])
    return result
