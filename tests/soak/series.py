# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurements of a soak: one value a move for each thing that is watched."""

import dataclasses

from measure import KIB
from trend import trend

MIB = 1024 * KIB

# What a process may grow by in 100 moves. For the processes of a pair, which are new after each move, that
# is what they inherit; for dmored, which is there all the time, and Domain R's inside it is a leak.
MEMORY_LIMITS = {
    "dmored on host a": MIB // 4,
    "dmored on host b": MIB // 4,
    "dmore-pair": MIB // 2,
    "QEMU of Domain R": 2 * MIB,
    "QEMU of the user VM": 4 * MIB,
    "Domain R, inside": 1 * MIB,
    "left by the pair": 0,
}
COUNT_LIMIT = 0.5  # descriptors, threads and what is left behind, in 100 moves


@dataclasses.dataclass
class Series:
    who: str
    what: str
    is_bytes: bool
    values: list = dataclasses.field(default_factory=list)

    @property
    def limit(self):
        return MEMORY_LIMITS[self.who] if self.is_bytes else COUNT_LIMIT

    def text(self, value, signed=False):
        sign = "+" if signed else ""
        return f"{value / MIB:{sign}.2f} MB" if self.is_bytes else f"{value:{sign}.6g}"


def warm_up(moves):
    """How many of the first moves are not judged: caches and pools fill."""
    return max(4, moves // 5)


class Record:
    """All series of a run."""

    def __init__(self):
        self.series = {}

    def add(self, who, what, value, is_bytes=False):
        self.series.setdefault((who, what), Series(who, what, is_bytes)).values.append(value)

    def add_usage(self, who, usage):
        self.add(who, "RSS", usage.rss, True)
        self.add(who, "own memory", usage.own, True)
        self.add(who, "descriptors", usage.descriptors)
        self.add(who, "threads", usage.threads)

    def judge(self):
        """(series, trend, verdict) of each, or nothing when there are too few moves to judge."""
        judged = []
        for series in self.series.values():
            values = series.values[warm_up(len(series.values)):]
            if len(values) >= 3:
                line = trend(values)
                judged.append((series, line, line.verdict(series.limit)))
        return judged
