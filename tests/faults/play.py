# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets one row happen, and looks at everything afterwards."""

import dataclasses
import re
import time
import traceback

from lab import CommandFailed, Disconnected
from lab.bench import explain, without_repeats
from lab.typist import Typist

from . import look
from .row import DESTINATION, EITHER, LOST, SOURCE, UNSEEN, WHOLE, Row
from .scene import LINE, LOOK_S, Scene, await_true

SETTLED_TIMEOUT = 30  # s, after the fault has been mended
TYPED_TIMEOUT = 30  # s, for what has been typed to arrive; more where Domain R stood still, see _typed_timeout()
MARKER = "still here\n"


@dataclasses.dataclass
class Outcome:
    row: Row
    side: str = "?"
    status: int | None = None
    connection: str = "?"
    typing: str = "?"
    again: str = "-"  # how long Domain R was paused when the pair moved afterwards
    repeats: int = 0  # how often the guest then has repeated a key by itself
    seconds: float = 0
    problems: list = dataclasses.field(default_factory=list)

    @property
    def passed(self):
        return not self.problems


class Failure(Exception):
    """Something is not as it has to be."""


def play(row, scene):
    """One row in a scene; the Outcome. Whatever goes wrong is among its problems, and the scene is not
    to be used again then."""
    outcome = Outcome(row)
    begun = time.monotonic()
    try:
        scene.begin()
        _happen(row, scene, outcome)
        scene.look_at_lives()
        _judge(row, scene, outcome)
        scene.look_at_lives()
        outcome.problems += scene.troubles
    except Failure as failure:
        outcome.problems.append(str(failure))
    except (AssertionError, CommandFailed, Disconnected, TimeoutError, LookupError) as problem:
        outcome.problems.append(f"{type(problem).__name__}: {problem}")
    except Exception:  # a row is not to end the whole matrix
        outcome.problems.append(traceback.format_exc())
    try:
        scene.end()
    except Exception as problem:  # the same
        outcome.problems.append(f"at the end: {type(problem).__name__}: {problem}")
    outcome.seconds = time.monotonic() - begun
    return outcome


class Stage:
    """Plays one row after the other; a row that goes wrong leaves its scene to none."""

    def __init__(self, evidence=None):
        """evidence: the directory to keep what was logged around such a row"""
        self._scene = None
        self._evidence = evidence

    def play(self, row):
        self._scene = self._scene or Scene()
        outcome = play(row, self._scene)
        if not outcome.passed:
            if self._evidence:
                self._scene.keep_evidence(self._evidence / re.sub(r"[^a-z0-9]+", "-", row.name.lower()).strip("-"))
            self.close()
        return outcome

    def close(self):
        if self._scene:
            self._scene.close()
        self._scene = None


def _happen(row, scene, outcome):
    row.arrange(scene)
    scene.start(row.moment, row.options)
    scene.read_before = len(scene.console.typed())
    row.inject(scene)
    scene.release()
    row.meanwhile(scene)
    outcome.status = scene.finish()
    row.mend(scene)


def _judge(row, scene, outcome):
    expected = row.expected
    if expected.status and outcome.status not in expected.status:
        outcome.problems.append(f"dmore migrate: exit status {outcome.status}, not one of {expected.status}: "
                                f"{scene.message}")
    if expected.side == LOST:
        outcome.side = _check_lost(scene)
        outcome.typing = UNSEEN
        _check_connection(scene, outcome)
        _take_down(scene)
        return
    host = _expected_host(scene, expected.side)
    if expected.end:
        expected.end(scene, host)
        outcome.side, outcome.typing = expected.side, expected.typing
        _check_connection(scene, outcome)
        _take_down(scene)
        return
    _await_running(scene, host)
    outcome.side = SOURCE if host is scene.source else DESTINATION
    scene.pair.arrived(host)
    _check_hypervisors(scene, outcome.side)
    outcome.typing = _check_typing(scene, expected)
    outcome.again = f"{_move_again(scene, outcome):.0f} ms"
    _check_connection(scene, outcome)


# Where it runs

def _expected_host(scene, side):
    if side != EITHER:
        return scene.source if side == SOURCE else scene.destination
    hosts = scene.source, scene.destination
    return await_true(lambda: next((host for host in hosts if scene.status(host)["state"] == "running"), None),
                      "either host says that it runs the pair", SETTLED_TIMEOUT)


def _off(scene, host):
    """What is not as it has to be when the pair runs on that host and is settled."""
    status = scene.status(host)
    found = [f"host {host.name}: {what} is {state}" for what, state in (
        ("the pair", status["state"]),
        ("user VM", status["user_vm"].get("state")),
        ("Domain R", status["domain_r"].get("state")),
    ) if state != "running"]
    if found:
        return found + ([status["note"]] if "note" in status else [])
    other = scene.lab.other(host)
    return ([f"host {host.name} has {thing}" for thing in look.too_many(host, scene.pair.name)]
            + [f"left over on host {other.name}: {thing}" for thing in look.left_over(other, scene.pair.name)])


def _await_running(scene, host):
    """Until the pair, all of it, runs on that host and nothing of it is on the other one."""
    _await_none(lambda: _off(scene, host))
    scene.pair.host = host
    monitor = scene.pair.user_vm_monitor("query-status")["status"]
    if monitor != "running":
        raise Failure(f"the user VM's QEMU says that it is {monitor}")


def _check_hypervisors(scene, side):
    """The guest was heard from the source's QEMU, and then, if at all, only from the destination's:
    never from both, and never from one that had been left."""
    runs = scene.guest.hypervisors(scene.console.mark)
    if len(runs) != (2 if side == DESTINATION else 1):
        raise Failure(f"the guest has run in the hypervisors {runs}, one after the other")


def _check_lost(scene):
    """No copy runs anywhere, and `dmore status` says so; what it says."""
    def left():
        return [f"host {host.name} has process {pid} of the lost user VM" for host in scene.lab.hosts.values()
                for pid in look.find(host, scene.pair.name, look.USER_VM)]

    def said():
        return [word for host in scene.lab.hosts.values() for status in [scene.status(host)]
                if (word := status["user_vm"].get("state") or status["state"]) in ("gone", "lost")]

    def unsettled():
        return [note for host in scene.lab.hosts.values() for note in look.noted(host)
                if note.startswith("comigrations/")]

    _await_none(left)
    _await_none(unsettled)
    _await_none(lambda: [] if said() else ["no host says that the pair was lost"])
    return f"lost; said to be {', '.join(said())}"


def _take_down(scene):
    """The operator takes down what is left of a lost pair; then nothing is left."""
    for host in scene.lab.hosts.values():
        if scene.status(host)["state"]:
            scene.dmore(host, "down", scene.pair.name)
    _await_none(lambda: [f"left over on host {host.name}: {thing}" for host in scene.lab.hosts.values()
                         for thing in look.left_over(host, scene.pair.name)])
    scene.forget_pair()


def _await_none(problems):
    """Until there are none of these problems."""
    deadline = time.monotonic() + SETTLED_TIMEOUT
    while found := problems():
        if time.monotonic() > deadline:
            raise Failure("; ".join(found))
        time.sleep(LOOK_S)


# The console

def _check_typing(scene, expected):
    """What was typed has arrived as it is expected to."""
    try:
        scene.typist.stop()
    except Disconnected:
        if expected.connection:
            raise
    if not expected.connection:
        scene.reconnect()
    if not expected.replug and (troubles := scene.guest.troubles(scene.console.mark)):
        raise Failure(f"the guest reports {troubles}")
    if expected.typing == WHOLE:
        scene.console.check_typed(scene.typist.text, _typed_timeout(scene))
    else:
        _check_typing_goes_on(scene, expected.typing)
    scene.guest.await_held([])
    return expected.typing


def _typed_timeout(scene):
    """TCP repeats what nobody acknowledges at intervals that double, so after Domain R has stood still it
    hears of a client within as long again, unless the source forwards what the client has sent."""
    return TYPED_TIMEOUT + scene.since_start()


def _check_typing_goes_on(scene, typing):
    """What is typed now arrives, and of what was typed before nothing but its begin."""
    scene.client.type(MARKER)
    marker = MARKER.replace("\n", "\r").encode()
    _await_none(lambda: [] if scene.console.typed().endswith(marker) else
                [f"of {MARKER!r}, typed afterwards, the guest has read {scene.console.typed()[-40:]}"])
    if typing == UNSEEN:
        return
    sent = scene.typist.begun.replace("\n", "\r").encode()
    repeats = scene.guest.repeats(scene.console.mark)
    before = without_repeats(scene.console.typed()[:-len(marker)], sent, repeats)
    if not sent.startswith(before) or len(before) + repeats < scene.read_before:
        raise Failure(f"typed before the fault: {explain(before, sent[:len(before)], repeats)}; the guest had read "
                      f"{scene.read_before} characters before the fault")


def _move_again(scene, outcome):
    """The pair moves once more, while somebody types; how long Domain R was paused, in ms."""
    scene.hold_logs()
    mark = scene.guest.mark()
    typist = Typist(scene.client, line=LINE)
    typist.start()
    to = scene.lab.other(scene.pair.host)
    result = scene.pair.migrate(to)
    text = typist.stop()
    wrong = []  # all of it: a keyboard that was unplugged explains a key
    try:
        scene.console.check_typed(text, TYPED_TIMEOUT, mark)
    except AssertionError as problem:
        wrong.append(str(problem))
    if wrong := wrong + scene.guest.troubles(mark):
        raise Failure(f"at the move afterwards: {'; '.join(wrong)}")
    outcome.repeats = scene.guest.repeats(mark)
    scene.guest.await_held([])
    _await_running(scene, to)
    scene.bench.check_screen(scene.client)
    return result["domain_r_pause_ms"]


def _check_connection(scene, outcome):
    """The connection that was there at the beginning, or if that is lost the one made afterwards, has
    seen neither FIN nor RST."""
    expected = outcome.row.expected
    connections = [connection for connection in scene.console.capture.stop() if connection.opened]
    first_lives = connections[0].unbroken and not scene.console.client.disconnected()
    outcome.connection = "lives" if expected.connection and first_lives else "lost"
    if expected.connection and not first_lives:
        outcome.problems.append(f"the connection was broken: FIN {connections[0].fins}, RST {connections[0].resets}")
    if scene.client is not scene.console.client and not connections[-1].unbroken:
        outcome.problems.append("the new connection was broken as well")

