# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of the destination hangs: SIGSTOP in each phase; and a hypervisor of the source in some. A hung
process is no dead one: its sockets stay open, and some day it may come back to life; in each row it does."""

from .kills import NAMES, exists
from .look import DMORE_PAIR, DMORED, DOMAIN_R, USER_VM
from .row import (CANCELLED, DESTINATION, DONE, EITHER, FAILED, MOMENTS, PEER, REPLACED, SOURCE, TIMEOUT, UNDECIDED,
                  Expected, Row, after, nothing)

QUICK = {DMORE_PAIR: ("stop-u",)}


def stop(role):
    return lambda scene: scene.stop(scene.destination, role)


def wake(scene):
    scene.wake()


def cancel(scene):
    """While both VMs run the source is in no hurry; the operator is."""
    scene.await_log(scene.source, f"goes on from {scene.moment}")
    scene.cancel()


def wake_when_undecided(scene):
    """The source has sent the commit and may only wait."""
    scene.await_state(scene.source, "undecided")
    scene.wake()


def wake_when_given_up(scene):
    """The source either has gone back or has sent the commit."""
    scene.await_given_up()
    scene.wake()


def on_dmored(moment):
    if moment == "offer":
        return Expected(SOURCE, (TIMEOUT, PEER)), nothing
    return Expected(DESTINATION, (DONE,)), nothing


def on_others(role, moment):
    if after(moment, "resumed" if role == DMORE_PAIR else "committed"):
        return Expected(DESTINATION, (DONE,)), nothing  # the VMs have been resumed, and nothing more is asked of them
    if after(moment, "complete-sent"):
        return Expected(DESTINATION, (DONE, UNDECIDED)), wake_when_undecided
    if moment == "complete-sent":
        # Held on the source: both may have been loaded already, and the destination may have said so.
        return Expected(EITHER, (TIMEOUT, FAILED, PEER, DONE, UNDECIDED)), wake_when_given_up
    if after(moment, "converged"):
        return Expected(SOURCE, (TIMEOUT,) if role == DMORE_PAIR else (TIMEOUT, FAILED, PEER)), nothing
    return Expected(SOURCE, (CANCELLED,)), cancel


def stop_here(role):
    return lambda scene: scene.stop(scene.source, role)


def wake_and_resolve(scene):
    """Whether it will ever stop or go on nobody could tell; the operator sees that it is back."""
    scene.await_state(scene.source, "undecided")
    scene.wake()
    scene.resolve(scene.source)


def on_source():
    """A silent monitor is waited for once, for a minute; what comes after on the way back is not even asked."""
    stood_still = Expected(SOURCE, (TIMEOUT,), replug=True)  # for a minute, and its clock with it
    replaced = Expected(SOURCE, (TIMEOUT,), **REPLACED)
    yield DOMAIN_R, "stop-r", replaced, wake  # beside a user VM that runs
    yield USER_VM, "stop-u", stood_still, wake_and_resolve
    yield USER_VM, "handover", stood_still, wake_and_resolve  # nobody has called off its migration by then


def rows():
    for role in (DMORED, DMORE_PAIR, USER_VM, DOMAIN_R):
        for moment in MOMENTS:
            if exists("destination", role, moment):
                expected, meanwhile = on_dmored(moment) if role == DMORED else on_others(role, moment)
                yield Row(f"{NAMES[role]} on the destination hangs", moment, expected, inject=stop(role),
                          meanwhile=meanwhile, mend=wake, quick=moment in QUICK.get(role, ()))
    for role, moment, expected, mend in on_source():
        yield Row(f"{NAMES[role]} on the source hangs", moment, expected, inject=stop_here(role), mend=mend)
