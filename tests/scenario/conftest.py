# SPDX-License-Identifier: GPL-2.0-or-later
"""What the stories share: a laboratory, and a pair whose guest reports what arrives in it.

A guest takes ten seconds to boot without KVM, so most stories use one pair, move it to the other host
and leave it there. Every story gets a new client and a guest that was put back to its beginning, and
is followed by a look at what must never happen: a key that stays down, an input device that goes, a
clock that jumps, a connection that ends.
"""

import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("lab.bench")

from lab import Lab  # noqa: E402
from lab.bench import Bench, at_console  # noqa: E402

DISK_BYTES = 64 << 20

# For stories that take the sanitized programs no way through the code that other stories do not take.
plain_build_only = pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="played with the plain build only")


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
        console.stands_still = True
        yield console


@pytest.fixture
def console(bench):
    """Somebody at the console of the common pair."""
    with at_console(bench) as console:
        yield console
