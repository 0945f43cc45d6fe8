# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody at the console who types and moves the pointer, without an end."""

import threading

LINE = "{:04d} the quick brown fox jumps over\n"


class Worker:
    """Does its work() in a thread, from start() to stop(): until self.stopping is set."""

    def __init__(self, client):
        self.client = client
        self.stopping = threading.Event()
        self._thread = None
        self._problem = None

    def start(self):
        self.stopping.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        """Finish what is under way."""
        self.stopping.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def _run(self):
        try:
            self.work()
        except Exception as problem:  # told by stop(), in the thread that asks
            self._problem = problem


class Typist(Worker):
    """Types numbered lines, each time going on with the next number."""

    def __init__(self, client, rate=30, line=LINE):
        super().__init__(client)
        self.rate, self.line = rate, line
        self.text = ""  # all lines that have been typed to their end
        self.begun = ""  # and the one that was under way
        self.key_times = []  # when each key was pressed
        self.stretches = []  # (begin, end) of typing
        self._number = 0

    def stop(self):
        """Finish the line; the text of all lines so far."""
        super().stop()
        return self.text

    def work(self):
        begin = end = None
        try:
            while not self.stopping.is_set():
                self._number += 1
                line = self.line.format(self._number)
                self.begun = self.text + line
                reply = self.client.type(line, self.rate)
                self.text += line
                self.key_times += [reply["began"] + n / self.rate for n in range(len(line))]
                begin, end = begin or reply["began"], reply["t"]
        finally:
            if begin:
                self.stretches.append((begin, end))

    def expected(self):
        """What the text console has to read: Enter is a carriage return."""
        return self.text.replace("\n", "\r").encode()


class Mover(Worker):
    """Moves the pointer to and fro, and clicks at each end if told to. When it has stopped the pointer is
    at `home`."""

    LEG_MS = 1000  # from one end to the other

    def __init__(self, client, corner=(600, 300), click=False, interval_ms=20):
        super().__init__(client)
        self.corner, self.click, self.interval_ms = corner, click, interval_ms
        self.home = (20, 20)
        self.moves = 0
        self.clicks = 0

    def work(self):
        near, far = ("{} {}".format(*place) for place in (self.home, self.corner))
        while not self.stopping.is_set():
            for ends in (f"{near} {far}", f"{far} {near}"):
                count = self.LEG_MS // self.interval_ms
                self.client.do(f"path {self.interval_ms} {count} {ends}")
                self.moves += count
                if self.click:
                    self.client.do("buttons 1")
                    self.client.do("buttons 0")
                    self.clicks += 1
