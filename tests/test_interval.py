"""Means, shares and correlations, with ends against independent values and none of width 0."""

import numpy as np
import pytest
from scipy import stats

from mlleaks_helpers.interval import (
    Interval,
    around,
    correlation_interval,
    fixed_sets_correlation,
    fixed_sets_interval,
    mean_interval,
    proportion_interval,
)


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


def ends(interval):
    return interval.value, interval.low, interval.high


def test_fixed_sets_by_hand():
    """Two sets: variances of the means .01/3 and .0004/2, so 2.231 degrees of freedom."""
    got = fixed_sets_interval([[0.6, 0.7, 0.8], [0.3, 0.3 + 0.02 * np.sqrt(2)]])
    a, b = 0.01 / 3, 0.0004 / 2
    freedom = (a + b) ** 2 / (a**2 / 2 + b**2 / 1)
    assert freedom == pytest.approx(2.2311, abs=1e-4)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(a + b) / 2
    mean = (0.7 + 0.3 + 0.01 * np.sqrt(2)) / 2
    assert ends(got) == pytest.approx((mean, mean - half, mean + half))


def test_two_fixed_sets_are_welchs_test():
    """Half the difference of two means, the second turned round, is their mean over two sets."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 5), rng.normal(1, 3, 8)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    got = fixed_sets_interval([a, -b])
    assert (got.low, got.high) == pytest.approx((welch.low / 2, welch.high / 2))


def test_one_fixed_set_is_the_mean_of_its_seeds():
    seeds = [0.61, 0.7, 0.64, 0.9]
    assert ends(fixed_sets_interval([seeds])) == pytest.approx(ends(mean_interval(seeds)))


def test_the_spread_between_fixed_sets_does_not_count():
    near = fixed_sets_interval([[0.5, 0.52, 0.51], [0.5, 0.52, 0.51]])
    far = fixed_sets_interval([[0.1, 0.12, 0.11], [0.9, 0.92, 0.91]])
    assert far.high - far.low == pytest.approx(near.high - near.low)
    assert far.value == pytest.approx(0.51)


def test_every_fixed_set_counts_alike():
    assert fixed_sets_interval([[0, 0.2], [1, 1.1, 0.9, 1, 1, 1]]).value == pytest.approx(0.55)


def test_fixed_sets_cover_the_mean_of_these_sets():
    rng = np.random.default_rng(0)
    means, spreads = np.array([0.5, 0.7, 0.95]), np.array([0.01, 0.05, 0.02])
    covered = 0
    for _ in range(600):
        got = fixed_sets_interval(rng.normal(means, spreads, (3, 3)).T)
        covered += got.low <= means.mean() <= got.high
    low, high = stats.binom.interval(0.999, 600, 0.95)
    assert low <= covered <= high


def test_a_fixed_set_of_equal_seeds_adds_no_error():
    vary, still = [0.6, 0.7, 0.8], [0.2, 0.2, 0.2]
    alone, both = mean_interval(vary), fixed_sets_interval([vary, still])
    assert both.high - both.low == pytest.approx((alone.high - alone.low) / 2)
    thirds = [0.1 + 0.2, 0.3, 0.3]
    assert fixed_sets_interval([vary, thirds]).high - both.value == pytest.approx(
        0.05 + both.high - both.value)


def test_fixed_sets_that_are_all_equal_say_what_each_says():
    one, other = [1, 1, 1], [0.5, 0.5]
    got = fixed_sets_interval([one, other], within=(0, 1))
    a, b = mean_interval(one, (0, 1)), mean_interval(other, (0, 1))
    assert ends(got) == pytest.approx(((a.value + b.value) / 2, (a.low + b.low) / 2,
                                       (a.high + b.high) / 2))
    assert fixed_sets_interval([one, other]).low == -np.inf


def test_fixed_sets_end_where_values_can_end():
    free = fixed_sets_interval([[0.1, 0.99], [0.9, 0.95]])
    cut = fixed_sets_interval([[0.1, 0.99], [0.9, 0.95]], within=(0, 1))
    assert free.low < 0 < 1 < free.high and (cut.low, cut.high) == (0, 1)


@pytest.mark.parametrize("groups, message", [
    ([], "groups must hold the values of at least one data set"),
    ([[0.5, 0.6], [0.5]], r"groups\[1\] must be at least two finite numbers"),
    ([[0.5, np.nan]], r"groups\[0\] must be at least two finite numbers"),
    ([[0.5, 0.6], [0.5, 1.6]], r"groups\[1\] must lie within 0 and 1, got 0.5 to 1.6"),
])
def test_fixed_sets_that_cannot_be_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        fixed_sets_interval(groups, within=(0, 1))


@pytest.mark.parametrize("successes, n, low, high", [
    (1, 3, 0.0084, 0.9057),      # the interval of one target of three
    (81, 263, 0.2527, 0.3676),   # this and the next: Newcombe 1998, Table I
    (15, 148, 0.0578, 0.1617),
    (0, 20, 0, 0.1684),
    (1, 29, 0.0009, 0.1776),
])
def test_proportions_have_the_published_interval(successes, n, low, high):
    got = proportion_interval(successes, n)
    assert ends(got) == pytest.approx((successes / n, low, high), abs=6e-5)


def test_clopper_and_pearsons_ends_are_quantiles_of_beta():
    got = proportion_interval(7, 10)
    assert (got.low, got.high) == pytest.approx(
        (stats.beta.ppf(0.025, 7, 4), stats.beta.ppf(0.975, 8, 3)))
    assert proportion_interval(5, 5).high == 1


@pytest.mark.parametrize("successes, n, message", [
    (1, 0, "n must be a whole number"), (1, 2.5, "n must be a whole number"),
    (-1, 3, "successes must be a whole number from 0 to n = 3, got -1"),
    (4, 3, "successes must be"), (1.5, 3, "successes must be")])
def test_proportions_that_cannot_be_are_refused(successes, n, message):
    with pytest.raises(ValueError, match=message):
        proportion_interval(successes, n)


LSAT = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]


def test_correlation_of_the_fifteen_law_schools():
    """Efron's data; R's cor.test prints 0.7763745 and 0.4385108 to 0.9219648."""
    assert ends(correlation_interval(LSAT, GPA)) == pytest.approx(
        (0.7763745, 0.4385108, 0.9219648), abs=1e-6)


def test_rank_correlation_is_spearmans_with_bonett_and_wrights_error():
    got = correlation_interval(LSAT, GPA, rank=True)
    value = stats.spearmanr(LSAT, GPA).statistic
    half = 1.959964 * np.sqrt((1 + value**2 / 2) / 12)
    assert ends(got) == pytest.approx(
        (value, np.tanh(np.arctanh(value) - half), np.tanh(np.arctanh(value) + half)), abs=1e-6)
    plain = correlation_interval(stats.rankdata(LSAT), stats.rankdata(GPA))
    assert plain.low > got.low and plain.high < got.high


def test_equal_values_share_a_rank():
    x, y = [1, 1, 2, 3, 3, 4], [5, 6, 6, 7, 9, 8]
    got = correlation_interval(x, y, rank=True)
    assert got.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert got == correlation_interval(x, np.exp(y), rank=True)


@pytest.mark.parametrize("sign", [1, -1])
def test_ranks_that_agree_completely_are_not_certain(sign):
    x = np.arange(5)
    got = correlation_interval(x, sign * x**3, rank=True)
    swapped = correlation_interval(x, sign * np.array([0, 1, 3, 2, 4]), rank=True)
    assert abs(swapped.value) == pytest.approx(0.9) and abs(got.value) == pytest.approx(1)
    inner, outer = (got.low, got.high) if sign > 0 else (got.high, got.low)
    assert outer == pytest.approx(sign)
    assert inner == pytest.approx(swapped.low if sign > 0 else swapped.high)


def test_points_on_a_line_are_correlated_for_certain():
    assert ends(correlation_interval([1, 2, 3, 4], [2, 4, 6, 8])) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("rank", [False, True])
def test_correlation_interval_covers(rank):
    """Seven points of two normal variables, correlated by .7; the ranks' interval is wide."""
    rng = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(0.35) if rank else 0.7
    covered = 0
    for _ in range(600):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 7).T
        got = correlation_interval(x, y, rank=rank)
        covered += got.low <= truth <= got.high
    low, high = stats.binom.interval(0.999, 600, 0.95)
    assert low <= covered <= (600 if rank else high)


@pytest.mark.parametrize("x, y, message", [
    ([1, 2, 3], [1, 2, 4], "x and y must be two sequences of one length, at least 4"),
    ([1, 2, 3, 4], [1, 2, 4], "x and y must be two sequences"),
    ([1, 1, 1, 1], [1, 2, 4, 5], "x must be finite and vary"),
    ([1, 2, 4, 5], [1, 2, np.inf, 3], "y must be finite and vary"),
])
def test_correlations_that_cannot_be_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        correlation_interval(x, y)


# ---------------------------------------------------------------- correlation over fixed sets

MEANS = np.array([[0.0, 0.1], [1.0, 0.9], [2.0, 2.3], [3.0, 2.8], [4.0, 4.4]])
NOISE = np.array([[-1.0, 0.5, 0.5], [0.2, -0.6, 0.4]])  # of three seeds, in x and in y


def of_seeds(size, noise=NOISE, means=MEANS):
    """One pair of sequences a set, as lists of x and of y."""
    seeds = means[:, :, None] + size * noise
    return list(seeds[:, 0]), list(seeds[:, 1])


@pytest.mark.parametrize("rank", [False, True])
def test_without_noise_the_correlation_of_fixed_sets_is_a_point(rank):
    means = np.array([[0, 0.1], [1, 2.5], [2, 2.3], [3, 2.8]])
    value = correlation_interval(*means.T, rank=rank).value
    assert ends(fixed_sets_correlation(*of_seeds(0, means=means), rank=rank)) == pytest.approx(
        (value,) * 3)


def test_the_correlation_of_fixed_sets_is_that_of_the_means_over_seeds():
    got = fixed_sets_correlation(*of_seeds(0.3))
    assert got.value == pytest.approx(np.corrcoef(*MEANS.T)[0, 1])
    assert got.low < got.value < got.high


def test_the_correlation_of_fixed_sets_against_draws_one_by_one():
    x, y = of_seeds(0.4)
    rng, found = np.random.default_rng(3), []
    for _ in range(10_000):
        drawn = []
        for one, other in zip(x, y, strict=True):
            spread = np.linalg.cholesky(np.cov(one, other) / 3 + 1e-12 * np.eye(2))
            error = spread @ rng.standard_normal(2) / np.sqrt(rng.chisquare(2) / 2)
            drawn.append([one.mean() + error[0], other.mean() + error[1]])
        found.append(stats.pearsonr(*np.transpose(drawn)).statistic)
    got = fixed_sets_correlation(x, y)
    assert (got.low, got.high) == pytest.approx(np.quantile(found, [0.025, 0.975]), abs=0.05)


def test_more_noise_and_fewer_seeds_make_the_correlation_of_fixed_sets_less_certain():
    def low(size, seeds=1):
        return fixed_sets_correlation(*of_seeds(size, np.tile(NOISE, seeds))).low

    assert low(0.1) > low(0.5) > low(1)
    assert low(0.5, seeds=4) > low(0.5)


def test_seeds_that_move_both_the_same_way_leave_more_of_a_correlation():
    same, contrary = (fixed_sets_correlation(*of_seeds(0.6, np.stack([NOISE[0], sign * NOISE[0]])))
                      for sign in (1, -1))
    assert same.low > contrary.low


def test_ranks_over_fixed_sets():
    x, y = of_seeds(0.2)
    got = fixed_sets_correlation(x, [np.exp(3 * other) for other in y], rank=True)
    assert got.value == pytest.approx(1) and got.low < 1
    assert fixed_sets_correlation(x, [np.exp(3 * other) for other in y]).value < 0.8


@pytest.mark.parametrize("x, y, message", [
    ([[1, 2]] * 3, [[1, 2]] * 3, "at least 4"),
    ([[1], [2], [3], [4]], [[1], [2], [3], [4]], r"x\[0\] must be at least two"),
    ([[1, 2]] * 4, [[1, 2]] * 3 + [[1, 2, 3]], r"as many seeds .* \[2, 2, 2, 3\]"),
    ([[1, 2]] * 4, [[1, 2]] * 4, "x must be finite and vary"),
])
def test_correlations_over_fixed_sets_that_cannot_be_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        fixed_sets_correlation(x, y)
