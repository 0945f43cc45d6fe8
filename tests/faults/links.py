# SPDX-License-Identifier: GPL-2.0-or-later
"""The link between the hosts: cut, for good or for a while, slow, or bad.

What the hosts themselves say to each other suffers; consoles go on, as where a site has a network for each.
In the rows of the destination's cable everything suffers that comes and goes there, also its consoles.
"""

import time

from lab.wire import BOTH, FROM_HOST, TO_HOST

from .row import (CANCELLED, DESTINATION, DONE, EITHER, FAILED, PEER, SOURCE, TIMEOUT, UNDECIDED, Expected, Row)
from .scene import await_true

CUTS = {"both ways": BOTH, "one way, to the destination": TO_HOST, "one way, from the destination": FROM_HOST}
BEFORE_COMMIT = ("prepare", "pre-copy", "converged", "stop-r", "handover", "complete")
GONE_BACK = Expected(SOURCE, (FAILED, PEER, TIMEOUT))
ARRIVED = Expected(DESTINATION, (DONE,))
# The commit may have been sent: the hosts settle it as soon as they hear each other again.
SETTLED = Expected(DESTINATION, (UNDECIDED,))
TIME = 10  # s, after which a move over a link that is too slow may be given up
SLOW = 50000  # bytes a second
DELAY_MS, LOSS_PERCENT = 300, 5
SEND_BUFFER = 16 << 10  # bytes, at most, of each connection
DIRTY, CALM = "dirty 40 8", "dirty 0"  # megabytes a second, of so many


def link(scene):
    """What goes between the hosts over the destination's cable."""
    wire = scene.wire(scene.destination)
    wire.only(scene.source.address)
    return wire


def cut(direction=BOTH):
    return lambda scene: link(scene).cut(direction)


def cut_cable(scene):
    scene.wire(scene.destination).cut()


def mend(scene):
    scene.wire(scene.destination).mend()


def mend_after(seconds):
    """The time is the fault: nothing is waited for."""

    def act(scene):
        time.sleep(seconds)
        mend(scene)

    return act


def slow_down(scene):
    link(scene).limit(SLOW)


def spoil(scene):
    link(scene).spoil(DELAY_MS, LOSS_PERCENT)


def leave_much(scene):
    """When the guest stops, more is left to be sent than the host's sockets take."""
    scene.enter(scene.source.limit_send_buffers(SEND_BUFFER))
    scene.guest.command(DIRTY)


def cut_before_the_rest(scene):
    def waits():
        migration = scene.pair.user_vm_monitor("query-migrate")
        return migration["status"] == "pre-switchover" and migration

    left = await_true(waits, "the user VM's migration waits for its end")["ram"]["remaining"]
    if left < 8 * SEND_BUFFER:
        raise LookupError(f"only {left} bytes of the user VM's memory are left to be sent")
    cut(TO_HOST)(scene)


def await_cut_off(scene):
    """The hypervisor sends the rest with its big lock held, and nobody takes it."""
    scene.await_log(scene.source, f"user VM {scene.pair.name}: QEMU does not answer, so its migration was cut off")


def calm_down(scene):
    scene.guest.command(CALM)
    mend(scene)


def cancel(scene):
    """The operator has seen enough of it."""
    scene.migration.await_phase("pre-copy")
    scene.cancel()


def cuts():
    for words, direction in CUTS.items():
        for moment in BEFORE_COMMIT:
            yield Row(f"link cut {words}", moment, GONE_BACK, inject=cut(direction), mend=mend)
        yield Row(f"link cut {words}", "commit", SETTLED, inject=cut(direction), mend=mend)
        yield Row(f"link cut {words}", "retire", ARRIVED, inject=cut(direction), mend=mend)
    yield Row("link cut one way, to the destination, with much left to be sent", "complete", GONE_BACK,
              arrange=leave_much, inject=cut_before_the_rest, meanwhile=await_cut_off, mend=calm_down, quick=True)
    # The destination has the commit, and its answer is still to come.
    for moment in ("committed", "resumed"):
        yield Row("link cut between commit and its answer", moment, SETTLED, inject=cut(FROM_HOST), mend=mend,
                  quick=moment == "resumed")


def short_cuts():
    for moment in (*BEFORE_COMMIT, "commit"):
        yield Row("link cut, and restored after 1 s", moment, ARRIVED, inject=cut(), meanwhile=mend_after(1),
                  quick=moment == "handover")
    for moment in ("pre-copy", "stop-r", "commit"):
        yield Row("the destination's cable cut, and restored after 1 s", moment, ARRIVED, inject=cut_cable,
                  meanwhile=mend_after(1))
    for moment in ("pre-copy", "stop-r", "complete"):
        yield Row("link cut, and restored after 30 s", moment, GONE_BACK, inject=cut(), meanwhile=mend_after(30))
    yield Row("link cut, and restored after 30 s", "commit", SETTLED, inject=cut(), meanwhile=mend_after(30))


def bad_links():
    yield Row(f"link of {SLOW // 1000} kB/s; given up in time", "prepare", Expected(SOURCE, (TIMEOUT,)),
              inject=slow_down, mend=mend, options=("--timeout", TIME))
    for words, act in ((f"link of {SLOW // 1000} kB/s", slow_down),
                       (f"link with {DELAY_MS} ms delay, {LOSS_PERCENT} % loss", spoil)):
        yield Row(f"{words}; cancelled", "prepare", Expected(SOURCE, (CANCELLED,)), inject=act, meanwhile=cancel,
                  mend=mend)
        for moment in ("stop-r", "handover"):
            yield Row(words, moment, Expected(EITHER, (DONE, TIMEOUT, FAILED, PEER)), inject=act, mend=mend)
        yield Row(words, "commit", ARRIVED, inject=act, mend=mend)


def rows():
    yield from cuts()
    yield from short_cuts()
    yield from bad_links()
