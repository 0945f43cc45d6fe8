# SPDX-License-Identifier: GPL-2.0-or-later
"""From a key press at the client to the update that shows its letter, at three paces of typing."""

from ..figures import median, number, percentile
from ..plot import distributions
from ..result import Result
from ..systems import CELLS, in_turns, make_all

HUMAN = 5  # presses a second, on average
COLUMNS = ["screen, presses a second", "system", "median, ms", "p99, ms", "D-MORE to it"]


def presses(system, screen, rate, count, seed):
    """Type at a clean text console; the latencies in ms."""
    cell, columns = CELLS[screen]
    system.guest.command("clear")
    return system.measure("echo", rate, count, cell, columns, seed)["ms"]


def compare(result, systems, screen, rate, count, rounds):
    """One screen and pace in turns; the rows of its table. The medians by system."""
    what = f"{screen}, {rate}"
    for number_of_round, system in in_turns(systems, rounds):
        result.sample(system.name, what, presses(system, screen, rate, count // rounds, number_of_round))
    rows, medians = [], {}
    for system in systems:
        samples = result.of(system.name, what)
        missing = samples.count(None)
        good = [sample for sample in samples if sample is not None]
        medians[system.name] = median(good)
        if missing:
            result.note(f"{system.name}, {what} a second: {missing} of {len(samples)} letters never appeared.")
        ratio = "" if system is systems[0] else f"1 : {number(medians[system.name] / medians[systems[0].name])}"
        rows.append([what, system.name, medians[system.name], percentile(good, 0.99), ratio])
    return rows, medians


def run(result, lab_of, rates, count, rounds, limit):
    systems = make_all(lab_of())
    rows = []
    for screen in CELLS:
        for system in systems:
            system.set_screen(screen)
        for rate in rates:
            more, medians = compare(result, systems, screen, rate, count, rounds)
            rows += more
            ours, *theirs = medians.values()
            result.aim(f"{screen}, {rate} a second, D-MORE's median to that of the better stock keyboard",
                       ours / min(theirs), limit)
    result.table(COLUMNS, rows)
    distributions(result, "ms from press to update")
    return result


def latency(lab_of):
    result = run(Result("latency", "Key press to update, at human speed"), lab_of, [HUMAN], 100, 4, 0.2)
    ours, theirs, _ = (row for row in result.tables[0]["rows"] if row[0] == f"virtio-vga, {HUMAN}")
    result.headline = f"From a key press to the picture that shows it: {ours[2]} ms; QEMU's own VNC server: {theirs[2]} ms."
    return result


def typing(lab_of):
    return run(Result("typing", "Key press to update, at 10 and 30 presses a second"), lab_of, [10, 30], 120, 4, 0.5)
