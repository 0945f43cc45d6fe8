# SPDX-License-Identifier: GPL-2.0-or-later
"""A Domain R that dies or hangs is replaced: the guest sees its keyboard and pointer replugged, clients
connect again at the same address."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import time

import pytest

from conftest import sanitized_only
from lab import CommandFailed
from lab.bench import Bench
from lab.processes import await_end, kill

pytestmark = sanitized_only

WATCHDOG_S = 10
REPLACED_S = 90  # 4 s on two idle cores without KVM
LEFT_SHIFT = 42  # KEY_LEFTSHIFT


class Image:
    """Domain R's image as the pair's host has it, which can be spoilt."""

    def __init__(self, lab):
        self.directory, self.good = lab.directory / "frail-image", lab.tools.image
        self.directory.mkdir()
        self.mend()

    def mend(self):
        for name in ("vmlinuz", "initrd", "image.json"):
            shutil.copy(self.good / name, self.directory / name)

    def spoil(self):
        """Nothing in it that the kernel could start: it panics."""
        trailer = b"070701" + b"0" * 8 * 11 + b"0000000b" + b"0" * 8 + b"TRAILER!!!\0" + b"\0" * 3
        (self.directory / "initrd").write_bytes(gzip.compress(trailer))
        content = b"".join((self.directory / name).read_bytes() for name in ("vmlinuz", "initrd"))
        (self.directory / "image.json").write_text(json.dumps({"id": hashlib.sha256(content).hexdigest()}))


class Frail(Bench):
    """A pair whose Domain R is made to end."""

    def __init__(self, lab):
        self.image = Image(lab)
        lab.a.write_config(image=self.image.directory, watchdog=WATCHDOG_S)
        try:
            super().__init__(lab, "frail", 80)
        finally:
            lab.a.write_config()

    def domain_r(self):
        return self.pair.status()["domain_r"]

    def await_domain_r(self, holds, timeout=REPLACED_S):
        """Until what the status says of Domain R fulfils a condition; nobody tells."""
        deadline = time.monotonic() + timeout
        while not holds(status := self.domain_r()):
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        return status

    def await_replaced(self, before, since, timeout=REPLACED_S):
        """Until there is another Domain R, whose console is there, and the guest has its keyboard and
        pointer again."""
        status = self.await_domain_r(
            lambda status: status["replacements"] > before["replacements"] and status["ready"], timeout)
        self.guest.await_devices(since)
        return status

    def check_types(self, text):
        """A client that connects now sees the guest's screen and types, and nothing is held."""
        mark = self.guest.mark()
        client = self.client()
        client.type(text)
        assert self.guest.await_typed(len(text), since=mark) == text.encode()
        self.guest.await_held([])
        self.check_screen(client)
        client.close()


@pytest.fixture(scope="module")
def frail(lab):
    bench = Frail(lab)
    yield bench
    bench.close()


def test_killed_domain_r_is_replaced(frail):
    """Somebody types in capitals just then."""
    before, user_vm = frail.domain_r(), frail.pair.status()["user_vm"]
    client = frail.client()
    client.type("typing")
    client.do("press Shift_L")
    frail.guest.await_held([LEFT_SHIFT])
    mark = frail.guest.mark()
    kill(before["pid"])
    after = frail.await_replaced(before, mark)
    assert after["pid"] != before["pid"]
    assert frail.pair.status()["user_vm"] == user_vm
    frail.check_types("capitals are over")

    # Whoever was connected hears so as soon as he sends something.
    client.start("tap a")
    client.await_event("disconnected", 60)


def test_migration_waits_for_a_domain_r(frail):
    before, mark = frail.domain_r(), frail.guest.mark()
    kill(before["pid"])
    with pytest.raises(CommandFailed) as failure:
        frail.pair.migrate()
    assert "is being replaced" in failure.value.message
    frail.await_replaced(before, mark)


def test_hung_domain_r_is_replaced(frail):
    before, mark = frail.domain_r(), frail.guest.mark()
    os.kill(before["pid"], signal.SIGSTOP)
    after = frail.await_replaced(before, mark, WATCHDOG_S + REPLACED_S)
    assert "no sign of life" in after["replaced_because"]
    assert await_end(before["pid"], 0)
    frail.check_types("awake")


def test_domain_r_that_dies_again_and_again_waits(frail):
    """Its kernel finds nothing to start, and panics. The user VM goes on."""
    before, mark = frail.domain_r(), frail.guest.mark()
    frail.image.spoil()
    kill(before["pid"])
    failing = frail.await_domain_r(
        lambda status: status.get("replaced_in_ms", 0) > 0 and "did not start" in status["replaced_because"],
        4 * REPLACED_S)
    assert not failing["ready"]
    assert failing["replacements"] == before["replacements"]
    assert "FAILING" in frail.pair.dmore("status", frail.pair.name)
    frail.guest.command("print alive")

    frail.image.mend()
    frail.await_replaced(before, mark)
    frail.check_types("mended")


def test_moves_after_all_that_and_is_replaced_there(frail):
    frail.pair.migrate()
    frail.check_types("moved")
    before, mark = frail.domain_r(), frail.guest.mark()
    kill(before["pid"])
    frail.await_replaced(before, mark)
    frail.check_types("replaced")
    frail.pair.migrate()
    frail.check_types("back")
