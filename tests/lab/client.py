# SPDX-License-Identifier: GPL-2.0-or-later
"""A VNC client in the client's namespace (tests/client/vncdrive.c)."""

import itertools
import json
import subprocess
import threading

from .picture import Picture
from .waiting import Journal


class Disconnected(Exception):
    """The VNC server has ended the connection."""


class Pending:
    """A command that is under way."""

    def __init__(self, client, number, text):
        self._client, self._id, self._text = client, number, text

    def wait(self, timeout=60):
        """Its reply."""
        try:
            reply = self._client.journal.find(lambda entry: entry.get("id") == self._id, timeout, self._text)
        except TimeoutError as problem:
            if self._client.disconnected():
                raise Disconnected(str(problem)) from problem
            raise
        if "error" in reply:
            raise RuntimeError(f"vncdrive: {self._text}: {reply['error']}")
        return reply

    def done(self):
        return any(entry.get("id") == self._id for entry in self._client.journal.since())


class Client:
    def __init__(self, lab, address, port=5900, options=(), name="client"):
        self.journal = Journal(name)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._directory = lab.directory
        self._log = open(lab.directory / f"{name}.log", "ab")
        command = lab.client_command([str(lab.tools.vncdrive), *options, f"{address}:{port}"])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self._log, text=True, bufsize=1)
        lab.on_close(self.close)
        threading.Thread(target=self._read, daemon=True).start()
        self.connected = self.await_event("connected")

    def _read(self):
        for line in self.process.stdout:
            self.journal.append(json.loads(line))
        self.journal.end(f"vncdrive has ended, see {self._log.name}")

    def start(self, text):
        """Begin a command; several can be under way."""
        number = str(next(self._numbers))
        with self._lock:
            try:
                self.process.stdin.write(f"{number} {text}\n")
                self.process.stdin.flush()
            except (BrokenPipeError, ValueError):
                self.journal.end("vncdrive has ended")
        return Pending(self, number, text)

    def do(self, text, timeout=60):
        """Do a command and wait until it is done."""
        return self.start(text).wait(timeout)

    def type(self, text, rate=30):
        return self.do(type_command(text, rate), len(text) / rate + 30)

    def start_type(self, text, rate=30):
        return self.start(type_command(text, rate))

    def picture(self, name="snapshot"):
        """The picture as it is now."""
        path = self._directory / f"{name}.ppm"
        self.do(f"snapshot {path}")
        return Picture.read_ppm(path)

    def await_stable(self, quiet_ms=300, timeout=30):
        self.do(f"stable {quiet_ms} {int(timeout * 1000)}", timeout + 5)

    def await_picture(self, picture, timeout=10):
        path = self._directory / "wanted.ppm"
        picture.write_ppm(path)
        self.do(f"equal {path} {int(timeout * 1000)}", timeout + 5)

    def await_event(self, name, timeout=30, since=0):
        return self.journal.find(lambda entry: entry.get("event") == name, timeout, name, since)

    def events(self, name, since=0):
        return [entry for entry in self.journal.since(since) if entry.get("event") == name]

    def disconnected(self):
        return bool(self.events("disconnected")) or self.process.poll() is not None

    def kill(self):
        """Go without a word, as a client whose machine loses its power, but for the kernel's FIN."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


def type_command(text, rate):
    """vncdrive takes C's escapes."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return f"type {rate} {escaped}"
