# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair with the test guest, and somebody at its console who is watched: what the scenario tests and
the faults are told with. Not part of the laboratory's own vocabulary; import it by name."""

import contextlib
import difflib
import time

from .capture import Capture
from .client import Client
from .guest import Guest
from .pair import Pair


class Bench:
    """A pair with the test guest, and the means to look at it from all sides."""

    def __init__(self, lab, name="web", number=10, append="", **sections):
        self.lab = lab
        self.guest = Guest(lab.directory / f"{name}.guest")
        lab.on_close(self.guest.close)
        self.pair = Pair(lab, name, number, **sections)
        self.pair.use_guest(self.guest, append)
        self._clients = 0
        try:
            self.pair.up(lab.a)
            self.guest.await_boot()
        except BaseException:
            self.guest.close()
            raise

    def client(self, *options):
        self._clients += 1
        client = Client(self.lab, self.pair.address, self.pair.port, options,
                        f"{self.pair.name}-client{self._clients}")
        client.await_stable()
        return client

    def await_state(self, state, timeout=10):
        """Nobody tells when a pair's state changes: ask until it has."""
        deadline = time.monotonic() + timeout
        while self.pair.status()["state"] != state:
            assert time.monotonic() < deadline, f"still {self.pair.status()['state']}, not {state}"

    def reset(self):
        """Put the guest back to its beginning."""
        for command in ("busy 0", "cycle 0", "dirty 0", "reading on", "mode console", "clear", "print ready"):
            self.guest.command(command)

    def is_well(self):
        """Whether the pair can be used by the next story."""
        try:
            return self.pair.status()["state"] == "running" and self.guest.held_keys() == []
        except Exception:  # whatever is wrong with it, it is not well
            return False

    def check_screen(self, client):
        """The client sees what is on the guest's screen, and that is not nothing; the picture."""
        picture = self.pair.await_same_screen(client)
        if not picture:
            seen, feed, real = client.picture(), self.pair.screenshot(), self.pair.screendump()
            raise AssertionError(f"client against hypervisor: {seen.differences(real)}; "
                                 f"screenshot against hypervisor: {feed.differences(real)}")
        assert picture.colours(2) == 2, "the screen is empty"
        return picture

    def check_lives(self):
        """At no time two copies of a VM have run, nor Domain R without its user VM."""
        assert self.lab.lives.troubles(self.pair.name) == []

    def close(self):
        self.pair.down()
        self.guest.close()
        self.check_lives()


def explain(typed, expected, repeats):
    """Where two texts part, for a failed comparison."""
    matcher = difflib.SequenceMatcher(None, expected, typed, autojunk=False)
    parts = [f"at {i1}: {expected[i1:i2]} became {typed[j1:j2]}"
             for kind, i1, i2, j1, j2 in matcher.get_opcodes() if kind != "equal"]
    return f"{'; '.join(parts[:5])}; the guest has repeated held keys {repeats} times"


def without_repeats(typed, expected, repeats):
    """Leave out what a guest has put in by itself, if it can be that: the same character once more, at most
    `repeats` times in all."""
    kept = bytearray()
    for byte in typed:
        if byte not in expected[len(kept):len(kept) + 1] and kept and byte == kept[-1] and repeats > 0:
            repeats -= 1
        else:
            kept.append(byte)
    return bytes(kept)


class Console:
    """A client at a bench's console, watched from its connection to the end of the story."""

    def __init__(self, bench, *options):
        self.bench, self.lab, self.pair, self.guest = bench, bench.lab, bench.pair, bench.guest
        bench.reset()
        self.capture = Capture(bench.lab, bench.pair.address, bench.pair.port, f"{bench.pair.name}{bench.guest.mark()}")
        self._visitors = contextlib.ExitStack()
        self.client = bench.client(*options)
        self.mark = self.guest.mark()
        # Whether the story lets the VMs stand still for so long that TCP waits before it repeats what came
        # meanwhile. A guest that has seen a key go down then repeats it until it sees it go up.
        self.stands_still = False

    def enter(self, visitor):
        """Enter a context that is left only when the story has been checked: another client, whose own
        goodbye is no broken connection."""
        return self._visitors.enter_context(visitor)

    def typed(self):
        return self.guest.typed(self.mark)

    def await_typed(self, count, timeout=30):
        return self.guest.await_typed(count, timeout, self.mark)

    def check_typed(self, text, timeout=30, since=None):
        """The guest has read that text and nothing else: Enter is a carriage return. since: a mark in its journal,
        when not all of the story is meant"""
        mark = self.mark if since is None else since
        expected = text.replace("\n", "\r").encode()
        deadline = time.monotonic() + timeout
        with contextlib.suppress(TimeoutError):
            self.guest.await_typed(len(expected), timeout, mark)
            while self.stands_still and len(self._read(expected, mark)) < len(expected) and time.monotonic() < deadline:
                self.guest.await_typed(len(self.guest.typed(mark)) + 1, deadline - time.monotonic(), mark)
        typed = self._read(expected, mark)
        assert typed == expected, explain(typed, expected, self.guest.repeats(mark))

    def _read(self, expected, mark):
        typed = self.guest.typed(mark)
        return without_repeats(typed, expected, self.guest.repeats(mark)) if self.stands_still else typed

    def check(self, clients=1):
        """What has to be true at the end of each story."""
        assert not self.client.disconnected(), "the client is not connected any more"
        self.guest.await_held([])
        assert self.guest.troubles(self.mark) == []
        self.bench.check_lives()
        # Connections of earlier stories may still be ending.
        connections = [connection for connection in self.capture.stop() if connection.opened]
        assert len(connections) == clients
        for connection in connections:
            assert connection.unbroken, f"FIN {connection.fins}, RST {connection.resets}"

    def close(self):
        self._visitors.close()
        self.client.close()
        self.capture.stop()


@contextlib.contextmanager
def at_console(bench, *options, clients=1):
    """Somebody at the console of a bench; all is checked when the story has gone well."""
    console = Console(bench, *options)
    try:
        yield console
        console.check(clients)
    finally:
        console.close()
