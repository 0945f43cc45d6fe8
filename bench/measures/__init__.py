# SPDX-License-Identifier: GPL-2.0-or-later
"""All measures, by the name that `make bench ONLY=NAME` takes, in the order in which they run."""

from .bursts import bursts
from .idle import idle
from .latency import latency, typing
from .migration import migration
from .parts import parts
from .scale import scale
from .slow import slow
from .throughput import throughput

MEASURES = {measure.__name__: measure for measure in (latency, typing, parts, migration, bursts, throughput, slow, idle, scale)}
