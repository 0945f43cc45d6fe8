# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes cost the host: memory and processor time, as the kernel counts them."""

import os
import re

TICKS = os.sysconf("SC_CLK_TCK")


def pss_mb(pid):
    """Proportional set size: pages that several processes share count in parts."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss: *(\d+) kB", file.read(), re.MULTILINE).group(1)) / 1024


def cpu_s(pid):
    """Processor time that a process with all its threads has used so far, in seconds.

    /proc/PID/stat counts in ticks of 10 ms and samples; the scheduler's own sum is exact.
    """
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def parent(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^PPid:\s*(\d+)", file.read(), re.MULTILINE).group(1))


class Usage:
    """Processor time that named processes use while this context is entered."""

    def __init__(self, pids):
        self.pids = pids  # by name
        self.cpu_s = {}

    def __enter__(self):
        self._before = {name: cpu_s(pid) for name, pid in self.pids.items()}
        return self

    def __exit__(self, *_):
        self.cpu_s = {name: cpu_s(pid) - self._before[name] for name, pid in self.pids.items()}
