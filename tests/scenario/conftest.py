# SPDX-License-Identifier: GPL-2.0-or-later
"""What the stories share: a laboratory, and a pair whose guest reports what arrives in it.

A guest takes ten seconds to boot without KVM, so most stories use one pair, move it to the other host
and leave it there. Every story gets a new client and a guest that was put back to its beginning, and
is followed by a look at what must never happen: a key that stays down, an input device that goes, a
clock that jumps, a connection that ends.
"""

import contextlib
import difflib
import itertools
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lab import Capture, Client, Guest, Lab, Pair  # noqa: E402

DISK_BYTES = 64 << 20


class Bench:
    """A pair with the test guest, and the means to look at it from all sides."""

    def __init__(self, lab, name="web", number=10, append="", environment=None, **sections):
        self.lab = lab
        self.guest = Guest(lab.directory / f"{name}.guest")
        lab.on_close(self.guest.close)
        self.pair = Pair(lab, name, number, environment, **sections)
        self.pair.use_guest(self.guest, append)
        self.pair.up(lab.a)
        self.guest.await_boot()
        self._clients = 0

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
            pytest.fail(f"client against hypervisor: {seen.differences(real)}; "
                        f"screenshot against hypervisor: {feed.differences(real)}")
        assert picture.colours(2) == 2
        return picture

    def close(self):
        self.pair.down()
        self.guest.close()


def explain(typed, expected, repeats):
    """Where two texts part, for a failed comparison."""
    matcher = difflib.SequenceMatcher(None, expected, typed, autojunk=False)
    parts = [f"at {i1}: {expected[i1:i2]} became {typed[j1:j2]}"
             for kind, i1, i2, j1, j2 in matcher.get_opcodes() if kind != "equal"]
    return f"{'; '.join(parts[:5])}; the guest has repeated held keys {repeats} times"


class Console:
    """A client at a bench's console, watched from its connection to the end of the story."""

    def __init__(self, bench, *options):
        self.bench, self.lab, self.pair, self.guest = bench, bench.lab, bench.pair, bench.guest
        bench.reset()
        self.capture = Capture(bench.lab, bench.pair.address, bench.pair.port, f"{bench.pair.name}{bench.guest.mark()}")
        self._visitors = contextlib.ExitStack()
        self.client = bench.client(*options)
        self.mark = self.guest.mark()

    def enter(self, visitor):
        """Enter a context that is left only when the story has been checked: another client, whose own
        goodbye is no broken connection."""
        return self._visitors.enter_context(visitor)

    def typed(self):
        return self.guest.typed(self.mark)

    def await_typed(self, count, timeout=30):
        return self.guest.await_typed(count, timeout, self.mark)

    def check_typed(self, text, timeout=30):
        """The guest has read that text and nothing else: Enter is a carriage return."""
        expected = text.replace("\n", "\r").encode()
        try:
            self.await_typed(len(expected), timeout)
        finally:
            typed = self.typed()
            assert typed == expected, explain(typed, expected, self.guest.repeats(self.mark))

    def check(self, clients=1):
        """What has to be true at the end of each story."""
        assert not self.client.disconnected()
        self.guest.await_held([])
        assert self.guest.troubles(self.mark) == []
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


@pytest.fixture(scope="session")
def lab():
    with Lab() as laboratory:
        yield laboratory


@pytest.fixture(scope="session")
def benches():
    """The pairs that were made for the fixture bench."""
    return []


@pytest.fixture
def bench(lab, benches):
    """The pair that most stories use: a disk, a network card, virtio-vga. When the story before has left
    it unwell another one is made, with another name, for nobody knows what the first still holds; it
    is removed with the laboratory."""
    if not benches or not benches[-1].is_well():
        number = len(benches)
        disk = lab.directory / f"web{number}.raw"
        with open(disk, "wb") as file:
            file.truncate(DISK_BYTES)
        benches.append(Bench(lab, f"web{number}", 10 + number,
                             user_vm={"disk": f"{disk}, format=raw", "bridge": "br0"}))
        benches[-1].disk = disk
    return benches[-1]


@pytest.fixture(scope="session")
def held_numbers():
    """The client still remembers who had an address before."""
    return itertools.count(40)


@pytest.fixture(scope="module")
def held(lab, request, held_numbers):
    """A pair of a module's own whose dmore-pair waits at the beginning of the phase that the file
    held.hold names."""
    name = request.module.__name__.removeprefix("test_")
    hold = lab.directory / f"{name}.hold"
    bench = Bench(lab, name, next(held_numbers), environment={"DMORE_TEST_HOLD": str(hold)})
    bench.hold = hold
    yield bench
    bench.close()


@pytest.fixture
def held_console(held):
    """Somebody at the console of that pair, which is not held yet."""
    held.hold.unlink(missing_ok=True)
    with at_console(held) as console:
        yield console


@pytest.fixture
def console(bench):
    """Somebody at the console of the common pair."""
    with at_console(bench) as console:
        yield console
