# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts that were torn apart at the commit find out by themselves who runs the pair; what cannot be
found out is told in plain words. In each story somebody types, nothing of it is lost, and in the end
the pair runs once and neither host has anything left of the co-migration."""

import time

import pytest

from conftest import sanitized_only
from lab import CommandFailed, Pair, processes
from lab.pair import give_up
from lab.typist import Typist
from lab.waiting import await_true

pytestmark = sanitized_only

UNDECIDED = 9  # dmore's exit status, src/base/error.h
NOTICED = 30  # s: for a silently cut link to be noticed, on a busy machine
SETTLED = 20  # s: from the link's return to the end; 2 s on an idle machine


@pytest.fixture
def console(held_console):
    return held_console


class Story:
    """A co-migration that is held at a point, while somebody types."""

    def __init__(self, held, console, point):
        self.held, self.console, self.pair, self.lab = held, console, held.pair, held.lab
        self.source = held.pair.host
        self.destination = held.lab.other(self.source)
        held.hold_at(point)
        self.typist = Typist(console.client)
        self.typist.start()
        console.await_typed(10)
        self.migration = self.pair.start_migrate()
        held.await_held()
        self.user_vm = self.destination.hypervisor(self.pair.name)

    def release(self):
        self.held.release()

    def state(self, host):
        return self.pair.status(host)["state"]

    def await_state(self, host, state, timeout=NOTICED):
        await_true(lambda: self.state(host) == state, timeout, f"{state} on {host.name}")

    def await_outcome(self):
        """`dmore migrate` has ended; its exit status."""
        try:
            self.migration.wait()
        except CommandFailed as failure:
            return failure.status
        return 0

    def check_end(self, host):
        """The pair runs on that host and on no other, and all is settled."""
        await_true(lambda: self.runs_on(host), SETTLED, f"runs on {host.name}")
        self.pair.arrived(host)
        for each in self.lab.hosts.values():
            await_true(lambda each=each: each.notes() == [], SETTLED, f"no note on {each.name}")
        other = self.lab.other(host)
        assert not other.is_hypervisor(self.pair.name)
        await_true(lambda: not other.pair_files(self.pair.name).exists(), SETTLED,
                   f"nothing left of {self.pair.name} on {other.name}")
        self.console.check_typed(self.typist.stop())
        self.held.check_screen(self.console.client)

    def runs_on(self, host):
        try:
            status = self.pair.status(host)
        except CommandFailed:
            return False
        states = {status["state"], *(status.get(vm, {}).get("state") for vm in ("user_vm", "domain_r"))}
        return states == {"running"}


def test_commit_is_lost_and_the_link_is_back_soon(held, console):
    """TCP heals what is shorter than its patience: nobody needs to settle anything."""
    story = Story(held, console, "commit")
    story.destination.unplug()
    story.release()
    time.sleep(1)  # the story itself: a second without the link
    story.destination.plug()
    assert story.await_outcome() == 0
    story.check_end(story.destination)


@pytest.mark.parametrize("point, words", [("commit", "commit"), ("resumed", "committed")])
def test_link_is_cut_at_the_commit(held, console, point, words):
    """Cut before the commit, or after it and before its answer, until both have noticed. Neither goes
    on by guess; then the link comes back, and without anybody's word the pair runs at the destination."""
    story = Story(held, console, point)
    # Where the pair runs meanwhile the client reaches it: else a key would stay held, and repeat.
    cut = story.source if point == "resumed" else story.destination
    cut.unplug()
    story.release()
    assert story.await_outcome() == UNDECIDED
    status = held.pair.status(story.source)
    assert status["state"] == "undecided"
    assert status["user_vm"]["state"] != "running" and status["domain_r"]["state"] != "running"
    assert status["undecided"]["role"] == "source"
    assert status["undecided"]["host"] == story.destination.address
    assert "it is not known whether" in status["note"]
    assert story.source.notes() == ["commit"]
    if point == "commit":
        assert story.state(story.destination) == "undecided"
        assert "only" in held.pair.status(story.destination)["note"]
        assert story.destination.notes() == ["incoming"]
    else:
        assert story.destination.notes() == ["committed"]
    cut.plug()
    story.check_end(story.destination)


def test_destination_dies_at_the_commit(held, console):
    """Everything of it is gone before it has noted the commit: the source finds out and goes on."""
    story = Story(held, console, "commit")
    dmore_pair = story.destination.dmore_pair(held.pair.name)
    domain_r = story.destination.hypervisor(f"{held.pair.name}-r")
    with processes.halted(dmore_pair):
        story.release()
        story.await_state(story.source, "undecided")
        processes.kill(dmore_pair, story.user_vm, domain_r)
    assert story.await_outcome() in (UNDECIDED, 6)
    story.check_end(story.source)


@pytest.mark.parametrize("point, side", [
    ("commit", "source"),  # loaded, but not committed to: the source has its copy
    ("committed", "destination"),  # noted, so the user VM may have run there
    ("resumed", "destination"),
])
def test_destination_dmore_pair_dies(held, console, point, side):
    """Another dmore-pair takes over its VMs and goes by the note; the source asks and is told."""
    story = Story(held, console, point)
    processes.kill(story.destination.dmore_pair(held.pair.name))
    story.release()
    assert story.await_outcome() in (0, 6, UNDECIDED)
    story.check_end(getattr(story, side))


def test_source_dmore_pair_dies_after_the_commit(held, console):
    """The one that takes over finds the commit noted, resumes nothing, and asks."""
    story = Story(held, console, "commit-sent")
    processes.kill(story.source.dmore_pair(held.pair.name))
    story.release()
    assert story.await_outcome() != 0
    story.check_end(story.destination)


def test_destination_dmore_pair_is_asked_to_end(held, console):
    """One that waits for the commit leaves what it has loaded to the next one, which may not keep it."""
    story = Story(held, console, "commit")
    story.destination.unplug()
    story.release()
    assert story.await_outcome() == UNDECIDED
    story.await_state(story.destination, "undecided")
    processes.terminate(story.destination.dmore_pair(held.pair.name))
    story.destination.plug()
    story.check_end(story.source)


def test_operator_decides_for_the_source(held, console):
    """The link stays cut, and the operator has looked. When it is back, the other host is told."""
    story = Story(held, console, "commit")
    story.destination.unplug()
    story.release()
    assert story.await_outcome() == UNDECIDED
    words = held.pair.dmore("status", held.pair.name, host=story.source)
    assert f"dmore resolve {held.pair.name} --here" in words
    words = held.pair.dmore("status", host=story.source)
    assert "it is not known whether" in words

    held.pair.dmore("resolve", held.pair.name, "--here", host=story.source)
    assert story.runs_on(story.source)
    assert story.source.notes() == ["abort"]
    assert "has yet to be told" in held.pair.dmore("status", host=story.source)
    story.await_state(story.destination, "undecided")
    story.destination.plug()
    story.check_end(story.source)


def test_operator_does_not_wait_for_the_answer(held, console):
    """dmore-pair stands still, the operator's word is not answered, and the operator goes: perhaps to give
    it on the other host. When dmore-pair goes on that word holds no more."""
    story = Story(held, console, "commit")
    story.destination.unplug()
    story.release()
    assert story.await_outcome() == UNDECIDED
    log = story.source.pair_files(held.pair.name) / "pair.log"
    for words in ("resolve", "--here"), ("down",):
        with processes.halted(story.source.dmore_pair(held.pair.name)):
            give_up(story.source, words[0], held.pair.name, *words[1:])
        line = f"'{words[0]}' is not begun"
        await_true(lambda line=line: line in log.read_text(), 10, line)
    assert story.state(story.source) == "undecided"
    assert story.source.notes() == ["commit"]
    story.destination.plug()
    story.check_end(story.destination)


def test_operator_gives_up_the_source(held, console):
    """`dmore down` of what is undecided here is the word that it is to run there."""
    story = Story(held, console, "commit")
    story.destination.unplug()
    story.release()
    assert story.await_outcome() == UNDECIDED
    held.pair.dmore("down", held.pair.name, host=story.source)
    status = held.pair.status(story.source)
    assert status["state"] == "undecided" and "user_vm" not in status
    # A second copy is not started meanwhile.
    with pytest.raises(CommandFailed) as failure:
        held.pair.dmore("up", held.pair.file, host=story.source)
    assert "may run on" in failure.value.message
    story.destination.plug()
    story.check_end(story.destination)


def test_source_goes_down_after_the_commit(held, console):
    """It comes back with nothing but its notes, and finds out where the pair is."""
    story = Story(held, console, "resumed")
    story.source.power_off()
    story.release()
    with pytest.raises(CommandFailed):
        story.migration.wait()
    story.await_state(story.destination, "running")
    assert story.destination.notes() == ["committed"]
    story.source.power_on()
    status = held.pair.status(story.source)
    assert status["state"] == "undecided" and "when this host went down" in status["note"]
    story.source.start_dmored()
    story.check_end(story.destination)
    with pytest.raises(CommandFailed):
        held.pair.status(story.source)


def test_moves_after_all_that(held, console):
    held.pair.migrate()
    console.client.type("moved")
    assert console.await_typed(5) == b"moved"
    held.check_screen(console.client)


def test_host_goes_down(held):
    """Nothing is left but the truth about what was there."""
    pair, host = held.pair, held.pair.host
    assert pair.status()["state"] == "running"
    host.power_off()
    host.power_on()
    host.start_dmored()
    status = pair.status()
    assert status["state"] == "lost"
    assert "was running here" in status["note"] and "when this host went down" in status["note"]
    assert pair.name in pair.dmore("status")
    assert "forgotten" in pair.dmore("down", pair.name)
    with pytest.raises(CommandFailed):
        pair.status()
    pair.host = None


def test_host_is_shut_down(lab):
    """Nobody has taken the pair down, so it is told that it was here."""
    pair = Pair(lab, "orderly", 83, user_vm={"memory": "64M"}).up(lab.a)
    processes.terminate(lab.a.dmore_pair(pair.name))
    status = pair.status()
    assert status["state"] == "not-running"
    assert "was running here" in status["note"] and "user_vm" not in status
    pair.up(lab.a)
    pair.down()
    with pytest.raises(CommandFailed):
        pair.status(lab.a)
