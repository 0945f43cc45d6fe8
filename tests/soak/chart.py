# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws the series of a soak: a row for each process, a panel for each thing that is watched."""

from lab.canvas import Canvas
from series import warm_up
from trend import GROWS

WIDTH = 1320
TOP, ROW = 76, 118
LABEL = 150  # of a row
PANEL, GAP = 290, 92  # width, and the room for an axis before it
HEIGHT = 76
COLOURS = {"value": "#1f5f99", "fit": "#b03030", "grid": "#d0d0d0", "warm": "#f0f0f0", "text": "#555555"}


def scale(series):
    """The axis: it shows the limit as a visible rise, so that noise far below it looks like what it is."""
    low, high = min(series.values), max(series.values)
    least = 2 * series.limit if series.is_bytes else 4
    room = max(least - (high - low), 0.1 * (high - low)) / 2
    return max(low - room, 0), high + room


def draw_panel(canvas, x, y, series, line, verdict):
    low, high = scale(series)
    count = len(series.values)
    skipped = warm_up(count)

    def place(at, value):
        return (x + PANEL * (at + 0.5) / count, y + HEIGHT * (1 - (value - low) / (high - low)))

    canvas.box(x, y, x + PANEL * skipped / count, y + HEIGHT, COLOURS["warm"])
    for value in (low, high):
        _, at = place(0, value)
        canvas.line([(x, at), (x + PANEL, at)], COLOURS["grid"])
        canvas.text(x - GAP + 14, at + 4, series.text(value), 11, COLOURS["text"])
    canvas.line([place(at, value) for at, value in enumerate(series.values)], COLOURS["value"], 1.5)
    words = series.what
    if line:
        canvas.line([place(skipped, line.begin), place(count - 1, line.end)], COLOURS["fit"], 1.5)
        words += f": {series.text(line.slope, True)} in 100 moves, {verdict}"
    canvas.text(x, y - 6, words, 12, COLOURS["fit"] if verdict == GROWS else COLOURS["text"])


def draw(record, judged, title, path):
    verdicts = {id(series): (line, verdict) for series, line, verdict in judged}
    rows = {}
    for series in record.series.values():
        if series.what != "RSS":  # its picture would be that of the own memory
            rows.setdefault(series.who, []).append(series)
    canvas = Canvas(WIDTH)
    canvas.text(20, 34, title, 18)
    canvas.text(20, 52, "one value a move; grey: warm-up, not judged; red: slope of Theil and Sen", 12, COLOURS["text"])
    for number, (who, panels) in enumerate(rows.items()):
        y = TOP + ROW * number + 18
        canvas.text(20, y + HEIGHT / 2, who)
        for column, series in enumerate(panels):
            draw_panel(canvas, LABEL + GAP + column * (PANEL + GAP), y, series,
                       *verdicts.get(id(series), (None, None)))
    canvas.render(path, TOP + ROW * len(rows) + 10)
