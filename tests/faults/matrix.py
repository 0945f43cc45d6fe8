# SPDX-License-Identifier: GPL-2.0-or-later
"""All rows, in the order of the table."""

from . import destination, hangs, hosts, kills, links

PARTS = (kills, hangs, destination, hosts, links)  # each has rows()


def rows():
    return [row for part in PARTS for row in part.rows()]
