# SPDX-License-Identifier: GPL-2.0-or-later
"""What the stories share: a laboratory, and a pair whose guest reports what arrives in it.

A guest takes ten seconds to boot without KVM, so most stories use one pair, move it to the other host
and leave it there. Every story gets a new client and a guest that was put back to its beginning, and
is followed by a look at what must never happen: a key that stays down, an input device that goes, a
clock that jumps, a connection that ends.
"""

import contextlib
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("lab.bench")

from lab import CommandFailed, Lab  # noqa: E402
from lab.bench import Bench, at_console  # noqa: E402
from lab.waiting import await_true  # noqa: E402

DISK_BYTES = 64 << 20

# How tools/check plays a story; without a mark it is played with the programs as they are, beside another one.
MARKS = {
    "alone": "nothing is played beside it, but when the programs are sanitized: it measures time, or fills the machine",
    "sanitized_too": "is played once more with the sanitized programs, for it takes them new ways through the code",
    "sanitized_only": "is played with the sanitized programs and not with the others: a wrong byte is what it may find",
}
alone, sanitized_too, sanitized_only = (getattr(pytest.mark, name) for name in MARKS)


def pytest_configure(config):
    for name, what in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {what}")


@pytest.fixture(scope="session")
def lab():
    with Lab() as laboratory:
        yield laboratory


@pytest.fixture(scope="session")
def benches():
    """The pairs that were made for the fixture bench."""
    return []


@pytest.fixture(scope="session")
def bench_numbers():
    return itertools.count()


@pytest.fixture
def bench(lab, benches, bench_numbers):
    """The pair that most stories use: a disk, a network card, virtio-vga. When the story before has left
    it unwell another one is made, with another name, for nobody knows what the first still holds; it
    is removed with the laboratory."""
    if not benches or not benches[-1].is_well():
        number = next(bench_numbers)
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


class HeldBench(Bench):
    """A pair whose co-migrations wait at the point that was asked for (src/comigrate/hold.h)."""

    def __init__(self, lab, name, number, hold):
        self.hold = hold
        self._point, self._logged = None, {}
        super().__init__(lab, name, number)

    def _logs(self):
        return [log for host in self.lab.hosts.values()
                if (log := host.pair_files(self.pair.name) / "pair.log").exists()]

    def hold_at(self, point):
        """What the logs have by now is of earlier stories."""
        self._point = point
        self._logged = {log.stat().st_ino: log.stat().st_size for log in self._logs()}
        self.hold.write_text(point)

    def is_held(self):
        return any(f"held at {self._point} by" in log.read_text()[self._logged.get(log.stat().st_ino, 0):]
                   for log in self._logs())

    def await_held(self):
        """Until either side says so."""
        await_true(self.is_held, 60, f"held at {self._point}")

    def release(self):
        self.hold.unlink(missing_ok=True)

    def recover(self):
        """However the story went: nothing is held, no move is under way, and it is known where the pair is."""
        self.release()
        if self.pair.migration and self.pair.migration.process.poll() is None:
            with contextlib.suppress(CommandFailed):
                self.pair.migration.end()
        for host in self.lab.hosts.values():
            with contextlib.suppress(CommandFailed):
                if self.pair.status(host)["state"] == "running":
                    self.pair.host = host


def restart_dmoreds(lab):
    """So that the pairs that come have the laboratory's environment."""
    for host in lab.hosts.values():
        host.stop_dmored()
        host.start_dmored(lab.environment)


@pytest.fixture(scope="module")
def held(lab, request, held_numbers):
    """A pair of a module's own that is held where a story says, on whichever host and however its dmore-pair
    has come there."""
    name = request.module.__name__.removeprefix("test_")
    hold = lab.directory / f"{name}.hold"
    lab.environment["DMORE_TEST_HOLD"] = str(hold)
    restart_dmoreds(lab)
    bench = None
    try:
        bench = HeldBench(lab, name, next(held_numbers), hold)
        yield bench
    finally:
        if bench:
            bench.close()
        del lab.environment["DMORE_TEST_HOLD"]
        restart_dmoreds(lab)


@pytest.fixture
def held_console(held):
    """Somebody at the console of that pair, which is not held yet."""
    try:
        with at_console(held) as console:
            console.stands_still = True
            yield console
    finally:
        held.recover()


@pytest.fixture
def console(bench):
    """Somebody at the console of the common pair."""
    with at_console(bench) as console:
        yield console
