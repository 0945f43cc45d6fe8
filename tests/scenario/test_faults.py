# SPDX-License-Identifier: GPL-2.0-or-later
"""Some of the faults of `make faults`, of each phase at least one: so that what the whole matrix has shown
(doc/reliability.md) stays true from one change to the next."""

import os
import pathlib

import pytest

from conftest import alone
from faults import crew, matrix
from lab.lab import ROOT

pytestmark = alone

ROWS = list(matrix.rows())
EVIDENCE = pathlib.Path(os.environ.get("DMORE_BUILD", ROOT / "build")) / "evidence"
STAGES = 2  # most of a row is waiting


@pytest.fixture(scope="module")
def outcomes(request):
    """Of all rows that are asked for, played ahead, two at a time."""
    places = [item.callspec.params["place"] for item in request.session.items if item.function is test_fault]
    return dict(crew.play_all(ROWS, places, min(STAGES, len(places)), EVIDENCE))


@pytest.mark.parametrize("place", [place for place, row in enumerate(ROWS) if row.quick],
                         ids=lambda place: ROWS[place].name)
def test_fault(outcomes, place):
    assert outcomes[place].passed, "\n".join(outcomes[place].problems)
