# SPDX-License-Identifier: GPL-2.0-or-later
"""Some of the faults of `make faults`, of each phase at least one: so that what the whole matrix has shown
(doc/reliability.md) stays true from one change to the next."""

import os

import pytest

from faults import matrix
from faults.play import Stage

# The sanitized programs take the same ways through the code; the matrix is not played twice.
pytestmark = pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="played with the plain build only")


@pytest.fixture(scope="module")
def stage():
    stage = Stage()
    yield stage
    stage.close()


@pytest.mark.parametrize("row", [row for row in matrix.rows() if row.quick], ids=lambda row: row.name)
def test_fault(stage, row):
    outcome = stage.play(row)
    assert outcome.passed, "\n".join(outcome.problems)
