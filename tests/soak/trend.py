# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a series of measurements grows.

The slope of a series is that of Theil and Sen: the median of the slopes between all pairs of values, which
a few outliers do not move. Its 99 % confidence interval is Sen's, from Kendall's rank correlation
(P. K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, 1968). A series is

    flat    when even the upper end of the interval is within the limit: shown, not only not refuted
    grows   when even the lower end is beyond the limit
    open    between the two: there are too few values, or too unsteady ones, to tell

Slopes and limits are for 100 values. Falling is flat: what is looked for is what wears a host out.
"""

import dataclasses
import math
import statistics

FLAT, GROWS, OPEN = "flat", "grows", "open"
Z_99 = 2.576  # of the normal distribution, two-sided
PER = 100


@dataclasses.dataclass
class Trend:
    slope: float  # for 100 values, as low and high
    low: float
    high: float
    begin: float  # the line's value at the first value and at the last
    end: float

    def verdict(self, limit):
        if self.high <= limit:
            return FLAT
        return GROWS if self.low > limit else OPEN


def trend(values):
    """The trend of at least three values that were measured at equal distances."""
    count = len(values)
    slopes = sorted((values[j] - values[i]) / (j - i) for i in range(count) for j in range(i + 1, count))
    slope = statistics.median(slopes)
    middle = statistics.median(value - slope * at for at, value in enumerate(values))
    # How many of the sorted slopes lie between the ends of the interval.
    width = Z_99 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = slopes[max(math.floor((len(slopes) - width) / 2), 0)]
    high = slopes[min(math.ceil((len(slopes) + width) / 2), len(slopes) - 1)]
    return Trend(slope * PER, low * PER, high * PER, middle, middle + slope * (count - 1))
