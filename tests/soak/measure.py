# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes and hosts use, as the kernel counts it."""

import dataclasses
import json
import os
import pathlib
import select

KIB = 1024


@dataclasses.dataclass
class Usage:
    """Of one process. `own` is its PSS but for mapped files: what a program's code and libraries cost it
    depends on how many others on the machine run them just then."""

    rss: int  # bytes
    own: int
    descriptors: int
    threads: int


def kib_fields(path):
    """"Name:  123 kB" lines, in bytes."""
    fields = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            fields[name] = int(words[0]) * KIB
    return fields


def usage(pid):
    process = pathlib.Path("/proc") / str(pid)
    memory = kib_fields(process / "smaps_rollup")
    return Usage(memory["Rss"], memory["Pss_Anon"] + memory["Pss_Shmem"], len(list((process / "fd").iterdir())),
                 len(list((process / "task").iterdir())))


def program(pid):
    """The name of the program that a process runs; None when it has ended."""
    try:
        return (pathlib.Path("/proc") / str(pid) / "comm").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def programs(host):
    """(pid, name) of each process on a host."""
    return [(pid, name) for pid in host.pids() if (name := program(pid))]


def left_over(host):
    """What a host has that a host without pairs has not: processes, network interfaces, files."""
    interfaces = [link["ifname"] for link in json.loads(host.run("ip", "-json", "link"))]
    return {
        "processes": [name for _, name in programs(host) if name != "dmored"],
        "interfaces": [name for name in interfaces if name not in ("lo", "br0", "up0")],
        "files": [str(path.relative_to(host.run_dir)) for path in host.run_dir.rglob("*")],
    }


def await_end(pid, timeout=20):
    """Until a process has ended, or that time has passed."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([process], [], [], timeout)
    finally:
        os.close(process)
