# SPDX-License-Identifier: GPL-2.0-or-later
"""What the test guest reports (tests/guest/reporter.c has the format of the lines)."""

import collections
import itertools
import os
import re
import select
import socket
import struct
import threading
import time

from .pace import Pace
from .waiting import Journal

Line = collections.namedtuple("Line", "t pid text")

BOOT_TIMEOUT = 120  # s; 10 s on two idle cores without KVM
BUSY = "B"  # in place of J, with why: the guest was late, but was at work or waited for a busy machine
TIME = re.compile(r"C (\d+) -?\d+")
LATE = re.compile(r"J (\d+)")


class Guest:
    """Listens on a socket to which the guest's second serial port connects, on whichever host.

    The pair's file is the same on both hosts, so both hypervisors get the same path. They are the
    clients: during a co-migration both are connected. The guest's port is one stream of bytes that the
    source begins and the destination goes on with, in the middle of a line as it happens; so whatever
    an older connection has brought is read before a newer one is looked at. Each line is stamped with
    the time of its arrival and the process id of the hypervisor that it came from.
    """

    def __init__(self, path):
        self.path = str(path)
        self.journal = Journal(f"guest on {self.path}")
        self._current = None  # pid of the hypervisor that runs the guest
        self._sockets = {}  # by pid, the oldest first
        self._live = []  # those of the sockets that have not ended
        self._pace = Pace()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._stop_reading, self._stop_writing = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arguments(self):
        """QEMU's arguments for the guest's two serial ports: the kernel's console, and ours."""
        return [
            "-chardev", f"file,id=console,path={self.path}.console,append=on",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=reports,path={self.path},server=off,reconnect-ms=500",
            "-serial", "chardev:reports",
        ]

    def close(self):
        if not self._thread:
            return
        self._stop_writing.close()
        self._thread.join()
        self._thread = None
        for one in (self._listener, self._stop_reading, *self._sockets.values()):
            one.close()
        os.unlink(self.path)

    def _serve(self):
        try:
            self._read_all()
        except Exception as problem:  # whoever waits for a line hears of it
            self.journal.end(f"reading has failed: {problem!r}")
            raise

    def _read_all(self):
        live = self._live
        rest = b""
        while True:
            ready, _, _ = select.select([self._listener, self._stop_reading, *live], [], [])
            if self._stop_reading in ready:
                return
            if self._listener in ready:
                connection, _ = self._listener.accept()
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                self._sockets[struct.unpack("3i", credentials)[0]] = connection
                live.append(connection)
            for pid, connection in list(self._sockets.items()):
                if connection not in ready:
                    continue
                try:
                    data = connection.recv(65536)
                except ConnectionResetError:
                    data = b""
                rest = self._take(rest + data, pid)
                if not data:
                    live.remove(connection)
                    rest = rest if live else b""  # nobody goes on with the line of a guest that has ended
                break  # look again: an older connection may have something by now

    def _take(self, data, pid):
        """Note the lines; what is left is the begin of the next."""
        now = time.monotonic()
        *lines, rest = data.split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            if text == "READY":
                self._pace.begin()
            elif time_told := TIME.fullmatch(text):
                self._pace.tick(int(time_told[1]), self._hypervisors_now())
            elif late := LATE.fullmatch(text):
                text = self._explain(int(late[1]))
            self.journal.append(Line(now, pid, text))
        return rest

    def _hypervisors_now(self):
        return [pid for pid, connection in self._sockets.items() if connection in self._live]

    def _explain(self, ms):
        """The line of a guest that was late, with why; another letter where that is not because something held it."""
        busy, why = self._pace.why(ms, self._hypervisors_now())
        return f"{BUSY if busy else 'J'} {ms}: {why}"

    # Waiting

    def mark(self):
        return self.journal.mark()

    def await_line(self, prefix, timeout=30, since=0):
        return self.journal.find(lambda line: line.text.startswith(prefix), timeout, repr(prefix), since)

    def await_boot(self, devices=2):
        """Until the reporter runs and that many USB input devices are there."""
        self.await_line("READY", BOOT_TIMEOUT)
        self.journal.find(lambda line: line.text[:1] in "+-" and len(self.devices()) >= devices, 30,
                          f"{devices} USB input devices")

    def devices(self):
        """USB input devices that the guest has open, by name."""
        present = {}
        for line in self.journal.since():
            kind, _, rest = line.text.partition(" ")
            if kind == "+":
                number, _, name = rest.partition(" ")
                present[number] = name
            elif kind == "-":
                present.pop(rest, None)
        return {number: name for number, name in present.items() if "AT Translated" not in name}

    def await_devices(self, since, timeout=120):
        """Until keyboard and pointer have been plugged in and taken by the guest."""
        found = set()

        def both(line):
            if line.text.startswith("+ ") and "AT Translated" not in line.text:
                found.add(line.text)
            return len(found) == 2

        self.journal.find(both, timeout, "both input devices", since)

    def await_typed(self, count, timeout=30, since=0):
        """Until so many bytes have been read from the text console; all that have been."""
        got = 0

        def enough(line):
            nonlocal got
            if line.text.startswith("T "):
                got += (len(line.text) - 2) // 2
            return got >= count

        self.journal.find(enough, timeout, f"{count} typed bytes", since)
        return self.typed(since)

    def follow(self, pid, timeout=30):
        """The guest runs in that hypervisor now: until it is heard from there. Commands go there."""
        self.journal.find(lambda line: line.pid == pid, timeout, f"a line from process {pid}")
        self._current = pid

    def write_journal(self, path, since=0):
        """All that the guest has reported, for who looks for the cause of a failure."""
        path.write_text("".join(f"{line.t:.6f} {line.pid} {line.text}\n" for line in self.journal.since(since)),
                        encoding="utf-8")

    # Commands

    def command(self, text, timeout=30):
        """Tell the guest to do something and wait until it says that it has."""
        mark = self.mark()
        name = text.split()[0]
        self._sockets[self._current].sendall(text.encode() + b"\n")
        answer = self.journal.find(
            lambda line: line.text == f"OK {name}" or line.text.startswith(f"ERR {name}:"),
            timeout, f"the end of {text!r}", mark)
        if answer.text.startswith("ERR"):
            raise RuntimeError(f"guest: {text}: {answer.text}")
        return mark

    def run(self, shell, timeout=30):
        """The output of a shell command in the guest, line by line."""
        mark = self.command(f"run {shell}", timeout)
        answer = self.journal.find(
            lambda line: line.text == "OK run done" or line.text.startswith("ERR run"),
            timeout, f"the end of {shell!r}", mark)
        if answer.text.startswith("ERR"):
            raise RuntimeError(f"guest: {shell}: {answer.text}")
        return [line.text[2:] for line in self.journal.since(mark) if line.text.startswith("> ")]

    # What was reported

    def lines(self, kinds, since=0):
        """Lines whose first word is one of `kinds`."""
        return [line for line in self.journal.since(since) if line.text.split(" ", 1)[0] in kinds]

    def typed(self, since=0):
        return b"".join(bytes.fromhex(line.text[2:]) for line in self.lines("T", since))

    def typed_times(self, since=0):
        """When bytes arrived, one time for each byte."""
        return [line.t for line in self.lines("T", since) for _ in range((len(line.text) - 2) // 2)]

    def hypervisors(self, since=0):
        """In which hypervisors the guest has run, by process id, one after the other."""
        return [pid for pid, _ in itertools.groupby(line.pid for line in self.journal.since(since))]

    def inputs(self, since=0):
        """Input events as tuples: ("K", code, value), also for R, A and L."""
        return [(kind, int(code), int(value))
                for kind, code, value in (line.text.split() for line in self.lines("KRAL", since))]

    def held_keys(self):
        """Codes of keys and buttons that are down, as the guest's kernel knows it."""
        mark = self.command("held")
        answer = self.await_line("H", since=mark)
        return sorted(int(code) for code in answer.text.split()[1:])

    def await_held(self, codes, timeout=10):
        """Until just these keys and buttons are down."""
        deadline = time.monotonic() + timeout
        while (held := self.held_keys()) != sorted(codes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"down in the guest are {held}, not {sorted(codes)}")

    def longest_hold_ms(self, since=0):
        """The longest time between a key's press and its release, as they arrived in the guest."""
        pressed, longest = {}, 0.0
        for line in self.lines("K", since):
            _, code, value = line.text.split()
            if value == "1":
                pressed[code] = line.t
            elif value == "0" and code in pressed:
                longest = max(longest, (line.t - pressed.pop(code)) * 1000)
        return longest

    def repeats(self, since=0):
        """How often the guest's kernel has repeated a key that it believed to be held."""
        return sum(1 for kind, _, value in self.inputs(since) if (kind, value) == ("K", 2))

    def troubles(self, since=0):
        """Reports that must not come: devices that went, clocks that jumped or were set, and what the kernel
        says about a USB disconnect or reset."""
        if self.journal.ended:
            return [self.journal.ended]
        return [line.text for line in self.journal.since(since)
                if line.text.startswith(("- ", "J ", "S "))
                or (line.text.startswith("G ") and ("disconnect" in line.text or "reset" in line.text))]


def longest_gap_ms(times):
    """The longest time between two neighbours, in ms."""
    return max(((b - a) * 1000 for a, b in zip(times, times[1:])), default=0.0)
