# SPDX-License-Identifier: GPL-2.0-or-later
"""All rows, in the order of the table."""

from . import clients, destination, guests, hangs, hosts, kills, links, rubbish

PARTS = (kills, hangs, destination, hosts, links, clients, guests, rubbish)  # each has rows()


def rows():
    return [row for part in PARTS for row in part.rows()]
