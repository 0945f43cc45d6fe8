# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of what became of the pair, for people and for programs."""

import itertools
import json

HEAD = ("fault", "held at", "runs then on", "VNC connection", "typing", "exit", "s", "")


def cells(outcome):
    """A row of the table. The empty last cell is for what is wrong."""
    return (
        outcome.row.fault,
        outcome.row.moment or "",
        outcome.side,
        outcome.connection,
        outcome.typing,
        "" if outcome.status is None else str(outcome.status),
        f"{outcome.seconds:.1f}",
        "" if outcome.passed else "FAILED",
    )


def merged(outcomes):
    """The table's rows: moments of one fault that have come out alike share one."""
    def alike(outcome):
        fault, _, *came_out, _, verdict = cells(outcome)
        return fault, *came_out, verdict

    table = []
    for key, group in itertools.groupby(outcomes, alike):
        group = list(group)
        moments = ", ".join(outcome.row.moment for outcome in group if outcome.row.moment)
        seconds = sum(outcome.seconds for outcome in group) / len(group)
        table.append((key[0], moments, *key[1:5], f"{seconds:.1f}", key[-1]))
    return table


def markdown(outcomes, title):
    lines = [title, "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(row)} |" for row in merged(outcomes)]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        lines += ["", f"{outcome.row.name}:", *(f"* {problem}" for problem in outcome.problems)]
    repeating = [f"*{outcome.row.name}* ({outcome.repeats})" for outcome in outcomes if outcome.repeats]
    if repeating:
        lines += ["", f"At the move afterwards a guest has repeated a key by itself: {', '.join(repeating)}."]
    return "\n".join(lines) + "\n"


def as_json(outcomes):
    return json.dumps([{
        "fault": outcome.row.fault,
        "moment": outcome.row.moment,
        "passed": outcome.passed,
        "side": outcome.side,
        "connection": outcome.connection,
        "typing": outcome.typing,
        "exit_status": outcome.status,
        "second_move": outcome.again,
        "second_move_repeats": outcome.repeats,
        "seconds": round(outcome.seconds, 1),
        "problems": outcome.problems,
    } for outcome in outcomes], indent=2) + "\n"
