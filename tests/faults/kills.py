# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of each process that has a part in a co-migration, on either host, in each phase."""

from lab import processes

from .look import DMORE_PAIR, DMORED, DOMAIN_R, USER_VM
from .row import (BEGIN, COMMITTED, DESTINATION, DONE, FAILED, LOST, NOT_FOUND, PEER, PHASES, SOURCE, UNDECIDED,
                  UNSEEN, Expected, Row)

MOMENTS = (*PHASES[:-1], *COMMITTED)
NAMES = {USER_VM: "the user VM's QEMU", DOMAIN_R: "Domain R's QEMU", DMORE_PAIR: "dmore-pair", DMORED: "dmored"}
QUICK = {  # each phase and each process at least once
    ("source", DMORED): ("stop-u",),
    ("source", DMORE_PAIR): ("pre-copy", "complete"),
    ("source", DOMAIN_R): ("commit",),
    ("destination", DMORE_PAIR): ("prepare", "quiesce", "commit-sent", "retire"),
    ("destination", USER_VM): ("handover", "converged"),
    ("destination", DOMAIN_R): ("stop-r",),
    ("destination", DMORED): ("offer",),
}


def after(moment, what):
    """Whether a moment is later than another one."""
    return MOMENTS.index(moment) > MOMENTS.index(what)


def on_source(role, moment):
    """What becomes of the pair; doc/comigration.md and doc/model.md say why."""
    if role == DMORED:
        return Expected(DESTINATION, (DONE,))
    if role == DMORE_PAIR:
        # Its successor finds the note. Whoever waits for the outcome hears that nobody answers any more.
        return Expected(DESTINATION if moment in COMMITTED else SOURCE, (FAILED,))
    if not after(moment, "complete"):
        # Held at its begin, nothing of `complete` has been said: there is no other copy.
        if role == USER_VM:
            return Expected(LOST, (FAILED,), typing=UNSEEN)
        return Expected(SOURCE, (FAILED,), connection=False, typing=BEGIN, replug=True)
    return Expected(DESTINATION, (DONE,))  # it has both VMs already


def on_destination(role, moment):
    if role == DMORED:
        return Expected(SOURCE, (NOT_FOUND,)) if moment == "offer" else Expected(DESTINATION, (DONE,))
    if moment == "commit-sent":
        # It has not been read yet: nothing has run there, and that is told, or asked for.
        return Expected(SOURCE, (FAILED, PEER, UNDECIDED))
    if moment != "retire":
        return Expected(SOURCE, (FAILED, PEER))
    # It is the pair's host already: what is killed there is killed in a pair that runs.
    if role == USER_VM:
        return Expected(LOST, (DONE,), typing=UNSEEN)
    if role == DOMAIN_R:
        return Expected(DESTINATION, (DONE,), connection=False, typing=BEGIN, replug=True)
    return Expected(DESTINATION, (DONE,))


def exists(side, role, moment):
    """The destination's dmore-pair is there when the offer has been accepted, its VMs when they have been prepared."""
    if side == "source" or role == DMORED:
        return True
    return after(moment, "offer" if role == DMORE_PAIR else "prepare")


def kill(side, role):
    return lambda scene: scene.kill(getattr(scene, side), role)


def mend(side, role):
    """dmored is started again by the service manager; who starts the others again is its business."""
    return lambda scene: scene.start_dmored(getattr(scene, side)) if role == DMORED else None


def kill_as_it_appears(role):
    def act(scene):
        scene.release()
        processes.kill(scene.await_process(scene.destination, role))

    return act


def rows():
    for side, expect in (("source", on_source), ("destination", on_destination)):
        for role, name in NAMES.items():
            for moment in MOMENTS:
                if exists(side, role, moment):
                    yield Row(f"kill -9 of {name} on the {side}", moment, expect(role, moment), inject=kill(side, role),
                              mend=mend(side, role), quick=moment in QUICK.get((side, role), ()))
    for role in (USER_VM, DOMAIN_R):
        yield Row(f"kill -9 of {NAMES[role]} on the destination, as it appears", "prepare",
                  on_destination(role, "prepare"), inject=kill_as_it_appears(role))
