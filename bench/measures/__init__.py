# SPDX-License-Identifier: GPL-2.0-or-later
"""All measures, by the name that `make bench ONLY=NAME` takes, in the order in which they run."""

from .latency import latency, typing

MEASURES = {measure.__name__: measure for measure in (latency, typing)}
