# SPDX-License-Identifier: GPL-2.0-or-later
"""Some of the faults of `make faults`, of each phase at least one: so that what the whole matrix has shown
(doc/reliability.md) stays true from one change to the next."""

import pytest

from conftest import plain_build_only
from faults import matrix
from faults.play import Stage

pytestmark = plain_build_only


@pytest.fixture(scope="module")
def stage():
    stage = Stage()
    yield stage
    stage.close()


@pytest.mark.parametrize("row", [row for row in matrix.rows() if row.quick], ids=lambda row: row.name)
def test_fault(stage, row):
    outcome = stage.play(row)
    assert outcome.passed, "\n".join(outcome.problems)
