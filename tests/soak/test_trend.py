# SPDX-License-Identifier: GPL-2.0-or-later
"""The soak's verdict sees what grows, and only that."""

import random

from trend import FLAT, GROWS, OPEN, trend

LIMIT = 1.0


def noise(count, spread, seed=1):
    generator = random.Random(seed)
    return [generator.gauss(100, spread) for _ in range(count)]


def verdict(values):
    return trend(values).verdict(LIMIT)


def test_what_stays_is_flat():
    assert verdict([20] * 80) == FLAT
    assert verdict([6, 7] * 40) == FLAT  # there and back
    assert verdict(noise(80, 0.5)) == FLAT


def test_what_falls_is_flat():
    assert verdict([100 - at for at in range(80)]) == FLAT


def test_outliers_are_not_growth():
    values = [20] * 80
    values[60:68] = [500] * 8
    assert verdict(values) == FLAT


def test_one_more_each_move_grows():
    assert verdict([20 + at for at in range(8)]) == GROWS


def test_one_more_in_twenty_moves_grows():
    assert verdict([20 + at // 20 for at in range(80)]) == GROWS


def test_growth_under_noise_grows():
    values = noise(80, 1)
    assert verdict([value + 0.05 * at for at, value in enumerate(values)]) == GROWS


def test_too_few_or_too_unsteady_values_are_not_told_to_be_flat():
    assert verdict(noise(6, 1)) == OPEN
    assert verdict(noise(80, 50)) == OPEN


def test_the_slope_is_that_of_the_line():
    line = trend([5 + 0.25 * at for at in range(80)])
    assert (round(line.low, 6), round(line.slope, 6), round(line.high, 6)) == (25, 25, 25)
    assert (line.begin, line.end) == (5, 5 + 0.25 * 79)
