# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of each process that has a part in a co-migration, on either host, in each phase."""

from lab import processes

from .look import DMORE_PAIR, DMORED, DOMAIN_R, USER_VM
from .row import (DESTINATION, DONE, FAILED, HOST, LOST, MOMENTS, NOT_FOUND, PEER, REPLACED, SOURCE, UNDECIDED, UNSEEN,
                  Expected, Row, after)

NAMES = {USER_VM: "the user VM's QEMU", DOMAIN_R: "Domain R's QEMU", DMORE_PAIR: "dmore-pair", DMORED: "dmored"}
QUICK = {
    ("source", DMORE_PAIR): ("pre-copy", "complete"),
    ("source", USER_VM): ("handover",),
    ("destination", DMORE_PAIR): ("quiesce", "retire"),
    ("destination", DOMAIN_R): ("stop-r",),
    ("destination", DMORED): ("offer",),
}


def on_source(role, moment):
    """What becomes of the pair; doc/comigration.md and doc/model.md say why."""
    if role == DMORED:
        return Expected(DESTINATION, (DONE,))
    if role == DMORE_PAIR:
        # Its successor finds the note. Whoever waits for the outcome hears that nobody answers any more.
        return Expected(DESTINATION if after(moment, "commit") else SOURCE, (FAILED,))
    if after(moment, "complete-sent"):
        return Expected(DESTINATION, (DONE,))  # it has both VMs already
    if role == USER_VM:
        return Expected(LOST, (FAILED,), typing=UNSEEN)
    return Expected(SOURCE, (FAILED,), **REPLACED)


def on_destination(role, moment):
    if role == DMORED:
        return Expected(SOURCE, (NOT_FOUND,)) if moment == "offer" else Expected(DESTINATION, (DONE,))
    if not after(moment, "commit"):
        return Expected(SOURCE, (FAILED, PEER))
    told = (DONE,) if moment.startswith("retire") else (DONE, UNDECIDED)
    if role == DMORE_PAIR:
        return Expected(DESTINATION, told)  # its successor finds the note, or a pair like any other
    if role == DOMAIN_R:
        return Expected(DESTINATION, told, **REPLACED)
    if moment == "committed":
        return Expected(SOURCE, (FAILED, PEER))  # it has surely not run there
    return Expected(LOST, told, typing=UNSEEN)


def exists(side, role, moment):
    """Whether a process is there, and what kills it then has one outcome only."""
    if side == "source":
        if moment in ("committed", "resumed"):
            return False  # the source is at commit-sent then
        # Its VMs are on their way in complete-sent, arrived or not, and have ended in retire-noted.
        return role in (DMORED, DMORE_PAIR) or moment not in ("complete-sent", "retire-noted")
    if moment == "commit-sent":
        return False  # held on the source: the destination goes on
    return role == DMORED or after(moment, "offer" if role == DMORE_PAIR else "prepare")


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
                  Expected(SOURCE, (FAILED, PEER, HOST)), inject=kill_as_it_appears(role))
