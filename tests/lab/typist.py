# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody at the console who types and moves the pointer, without an end."""

import threading

LINE = "{:04d} the quick brown fox jumps over\n"


class Typist:
    """Types numbered lines from start() to stop(), each time going on with the next number."""

    def __init__(self, client, rate=30, line=LINE):
        self.client, self.rate, self.line = client, rate, line
        self.text = ""  # all lines that have been typed to their end
        self.begun = ""  # and the one that was under way
        self.key_times = []  # when each key was pressed
        self.stretches = []  # (begin, end) of typing
        self._number = 0
        self._stop = threading.Event()
        self._thread = None
        self._problem = None

    def start(self):
        self._stop.clear()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self):
        """Finish the line; the text of all lines so far."""
        self._stop.set()
        self._thread.join()
        if self._problem:
            raise self._problem
        return self.text

    def _work(self):
        begin = end = None
        try:
            while not self._stop.is_set():
                self._number += 1
                line = self.line.format(self._number)
                self.begun = self.text + line
                reply = self.client.type(line, self.rate)
                self.text += line
                self.key_times += [reply["began"] + n / self.rate for n in range(len(line))]
                begin, end = begin or reply["began"], reply["t"]
        except Exception as problem:  # told by stop(), in the thread that asks
            self._problem = problem
        if begin:
            self.stretches.append((begin, end))

    def expected(self):
        """What the text console has to read: Enter is a carriage return."""
        return self.text.replace("\n", "\r").encode()


class Mover:
    """Moves the pointer to and fro from start() to stop(), and clicks at each end if told to. When it
    has stopped the pointer is at `home`."""

    LEG_MS = 1000  # from one end to the other

    def __init__(self, client, corner=(600, 300), click=False, interval_ms=20):
        self.client, self.corner, self.click, self.interval_ms = client, corner, click, interval_ms
        self.home = (20, 20)
        self.moves = 0
        self.clicks = 0
        self._stop = threading.Event()
        self._thread = None
        self._problem = None

    def start(self):
        self._stop.clear()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def _work(self):
        near, far = ("{} {}".format(*place) for place in (self.home, self.corner))
        try:
            while not self._stop.is_set():
                for ends in (f"{near} {far}", f"{far} {near}"):
                    count = self.LEG_MS // self.interval_ms
                    self.client.do(f"path {self.interval_ms} {count} {ends}")
                    self.moves += count
                    if self.click:
                        self.client.do("buttons 1")
                        self.client.do("buttons 0")
                        self.clicks += 1
        except Exception as problem:
            self._problem = problem
