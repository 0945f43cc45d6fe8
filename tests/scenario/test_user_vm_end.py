# SPDX-License-Identifier: GPL-2.0-or-later
"""A user VM that powers off or is killed: the console goes on and says so, and the pair's file
starts another user VM on the same connection."""

import time

import pytest

from conftest import sanitized_only
from lab import CommandFailed
from lab.bench import Bench
from lab.pair import UP_TIMEOUT, dmore
from lab.processes import kill

pytestmark = sanitized_only


class Mortal(Bench):
    """A pair whose user VM is made to end, and a client that stays at its console."""

    def __init__(self, lab):
        super().__init__(lab, "mortal", 81)
        self.watcher = self.client()

    def await_name(self, name, since):
        """Until the connected client has been told the desktop's name."""
        self.watcher.journal.find(
            lambda entry: entry.get("event") == "named" and entry["name"] == name, 30, f"the name {name!r}", since)

    def await_user_vm(self, state, timeout=60):
        deadline = time.monotonic() + timeout
        while (now := self.pair.status()["user_vm"]["state"]) != state:
            assert time.monotonic() < deadline, now
            time.sleep(0.1)

    def up(self):
        return dmore(self.pair.host, "up", self.pair.file, timeout=UP_TIMEOUT)

    def check_starts_again(self):
        """What was typed while there was no machine is not typed into the new one."""
        before = self.pair.status()
        picture = self.watcher.picture()
        self.watcher.type("into the void\n")
        assert self.watcher.picture() == picture, "the picture has not stayed still"

        told, mark = self.watcher.journal.mark(), self.guest.mark()
        self.up()
        self.await_name(self.pair.name, told)
        after = self.pair.status()
        assert after["user_vm"]["state"] == "running"
        assert after["domain_r"]["pid"] == before["domain_r"]["pid"]
        assert after["domain_r"]["clients"] == 1
        self.guest.follow(after["user_vm"]["pid"], 120)
        self.guest.await_line("READY", 120, mark)
        self.guest.await_devices(mark)
        self.watcher.type("alive")
        assert self.guest.await_typed(5, since=mark) == b"alive"
        self.guest.await_held([])
        assert not self.watcher.disconnected()
        self.check_screen(self.watcher)


@pytest.fixture(scope="module")
def mortal(lab):
    bench = Mortal(lab)
    yield bench
    bench.watcher.close()
    bench.close()


def test_name_is_taken_while_the_user_vm_runs(mortal):
    with pytest.raises(CommandFailed) as failure:
        mortal.up()
    assert "its user VM is running" in failure.value.message


def test_powered_off_and_started_again(mortal):
    told = mortal.watcher.journal.mark()
    mortal.guest.command("run echo o > /proc/sysrq-trigger")  # it may be off before the command has ended
    mortal.await_name("mortal (powered off)", told)
    mortal.await_user_vm("off")
    with pytest.raises(CommandFailed) as failure:
        mortal.pair.migrate()
    assert "its user VM is off" in failure.value.message
    late = mortal.client()
    assert late.connected["name"] == "mortal (powered off)"
    late.close()
    mortal.check_starts_again()


def test_killed_and_started_again(mortal):
    told = mortal.watcher.journal.mark()
    kill(mortal.pair.status()["user_vm"]["pid"])
    mortal.await_name("mortal (crashed)", told)
    mortal.await_user_vm("gone")
    mortal.check_starts_again()


def test_paused_is_said(mortal):
    told = mortal.watcher.journal.mark()
    mortal.pair.user_vm_monitor("stop")
    mortal.await_name("mortal (paused)", told)
    told = mortal.watcher.journal.mark()
    mortal.pair.user_vm_monitor("cont")
    mortal.await_name("mortal", told)
    mortal.lab.lives.pardon("mortal")


def test_another_user_vm_but_not_another_console(mortal):
    """The file may say another thing of the user VM, and of nothing else."""
    kill(mortal.pair.status()["user_vm"]["pid"])
    mortal.await_user_vm("gone")
    mortal.pair.sections["console"]["port"] = 5901
    mortal.pair.write()
    with pytest.raises(CommandFailed) as failure:
        mortal.up()
    assert "[console] port" in failure.value.message
    mortal.pair.sections["console"]["port"] = 5900
    mortal.pair.sections["user-vm"]["memory"] = "200M"
    mortal.pair.write()
    mortal.check_starts_again()
    total, = mortal.guest.run("grep MemTotal /proc/meminfo")
    assert int(total.split()[1]) < 200 << 10


def test_moves_after_all_that(mortal):
    """The streams have begun anew more than once, and Domain R must not do so again."""
    mortal.pair.migrate()
    mark = mortal.guest.mark()
    mortal.watcher.type("moved")
    assert mortal.guest.await_typed(5, since=mark) == b"moved"
    assert mortal.guest.troubles(mark) == []
    mortal.check_screen(mortal.watcher)
