# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair that shows its kicks (bench/barepair/barepair.c), with Domain R in its VM or its program on the host."""

import subprocess
import threading

from lab import Guest, Pair
from lab.waiting import Journal

from .systems import GUEST_MEMORY, System

PORT_ON_HOST = 5990


def unpack_image(lab):
    """The files of Domain R's initramfs: its program, with its own libraries and their loader."""
    root = lab.directory / "domain-r"
    if not root.exists():
        root.mkdir()
        subprocess.run(f"zstd -qdc '{lab.tools.image}/initrd' | cpio --quiet -idm", shell=True, cwd=root, check=True)
    return root


class BarePair(System):
    def __init__(self, lab, name, number, on_host):
        guest = Guest(lab.directory / f"bare{number}.guest")
        lab.on_close(guest.close)
        super().__init__(lab, name, guest)
        self.host = lab.a
        pair = Pair(lab, f"bare{number}", number, user_vm={"memory": GUEST_MEMORY})
        pair.use_guest(guest)
        self.address, self.port = (self.host.address, PORT_ON_HOST) if on_host else (pair.address, pair.port)
        self.kicks = Journal(f"kicks of {name}")  # (direction, time in us)
        self._state = Journal(f"barepair of {name}")
        self._region = self.host.pair_files(pair.name) / "region"
        program = lab.tools.vncdrive.parents[2] / "bench/barepair/barepair"
        with open(lab.directory / f"bare{number}.log", "wb") as log:
            self._process = subprocess.Popen(
                self.host.command([program, "--config", self.host.config, *(["--host"] if on_host else []), pair.file]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self._domr = None
        lab.on_close(self.close)
        threading.Thread(target=self._read, daemon=True).start()
        if on_host:
            self._start_domr(self._await("kick"))
        self._user_vm = int(self._await("ready"))
        guest.follow(self._user_vm, 120)

    def _read(self):
        for line in self._process.stdout:
            kind, value = line.split(maxsplit=1)
            if kind in ("from", "to"):
                self.kicks.append((kind, int(value)))
            else:
                self._state.append((kind, value.strip()))
        self._state.end("barepair has ended, see its log")

    def _await(self, kind):
        return self._state.find(lambda entry: entry[0] == kind, 120, kind)[1]

    def _start_domr(self, kick):
        root = unpack_image(self.lab)
        self._domr = subprocess.Popen(self.host.command([
            root / "lib64/ld-linux-x86-64.so.2", "--library-path", root / "lib/x86_64-linux-gnu", root / "init",
            "--region", self._region, "--kick", kick, "--listen", f"{self.address}:{self.port}"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def await_boot(self):
        self.guest.await_boot()

    def pids(self):
        """Of a pair whose Domain R is a process, not a VM."""
        return {"user VM": self._user_vm, "dmore-pair": self._process.pid, "Domain R": self._domr.pid}

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(30)
        if self._domr:
            self._domr.kill()
            self._domr.wait()
