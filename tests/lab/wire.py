# SPDX-License-Identifier: GPL-2.0-or-later
"""A host's cable that can be cut, in either direction, be slow and lose what it carries (tests/wire/wire.c)."""

import subprocess

from .lab import run

TO_HOST, FROM_HOST, BOTH = "left", "right", "both"


class Wire:
    """Takes the place of a host's cable to the switch, as good as that until it is told otherwise. The host
    keeps its interface's name and address, as if the other end had been plugged into another switch."""

    def __init__(self, host):
        lab = host.lab
        switch, port = f"{lab.name}-s", f"port-{host.name}"
        address = f"02:00:00:00:00:{ord(host.name):02x}"
        run("ip", "-n", host.namespace, "link", "del", "up0")
        self._process = subprocess.Popen(
            # It stays in the second name space: it is none of the host's processes.
            [lab.tools.wire, host.namespace, "up0", switch, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1)
        lab.on_close(self.close)
        self._await("ready")
        run("ip", "-n", switch, "link", "set", "dev", port, "master", "core", "up")
        run("ip", "-n", host.namespace, "link", "set", "dev", "up0", "address", address, "master", "br0", "up")

    def _await(self, wanted):
        answer = self._process.stdout.readline().strip()
        if answer != wanted:
            raise RuntimeError(f"wire: {answer or 'it has ended'}")

    def _tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._await("ok")

    def is_there(self):
        """Not so when the host's interfaces have gone with it."""
        return self._process.poll() is None

    def only(self, address="0.0.0.0"):
        """From now on only what is from or to that address suffers."""
        self._tell("only", address)

    def cut(self, direction=BOTH):
        self._tell("cut", direction)

    def mend(self):
        """As good as new."""
        self._tell("mend", BOTH)
        self._tell("rate", BOTH, 0)
        self._tell("bad", BOTH, 0, 0)
        self.only()

    def limit(self, bytes_per_second):
        self._tell("rate", BOTH, bytes_per_second)

    def spoil(self, delay_ms, loss_percent):
        """The delay is that of a round trip, the loss that of each direction."""
        self._tell("bad", BOTH, delay_ms / 2, loss_percent)

    def close(self):
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
