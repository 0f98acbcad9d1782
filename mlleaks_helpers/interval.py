"""A measured value and what is known of it."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

MIDDLE = np.array([0.025, 0.975])
ROUNDING = 1e-12
DRAWS = 10_000


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
    values = _seeds(values, "values", within)
    mean = values.mean()
    if _equal(values):
        differs = 1 - 0.025 ** (1 / len(values))
        low, high = (mean + differs * (end - mean) for end in within)
    else:
        half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        low, high = mean - half, mean + half
    return _cut(mean, low, high, within)


def fixed_sets_interval(groups, within=(-np.inf, np.inf)) -> Interval:
    """Mean over these very data sets: `groups` holds one sequence of values (seeds) for each.

    Every set counts alike, however many seeds it has. The sets are not drawn from others like
    them, so the error comes from the seeds within each set alone, and the spread between sets
    does not count: Student's t with the degrees of freedom of Satterthwaite (1946) and Welch
    (1947). A set whose seeds are all equal adds no error; where every set is so, the ends are
    the means of what `mean_interval` says of each.

    `within` as for `mean_interval`. Raises ValueError for no set, a set of fewer than two seeds,
    and values that are not finite or not within.
    """
    groups = [_seeds(group, f"groups[{i}]", within) for i, group in enumerate(groups)]
    if not groups:
        raise ValueError("groups must hold the values of at least one data set, got none")
    mean = np.mean([group.mean() for group in groups])
    if all(map(_equal, groups)):
        ends = [mean_interval(group, within) for group in groups]
        return around(mean, np.mean([one.low for one in ends]), np.mean([one.high for one in ends]))
    free = np.array([len(group) - 1 for group in groups])
    errors = np.array([stats.sem(group) ** 2 for group in groups])
    freedom = errors.sum() ** 2 / (errors**2 / free).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(errors.sum()) / len(groups)
    return _cut(mean, mean - half, mean + half, within)


def proportion_interval(successes: int, n: int) -> Interval:
    """Share of `n` independent trials that succeeded, with the exact interval.

    Clopper and Pearson (1934). Raises ValueError unless both are whole, 0 ≤ successes ≤ n, 1 ≤ n.
    """
    if n != int(n) or n < 1:
        raise ValueError(f"n must be a whole number, at least 1, got {n}")
    if successes != int(successes) or not 0 <= successes <= n:
        raise ValueError(f"successes must be a whole number from 0 to n = {n}, got {successes}")
    ends = stats.binomtest(int(successes), int(n)).proportion_ci(0.95, "exact")
    return around(successes / n, ends.low, ends.high)


def correlation_interval(x, y, rank=False) -> Interval:
    """Correlation of `x` and `y`, each (n,), over n things such as data sets; n at least 4.

    Pearson's, with Fisher's z interval; with `rank` Spearman's, equal values sharing their mean
    rank, with the wider error of Bonett and Wright (2000, Psychometrika 65, eq. 3). Ranks that
    agree completely do not say that the next would: their interval is then that of ranks in which
    one pair of neighbours is swapped, up to 1 (or down to −1).

    Raises ValueError for other shapes, values that are not finite, and x or y that does not vary.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 4:
        raise ValueError("x and y must be two sequences of one length, at least 4, got shapes "
                         f"{x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            raise ValueError(f"{name} must be finite and vary, got {values}")
    n = len(x)
    if rank:
        x, y = stats.rankdata(x), stats.rankdata(y)
    value = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    seen = value
    if rank and abs(value) > 1 - ROUNDING:
        seen = np.sign(value) * (1 - 12 / (n * (n**2 - 1)))
    error = np.sqrt((1 + rank * seen**2 / 2) / (n - 3))
    with np.errstate(divide="ignore"):  # points on a line: the interval is the point
        z = np.arctanh(seen) + stats.norm.ppf(MIDDLE) * error
    return around(value, *np.tanh(z))


def fixed_sets_correlation(x, y, rank=False) -> Interval:
    """Correlation over these very data sets of the means over seeds: `x` and `y` hold one sequence
    of values for each set, as long as one another, whose nth values are of one seed.

    As for `fixed_sets_interval`, the error comes from the seeds within each set alone: both means
    of every set are drawn anew around what was measured (Student's t in two dimensions, with the
    seeds' covariance), and the middle 95 % of the correlations is the interval. Noise weakens a
    correlation, so the interval reaches further down than up. With `rank` Spearman's.

    Raises ValueError as `correlation_interval` does, and for a set of fewer than two seeds, or of
    other seeds in `x` than in `y`.
    """
    pairs = [np.stack([_seeds(one, f"x[{i}]"), _seeds(other, f"y[{i}]")])
             for i, (one, other) in enumerate(_paired(x, y))]
    means = np.array([pair.mean(axis=1) for pair in pairs])
    value = correlation_interval(*means.T, rank=rank).value
    rng = np.random.default_rng(0)
    drawn = np.stack([mean + _bivariate_t(pair, rng)
                      for mean, pair in zip(means, pairs, strict=True)], axis=1)
    if rank:
        drawn = stats.rankdata(drawn, axis=1)
    apart = drawn - drawn.mean(axis=1, keepdims=True)
    together = (apart[..., 0] * apart[..., 1]).sum(axis=1)
    return around(value, *np.quantile(together / np.sqrt((apart**2).sum(axis=1).prod(axis=1)),
                                      MIDDLE))


def _paired(x, y):
    if [len(one) for one in x] != [len(one) for one in y]:
        raise ValueError("x and y must hold as many seeds of each data set, got "
                         f"{[len(one) for one in x]} and {[len(one) for one in y]}")
    return zip(x, y, strict=True)


def _bivariate_t(pair, rng):
    """Errors of the means of two paired sequences, (2, seeds) → (DRAWS, 2)."""
    seeds = pair.shape[1]
    normal = rng.multivariate_normal([0, 0], np.cov(pair) / seeds, DRAWS)
    return normal / np.sqrt(rng.chisquare(seeds - 1, (DRAWS, 1)) / (seeds - 1))


def _seeds(values, name, within=(-np.inf, np.inf)) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"{name} must be at least two finite numbers, one a seed, got {values}")
    lowest, highest = within
    if values.min() < lowest - ROUNDING or values.max() > highest + ROUNDING:
        raise ValueError(f"{name} must lie within {lowest:g} and {highest:g}, got "
                         f"{values.min():g} to {values.max():g}")
    return values


def _equal(values) -> bool:
    return bool(np.ptp(values) <= ROUNDING * max(1, abs(values.mean())))


def _cut(value, low, high, within) -> Interval:
    value, low, high = np.clip([value, low, high], *within)
    return Interval(float(value), float(low), float(high))
