# SPDX-License-Identifier: GPL-2.0-or-later
"""What a fault is, and what is expected of it."""

import dataclasses
from typing import Callable

PHASES = ("offer", "prepare", "pre-copy", "converged", "stop-r", "quiesce", "stop-u", "handover", "complete",
          "commit", "retire")
# Finer points, of those in src/comigrate/hold.h: the first is before the commit, from the second on a pair is on
# its way to the destination and no failure takes it back by itself.
POINTS = ("complete-sent", "commit-sent", "committed", "resumed", "retire-noted")
# All moments, in their order in time
MOMENTS = (*PHASES[:-2], "complete-sent", "commit", "commit-sent", "committed", "resumed", "retire", "retire-noted")


def after(moment, what):
    """Whether a moment is later than another one."""
    return MOMENTS.index(moment) > MOMENTS.index(what)


# Where the pair runs in the end
SOURCE, DESTINATION = "source", "destination"
EITHER = "either"  # how far it came in time decides; both are right
LOST = "lost"  # the fault has destroyed the only copy of the user VM, and that is said

# What of the text that was typed all the time the guest has read in the end
WHOLE = "whole"  # every key, once, in order
BEGIN = "begin"  # keys were on their way in something that was destroyed: a first part, and nothing after it
UNSEEN = "unseen"  # the guest itself has gone or begun anew

# dmore's exit statuses, src/base/error.h
DONE, FAILED, USAGE, HOST, NOT_FOUND, BUSY, PEER, CANCELLED, TIMEOUT, UNDECIDED = range(10)


def nothing(_scene):
    """For the steps that a row does not need."""


@dataclasses.dataclass(frozen=True)
class Expected:
    """
    side: SOURCE, DESTINATION, EITHER or LOST
    status: exit statuses that `dmore migrate` may have; none if there is no `dmore migrate`
    connection: whether the VNC connection that was there at the beginning lives
    typing: WHOLE, BEGIN or UNSEEN
    replug: the guest may see its keyboard and tablet go and come back
    end: of a pair that is as it is expected to be and yet of no use to the next row; given the Scene and
        the host where the pair is, it raises LookupError if that is not so. The pair is taken down then
    """

    side: str
    status: tuple = ()
    connection: bool = True
    typing: str = WHOLE
    replug: bool = False
    end: Callable | None = None


# Of an Expected. Domain R is replaced: whoever was connected to it has to connect again, and what it had not
# yet told the user VM is gone.
REPLACED = {"connection": False, "typing": BEGIN, "replug": True}


@dataclasses.dataclass(frozen=True)
class Row:
    """
    Somebody types from before the beginning to the end. The steps, in their order; each is given the
    Scene, and a row leaves out what it does not need:

    arrange: before the co-migration begins
    inject: the co-migration is held at `moment`; then it is released (unless this has done so)
    meanwhile: before the outcome is awaited, which may depend on it: a cancel, a link that comes back
    mend: `dmore migrate` has ended. What an operator, a service manager or the network does now:
        dmored is started again, a host comes back, an undecided pair is resolved

    and then the pair has to be where it is expected to be.

    fault: what is done, in the words of the table
    moment: a phase, or one of the finer points of comigrate/hold.h, at which the co-migration is
        held; None: it is not held, and inject is called right after its begin
    options: further words for `dmore migrate`
    quick: a part of `make check` as well
    """

    fault: str
    moment: str | None
    expected: Expected
    arrange: Callable = nothing
    inject: Callable = nothing
    meanwhile: Callable = nothing
    mend: Callable = nothing
    options: tuple = ()
    quick: bool = False

    @property
    def name(self):
        return f"{self.fault} @ {self.moment or '-'}"
