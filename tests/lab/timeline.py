# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws a switch-over: what happened when, in rows over one axis of time."""

from .canvas import Canvas

WIDTH = 1280
LEFT, RIGHT, TOP = 190, 50, 70
ROW = 46
COLOURS = {"ticks": "#1f5f99", "bar": "#d9822b", "phase": ["#7a8b99", "#a9b7c0"]}


def round_step(span):
    """A step for about ten marks on an axis of that length, in ms."""
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        if span / step <= 12:
            return step
    return 10000


class Timeline(Canvas):
    """begin, end: in seconds; zero on the axis is at `zero`"""

    def __init__(self, title, begin, end, zero):
        super().__init__(WIDTH)
        self.title, self.begin, self.end, self.zero = title, begin, end, zero
        self.rows = []

    def ticks(self, label, times):
        """A row with a stroke for each event."""
        self.rows.append((label, self._draw_ticks, times))

    def bars(self, label, bars, colours=(COLOURS["bar"],)):
        """A row with a bar for each (name, begin, end)."""
        self.rows.append((label, self._draw_bars, (bars, colours)))

    def _x(self, time):
        part = (min(max(time, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    def _draw_ticks(self, y, times):
        for time in times:
            if self.begin <= time <= self.end:
                x = self._x(time)
                self.box(x - 1, y + 8, x + 1, y + ROW - 12, COLOURS["ticks"])

    def _draw_bars(self, y, content):
        bars, colours = content
        for number, (name, begin, end) in enumerate(bars):
            if end < self.begin or begin > self.end:
                continue
            x0, x1 = self._x(begin), self._x(end)
            self.box(x0, y + 8, max(x1, x0 + 1), y + ROW - 12, colours[number % len(colours)])
            if x1 - x0 > 8 * len(name):
                self.text(x0 + 4, y + ROW / 2 + 3, name, 12, "#ffffff")

    def _axis(self, bottom):
        step = round_step((self.end - self.begin) * 1000)
        first = -int((self.zero - self.begin) * 1000 // step) * step
        last = int((self.end - self.zero) * 1000)
        for mark in range(first, last + 1, step):
            x = self._x(self.zero + mark / 1000)
            self.box(x, TOP - 6, x + 1, bottom, "#d0d0d0" if mark else "#b03030")
            self.text(x - 14, bottom + 16, f"{mark} ms", 12, "#555555")

    def write_png(self, path):
        bottom = TOP + ROW * len(self.rows)
        self._axis(bottom)
        self.text(20, 36, self.title, 18)
        for number, (label, draw, content) in enumerate(self.rows):
            y = TOP + ROW * number
            self.text(20, y + ROW / 2 + 3, label)
            draw(y, content)
        self.render(path, bottom + 36)
