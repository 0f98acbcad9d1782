"""A measured value and what is known of it."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

MIDDLE = np.array([0.025, 0.975])
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """A measured value and its 95 % confidence interval. Raises ValueError for one upside down."""

    value: float
    low: float
    high: float

    def __post_init__(self):
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value must lie between low and high, got {self}")

    def __str__(self):
        return f"{self.value:z.3f} [{self.low:z.3f}, {self.high:z.3f}]"


def around(value, low, high) -> Interval:
    """The interval, as far as the value where that lies outside."""
    return Interval(float(value), float(min(low, value)), float(max(high, value)))


def mean_interval(values, within=(-np.inf, np.inf)) -> Interval:
    """Mean over independent repetitions (seeds), with Student's t interval; at least two.

    `within`: where such a value can lie at all, (0, 1) for shares; the interval ends there.

    Equal values have no spread from which Student's t could tell an interval. All that n of them
    say is that another seed differs with a chance of at most 1 − .025^(1/n) (Clopper and Pearson
    1934, n successes of n); where it does, it may lie anywhere within. So three shares of 1 are
    1.000 [0.292, 1.000], and without `within` nothing is known: the ends are infinite.

    Raises ValueError for fewer than two values, and for values that are not finite or not within.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"values must be at least two finite numbers, one a seed, got {values}")
    lowest, highest = within
    if values.min() < lowest - ROUNDING or values.max() > highest + ROUNDING:
        raise ValueError(f"values must lie within {lowest:g} and {highest:g}, got "
                         f"{values.min():g} to {values.max():g}")
    mean = values.mean()
    if np.ptp(values) <= ROUNDING * max(1, abs(mean)):
        differs = 1 - 0.025 ** (1 / len(values))
        low, high = (mean + differs * (end - mean) for end in within)
    else:
        half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        low, high = mean - half, mean + half
    low, high = np.clip([low, high], lowest, highest)
    return Interval(float(np.clip(mean, lowest, highest)), float(low), float(high))
