# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at a host from outside: which processes it has, and what is left of a pair there."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re

from lab import processes

USER_VM, DOMAIN_R = "user-vm", "domain-r"
DMORE_PAIR, DMORED = "dmore-pair", "dmored"

OWN_INTERFACES = {"lo", "br0", "up0"}  # what the laboratory gave the host


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    role: str  # USER_VM, DOMAIN_R, DMORE_PAIR, DMORED, or the program's name

    def __str__(self):
        return f"{self.role} ({self.pid})"


def _role(pid, pair):
    words = processes.arguments(pid)
    for role, vm in ((USER_VM, pair), (DOMAIN_R, f"{pair}-r")):
        if f"guest={vm},debug-threads=on" in words:
            return role
    return processes.name(pid)


def everyone(host, pair):
    """All processes of a host. Its network namespace is the laboratory's own, so none of another
    laboratory is among them."""
    found = [Process(pid, _role(pid, pair)) for pid in host.pids()]
    return [process for process in found if process.role]


def find(host, pair, role):
    """Process ids of that role."""
    return [process.pid for process in everyone(host, pair) if process.role == role]


def interfaces(host):
    return {link["ifname"] for link in json.loads(host.run("ip", "-json", "link"))}


def sockets(host):
    """Sockets of the host in a line each, but for those that dmored listens on, what TCP itself still
    waits for, and this program's ends of what VMs had been connected to."""
    lines = host.run("ss", "--no-header", "--all", "--tcp", "--unix", "--packet", "--processes").splitlines()
    known = re.compile(rf'TIME-WAIT|LAST-ACK|FIN-WAIT|CLOSING|users:\(\(("dmored"|[^)]*pid={os.getpid()},)')
    return [" ".join(line.split()) for line in lines if not known.search(line)]


def noted(host):
    """What the host keeps over a boot: pairs that it has, and co-migrations that are not over (doc/model.md)."""
    state = pathlib.Path(host.settings.get("state-dir", "/nonexistent"))
    found = []
    for path in sorted(state.glob("*/*")):
        with contextlib.suppress(FileNotFoundError):  # it may go as it is looked at
            found.append(f"{path.relative_to(state)} ({' '.join(path.read_text().split())})")
    return found


def files(host):
    """What is in the run directory."""
    found = [os.path.join(directory, name) for directory, directories, names in os.walk(host.run_dir)
             for name in (*directories, *names)]
    return sorted(os.path.relpath(path, host.run_dir) for path in found)


def left_over(host, pair):
    """All that is on a host that has no pair, beside its dmored; memfds and locks live only as long as
    the processes that hold them."""
    return [
        *(f"process {process}" for process in everyone(host, pair) if process.role != DMORED),
        *(f"file {path}" for path in files(host)),
        *(f"interface {name}" for name in interfaces(host) - OWN_INTERFACES),
        *(f"socket {line}" for line in sockets(host)),
        *(f"note {note}" for note in noted(host)),
    ]


def too_many(host, pair):
    """What a host that runs the pair should not have: all but one of each."""
    roles = [process.role for process in everyone(host, pair)]
    found = [f"{roles.count(role)} processes {role}" for role in (USER_VM, DOMAIN_R, DMORE_PAIR)
             if roles.count(role) != 1]
    found += [f"process {role}" for role in set(roles) - {USER_VM, DOMAIN_R, DMORE_PAIR, DMORED}]
    found += [f"directory {path.name}" for path in host.run_dir.iterdir() if path.name != pair]
    taps = interfaces(host) - OWN_INTERFACES
    if len(taps) != 2:
        found.append(f"interfaces {sorted(taps)}")
    return found + [f"note {note}" for note in noted(host) if not note.startswith(f"pairs/{pair} ")]
