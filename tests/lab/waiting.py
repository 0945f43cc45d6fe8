# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting: for what a thread will say, and for what nobody says."""

import threading
import time


class Journal:
    """Entries in the order in which they came; waiting for one is waiting for an event."""

    def __init__(self, name):
        self.name = name
        self.entries = []
        self.ended = None  # why no entry will follow
        self._condition = threading.Condition()

    def append(self, entry):
        with self._condition:
            self.entries.append(entry)
            self._condition.notify_all()

    def end(self, why):
        with self._condition:
            self.ended = self.ended or why
            self._condition.notify_all()

    def mark(self):
        """A place to wait from: what comes after this call."""
        with self._condition:
            return len(self.entries)

    def since(self, mark=0):
        with self._condition:
            return self.entries[mark:]

    def find(self, wanted, timeout, what, since=0):
        """The first entry from `since` on for which wanted(entry) is true, waiting for it if need be."""
        deadline = time.monotonic() + timeout
        at = since
        with self._condition:
            while True:
                while at < len(self.entries):
                    if wanted(self.entries[at]):
                        return self.entries[at]
                    at += 1
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    raise TimeoutError(self._why(what, timeout))
                self._condition.wait(left)

    def _why(self, what, timeout):
        last = "\n  ".join(str(entry) for entry in self.entries[-8:])
        why = self.ended or f"not within {timeout} s"
        return f"{self.name}: waiting for {what}: {why}; what came last:\n  {last}"


def await_true(condition, timeout, what):
    """Nobody tells when it becomes true: look until it is."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.05)
