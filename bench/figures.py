# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians and percentiles of samples, and how they are written."""

import math


def percentile(samples, part):
    """The smallest sample that at least this part (0 to 1) of all does not exceed."""
    ordered = sorted(samples)
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]


def median(samples):
    ordered = sorted(samples)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def number(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value >= 100 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
