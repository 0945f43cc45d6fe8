# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures were made on: the page tells it beside them."""

import datetime
import json
import os
import platform
import re
import subprocess


def first_line(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]


def describe():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(re.search(r"MemTotal: *(\d+)", file.read()).group(1)) / 1024 ** 2
    return {
        "processor": f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "kernel": platform.release(),
        "QEMU": re.search(r"version (\S+)", first_line("qemu-system-x86_64", "--version")).group(1),
        "commit": first_line("git", "-C", os.path.dirname(__file__), "describe", "--always", "--dirty"),
        "date": datetime.date.today().isoformat(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def write(output):
    (output / "machine.json").write_text(json.dumps(describe(), indent=1) + "\n")
