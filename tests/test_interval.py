"""Means over seeds, with ends against independent values and none of width 0."""

import numpy as np
import pytest
from scipy import stats

from mlleaks_helpers.interval import Interval, around, mean_interval


def test_an_interval_upside_down_is_refused():
    for value, low, high in ((0.85, 0.95, 0.75), (np.nan, np.nan, np.nan), (0.1, 0.2, 0.3),
                             (0.4, 0.2, 0.3)):
        with pytest.raises(ValueError, match="value must lie between low and high"):
            Interval(value, low, high)


def test_an_interval_prints_itself():
    assert str(Interval(0.5, 0.4, 0.6)) == "0.500 [0.400, 0.600]"
    assert str(Interval(-0.0001, -0.02, 0)) == "0.000 [-0.020, 0.000]"


@pytest.mark.parametrize("value, ends", [(0.5, (0.4, 0.6)), (0.3, (0.3, 0.6)), (0.7, (0.4, 0.7))])
def test_an_interval_reaches_as_far_as_its_value(value, ends):
    assert around(value, 0.4, 0.6) == Interval(value, *ends)


def test_the_mean_of_three_seeds_by_hand():
    """Student's t of 2 degrees of freedom is 4.302653 at 97.5 %."""
    got = mean_interval([0.6, 0.7, 0.8])
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert (got.value, got.low, got.high) == pytest.approx((0.7, 0.7 - half, 0.7 + half), abs=1e-7)


def test_the_ends_are_scipys():
    values = np.random.default_rng(0).normal(size=7)
    expected = stats.t.interval(0.95, 6, values.mean(), values.std(ddof=1) / np.sqrt(7))
    got = mean_interval(values)
    np.testing.assert_allclose([got.low, got.high], expected, rtol=1e-9)


def test_mean_interval_covers_the_mean_of_five_seeds():
    rng = np.random.default_rng(0)
    covered = sum(got.low <= 0.7 <= got.high for got in
                  (mean_interval(rng.normal(0.7, 0.02, 5)) for _ in range(600)))
    low, high = stats.binom.interval(0.999, 600, 0.95)
    assert low <= covered <= high


def test_an_interval_of_shares_ends_where_shares_end():
    shares, free = [0.1, 0.9, 0.99], mean_interval([0.1, 0.9, 0.99])
    cut = mean_interval(shares, within=(0, 1))
    assert free.low < 0 < 1 < free.high
    assert (cut.value, cut.low, cut.high) == (free.value, 0, 1)
    assert mean_interval([0.5, 0.51], within=(0, 1)) == mean_interval([0.5, 0.51])


@pytest.mark.parametrize("seeds", [2, 3, 5, 50])
@pytest.mark.parametrize("value", [0, 1])
def test_equal_shares_at_a_bound_have_clopper_and_pearsons_interval(value, seeds):
    got = mean_interval([float(value)] * seeds, within=(0, 1))
    exact = stats.binomtest(value * seeds, seeds).proportion_ci(0.95, "exact")
    assert (got.value, got.low, got.high) == pytest.approx((value, exact.low, exact.high), abs=1e-9)


def test_equal_values_elsewhere_may_have_hidden_any_other_within():
    got = mean_interval([0.7, 0.7, 0.7], within=(0, 1))
    hidden = 1 - 0.025 ** (1 / 3)
    assert (got.low, got.high) == pytest.approx((0.7 * (1 - hidden), 0.7 + 0.3 * hidden))
    ranks = mean_interval([0.9999999999999999, 1, 1], within=(-1, 1))
    assert ranks.high == pytest.approx(1) and ranks.low == pytest.approx(1 - 2 * hidden)


def test_equal_values_without_bounds_say_nothing():
    got = mean_interval([0.25, 0.25])
    assert (got.value, got.low, got.high) == (0.25, -np.inf, np.inf)


def test_a_share_that_is_usually_one_is_covered():
    """In one seed of five it is 0: Student's t on equal seeds would miss the mean."""
    rng = np.random.default_rng(0)
    drawn = (rng.random((400, 3)) < 0.8).astype(float)
    covered = sum(got.low <= 0.8 <= got.high for got in
                  (mean_interval(one, within=(0, 1)) for one in drawn))
    assert covered / 400 >= 0.93


@pytest.mark.parametrize("values", [[0.5], [], [0.5, np.nan], [[0.5, 0.6]], 0.5, [0.5, np.inf]])
def test_a_mean_needs_two_finite_seeds(values):
    with pytest.raises(ValueError, match="at least two finite numbers"):
        mean_interval(values)


@pytest.mark.parametrize("values", [[50, 60], [-0.1, 0.5], [1.1, 1.1]])
def test_values_that_cannot_be_are_refused(values):
    with pytest.raises(ValueError, match="values must lie within 0 and 1, got"):
        mean_interval(values, within=(0, 1))
