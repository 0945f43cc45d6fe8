# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws boxes, lines and texts into a PNG file, with ImageMagick: for the pictures of reports."""

import subprocess

from .picture import imagemagick

FONT = "DejaVu-Sans"
AT_ONCE = 500  # strokes in one argument, whose length the kernel limits


class Canvas:
    """All lengths in pixels, from the upper left corner; what is drawn later covers what was before."""

    def __init__(self, width):
        self.width = width
        self._strokes = []

    def text(self, x, y, text, size=13, colour="#222222"):
        quoted = text.replace("\\", "\\\\").replace("'", "\\'")
        self._strokes.append(f"stroke none fill {colour} font-size {size} text {x},{y} '{quoted}'")

    def box(self, x0, y0, x1, y1, colour):
        self._strokes.append(f"stroke none fill {colour} rectangle {x0},{y0} {x1},{y1}")

    def line(self, points, colour, width=1):
        """Through all points, (x, y)."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._strokes.append(f"fill none stroke {colour} stroke-width {width} polyline {path}")

    def render(self, path, height):
        command = [imagemagick(), "-size", f"{self.width}x{height}", "xc:white", "-font", FONT]
        for first in range(0, len(self._strokes), AT_ONCE):
            command += ["-draw", " ".join(self._strokes[first:first + AT_ONCE])]
        subprocess.run([*command, f"png:{path}"], check=True)
