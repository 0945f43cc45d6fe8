# SPDX-License-Identifier: GPL-2.0-or-later
"""Several stages at once: most of a row is waiting, so two laboratories play faster than one."""

import multiprocessing
import traceback

from . import matrix
from .play import Stage

# A row holds functions and cannot be sent to another process; its place in matrix.rows() can. The processes begin
# anew, for who asks may have threads and a laboratory of its own.
CONTEXT = multiprocessing.get_context("spawn")


def _work(places, done, evidence):
    """A process: play rows until there are none left."""
    rows = matrix.rows()
    stage = Stage(evidence)
    try:
        while (place := places.get()) is not None:
            outcome = stage.play(rows[place])
            outcome.row = None
            done.put((place, outcome))
    except Exception:  # told in the process that asks
        done.put((None, traceback.format_exc()))
    finally:
        stage.close()
        done.put(None)


def play_all(rows, places, jobs, evidence):
    """Play the rows at these places, `jobs` at a time; yields (place, Outcome) when it is there.

    rows: matrix.rows()
    """
    waiting, done = CONTEXT.Queue(), CONTEXT.Queue()
    for place in [*places, *[None] * jobs]:
        waiting.put(place)
    players = [CONTEXT.Process(target=_work, args=(waiting, done, evidence)) for _ in range(jobs)]
    for player in players:
        player.start()
    at_work = jobs
    try:
        while at_work:
            message = done.get()
            if message is None:
                at_work -= 1
                continue
            place, outcome = message
            if place is None:
                raise RuntimeError(f"a process that plays rows has failed:\n{outcome}")
            outcome.row = rows[place]
            yield place, outcome
    finally:
        for player in players:
            if at_work:
                player.terminate()
            player.join()
