"""LiRA against likelihood ratios by hand, a slow obvious version, and laws that are known."""

from functools import lru_cache

import numpy as np
import pytest
from made_up import mean_area, planted, ragged
from scipy import special, stats
from scipy.optimize import bisect

from mlleaks_helpers.attacks import References, lira, rehearse
from mlleaks_helpers.attacks.lira import Moments, shrunk_variance
from mlleaks_helpers.metrics import auc, tpr_at_fpr

VARIANCES = ("one", "own", "shrunk")
EVERY = pytest.mark.parametrize("variance, online", [
    (variance, online) for variance in VARIANCES for online in (True, False)])


# ---------------------------------------------------------------- by hand

IN, OUT = [4.0, 8.0], [-1.0, 0.0, 1.0]  # means 6 and 0, variances 8 and 1
ALONE = References(np.array([[*IN, *OUT]]).T, np.array([[1, 1, 0, 0, 0]], bool).T)


@pytest.mark.parametrize("variance", ["one", "own"])
def test_the_ratio_of_two_normal_densities_of_unequal_width(variance):
    """Fails where the width of one is taken for both: the target, 3, is 3 from either mean."""
    expected = (-np.log(8) / 2 - 9 / (2 * 8)) - (-np.log(1) / 2 - 9 / (2 * 1))
    assert lira([3.0], ALONE, variance=variance) == pytest.approx([expected])


def test_a_mean_of_few_is_uncertain_by_as_much_as_its_models_are_few():
    inside, outside = 8 * (1 + 1 / 2), 1 * (1 + 1 / 3)
    expected = -np.log(inside / outside) / 2 - 9 / (2 * inside) + 9 / (2 * outside)
    assert lira([3.0], ALONE, variance="shrunk") == pytest.approx([expected])
    tail = stats.norm.sf(3 / np.sqrt(outside))
    assert lira([3.0], ALONE, online=False) == pytest.approx([-np.log(tail)])


def test_offline_only_the_others_count_and_higher_is_likelier():
    scores = [lira([t], ALONE, online=False, variance="own")[0] for t in (-2.0, 0.0, 3.0)]
    assert scores == pytest.approx([-np.log(stats.norm.sf(t)) for t in (-2.0, 0.0, 3.0)])
    other = References(np.array([[-50.0, 50, *OUT]]).T, ALONE.included)
    assert lira([3.0], other, online=False, variance="own") == pytest.approx(scores[-1:])


def test_one_variance_is_that_of_all_records_around_their_own_means():
    """Two records: squares 8 and 2 of one degree of freedom each; 2 and 6 of two each."""
    logits = np.array([[4.0, 8, -1, 0, 1], [10, 12, 2 - 3**0.5, 2, 2 + 3**0.5]]).T
    both = References(logits, np.repeat([[True], [False]], [2, 3], axis=0).repeat(2, axis=1))
    got = lira([3.0, 5.0], both, variance="one")
    inside, outside = (8 + 2) / 2, (2 + 6) / 4
    for score, target, means in zip(got, (3, 5), ((6, 0), (11, 2)), strict=True):
        laws = [stats.norm(mean, np.sqrt(v))
                for mean, v in zip(means, (inside, outside), strict=True)]
        assert score == pytest.approx(laws[0].logpdf(target) - laws[1].logpdf(target))


def test_online_and_a_shrunk_variance_are_the_defaults():
    one = planted(0, models=6, n=50)
    np.testing.assert_array_equal(lira(one.target, one.references),
                                  lira(one.target, one.references, online=True, variance="shrunk"))


# ---------------------------------------------------------------- the slow way


def sides(references, inside):
    """The logits of each record's models, one list a record."""
    return [references.logits[references.included[:, record] == inside, record]
            for record in range(references.logits.shape[1])]


def pooled(groups):
    return (sum(((g - g.mean()) ** 2).sum() for g in groups if len(g))
            / sum(max(len(g) - 1, 0) for g in groups))


def prior_of(groups):
    """d0 and s0² of Smyth (2004), from the logs of the records' own variances."""
    logs, noise = [], []
    for group in groups:
        if len(group) > 1:
            half = (len(group) - 1) / 2
            logs.append(np.log(group.var(ddof=1)) - special.digamma(half) + np.log(half))
            noise.append(special.polygamma(1, half))
    excess = np.var(logs, ddof=1) - np.mean(noise)
    if excess <= special.polygamma(1, 100):
        return np.inf, pooled(groups)
    free = bisect(lambda d: special.polygamma(1, d / 2) - excess, 1e-2, 200, xtol=1e-12)
    return free, np.exp(np.mean(logs) + special.digamma(free / 2) - np.log(free / 2))


def law(group, groups, centre, variance):
    mean = group.mean() if len(group) else centre
    if variance == "one" or (variance == "own" and len(group) < 2):
        return stats.norm(mean, np.sqrt(pooled(groups)))
    if variance == "own":
        return stats.norm(mean, group.std(ddof=1))
    free, common = prior_of(groups)
    wider = 1 + 1 / max(len(group), 1)
    if free == np.inf:
        return stats.norm(mean, np.sqrt(common * wider))
    own = max(len(group) - 1, 0)
    squares = ((group - mean) ** 2).sum()
    return stats.t(free + own, mean, np.sqrt((free * common + squares) / (free + own) * wider))


def slow_lira(target, references, online, variance):
    inside, outside = sides(references, True), sides(references, False)
    both = [i for i in range(len(target)) if len(inside[i]) and len(outside[i])]
    apart = np.mean([inside[i].mean() - outside[i].mean() for i in both])
    middle = np.mean([group.mean() for group in outside if len(group)])
    scores = []
    for i, t in enumerate(target):
        if online:
            member = law(inside[i], inside, outside[i].mean() + apart if len(outside[i]) else 0,
                         variance)
            other = law(outside[i], outside, inside[i].mean() - apart if len(inside[i]) else 0,
                        variance)
            scores.append(member.logpdf(t) - other.logpdf(t))
        else:
            scores.append(-law(outside[i], outside, middle, variance).logsf(t))
    return np.array(scores)


@EVERY
def test_lira_is_a_loop_over_records_that_are_in_some_models_in_one_in_none_and_in_all(
        variance, online):
    references, target = ragged()
    expected = slow_lira(target, references, online, variance)
    assert len(np.unique(expected)) == 6
    np.testing.assert_allclose(lira(target, references, online=online, variance=variance),
                               expected, rtol=1e-8)


@EVERY
@pytest.mark.parametrize("free", [None, 4])
def test_lira_is_a_loop_over_planted_records(variance, online, free):
    one = planted(3, models=5, n=25, free=free)
    np.testing.assert_allclose(
        lira(one.target, one.references, online=online, variance=variance),
        slow_lira(one.target, one.references, online, variance), rtol=1e-8)


# ---------------------------------------------------------------- a known law


@lru_cache
def many():
    return planted(0, models=200, n=8_000)


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_with_many_references_lira_finds_what_can_be_found(variance, online, rate):
    """N(mu + 2, 1) against N(mu, 1): at a false positive rate a, Phi(2 - z) of the members."""
    one = many()
    best = stats.norm.cdf(2 - stats.norm.isf(rate))
    got = tpr_at_fpr(lira(one.target, one.references, online=online, variance=variance),
                     one.member, rate)
    assert got.low < best < got.high
    assert tpr_at_fpr(one.target, one.member, rate).high < best / 2


def test_with_many_references_the_score_is_the_likelihood_ratio():
    one = many()
    expected = 2 * (one.target - one.centre) - 2
    assert np.abs(lira(one.target, one.references) - expected).mean() < 0.25
    assert np.corrcoef(lira(one.target, one.references), expected)[0, 1] > 0.99


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("models", [4, 8])
def test_where_variances_differ_and_models_are_few_shrinking_is_best(online, models):
    found = []
    for seed in range(8):
        one = planted(seed, models=models, n=3_000, free=4)
        found.append([tpr_at_fpr(lira(one.target, one.references, online=online,
                                      variance=variance), one.member, 0.05).value
                      for variance in VARIANCES])
    one, own, shrunk = np.array(found).T
    for other in (one, own):
        assert (shrunk - other).mean() > 0.02


@pytest.mark.parametrize("free", [None, 4])
@pytest.mark.parametrize("models", [2, 4, 8, 16, 64])
def test_shrinking_is_never_far_from_the_best(models, free):
    one = planted(models, models=models, n=4_000, free=free)
    for online in (True, False):
        scores = [lira(one.target, one.references, online=online, variance=variance)
                  for variance in VARIANCES]
        area = [auc(score, one.member).value for score in scores]
        found = [tpr_at_fpr(score, one.member, 0.02).value for score in scores]
        assert area[2] > max(area) - 0.02 and found[2] > max(found) - 0.02


@EVERY
def test_there_is_nothing_to_find_among_strangers(variance, online):
    """Membership that the target never used: over 200 groups of 100 the AUC is one half."""
    one = planted(8, models=6, n=20_000)
    scores = lira(one.target - 2 * one.member, one.references, online=online, variance=variance)
    assert mean_area(scores, one.member, groups=200) == pytest.approx(0.5, abs=0.012)


def test_a_rehearsal_says_how_many_will_be_found():
    one = planted(5, models=17, n=2_000, by_model=True)
    rehearsed = auc(*rehearse(lira, one.references, players=4)).value
    played = auc(lira(one.target, one.references.models(slice(1, None))), one.member)
    assert played.low < rehearsed < played.high


# ---------------------------------------------------------------- the shrunk variance


def drawn(free, common, models, n=20_000, seed=0):
    """Squares of `models` logits whose variances are free · common / chi-square(free)."""
    rng = np.random.default_rng(seed)
    models = np.broadcast_to(models, n)
    variance = free * common / rng.chisquare(free, n) if np.isfinite(free) else np.full(n, common)
    return Moments(models, np.zeros(n), variance * rng.chisquare(models - 1, n))


@pytest.mark.parametrize("models", [4, 32, "4 to 12"])
@pytest.mark.parametrize("free, common", [(3, 2.0), (12, 0.1)])
def test_the_planted_prior_is_recovered(free, common, models):
    if models == "4 to 12":
        models = np.random.default_rng(1).integers(4, 13, 20_000)
    moments = drawn(free, common, models)
    variance, freedom = shrunk_variance(moments)
    prior = freedom - (moments.count - 1)
    np.testing.assert_allclose(prior, prior[0], rtol=1e-9)
    assert prior[0] == pytest.approx(free, rel=0.12)
    s0 = (variance * freedom - moments.squares) / prior
    np.testing.assert_allclose(s0, s0[0], rtol=1e-9)
    assert s0[0] == pytest.approx(common, rel=0.05)


def test_smyths_estimates_by_hand():
    """Two records with variances 1 and e⁴ of two degrees of freedom: the logs' variance is 8."""
    variance, freedom = shrunk_variance(Moments(np.array([3, 3]), np.zeros(2),
                                                2 * np.exp([0.0, 4.0])))
    prior = freedom[0] - 2
    assert special.polygamma(1, prior / 2) == pytest.approx(8 - special.polygamma(1, 1))
    middle = 2 - special.digamma(1)  # the mean of the logs, less digamma(1) - log(1)
    common = np.exp(middle + special.digamma(prior / 2) - np.log(prior / 2))
    np.testing.assert_allclose(variance, (prior * common + 2 * np.exp([0.0, 4.0])) / (prior + 2))


@pytest.mark.parametrize("models", [8, 40])
def test_where_all_variances_are_equal_one_serves_for_all(models):
    moments = drawn(np.inf, 3.0, models)
    variance, freedom = shrunk_variance(moments)
    assert np.isinf(freedom).all()
    np.testing.assert_allclose(variance, moments.squares.sum() / (models - 1) / 20_000)


def test_the_less_variances_differ_the_nearer_are_they_to_one():
    def apart(free):
        variance, _ = shrunk_variance(drawn(free, 1.0, 8))
        return np.log(variance).std()

    assert apart(2) > apart(8) > apart(40) > apart(np.inf)
    assert apart(np.inf) < 1e-9


def test_the_more_models_the_nearer_is_each_to_its_own():
    def apart(models):
        moments = drawn(5, 1.0, models)
        return np.abs(np.log(shrunk_variance(moments)[0] * (models - 1) / moments.squares)).mean()

    assert apart(4) > apart(16) > apart(256) > apart(4096) < 0.01


@pytest.mark.parametrize("squares, models", [([0.0, 0, 0], 1), ([0.0, 0, 0], 0)])
def test_where_no_record_has_a_variance_of_its_own_it_is_one(squares, models):
    variance, freedom = shrunk_variance(Moments(np.full(3, models), np.zeros(3),
                                                np.array(squares)))
    np.testing.assert_array_equal(variance, 1)
    assert np.isinf(freedom).all()


def test_a_record_of_which_nothing_is_known_has_the_common_variance():
    moments = drawn(5, 2.0, 6)
    unknown = Moments(np.append(moments.count, [0, 1]), np.zeros(20_002),
                      np.append(moments.squares, [0, 0]))
    variance, freedom = shrunk_variance(unknown)
    np.testing.assert_allclose(freedom[-2:], freedom[0] - 5)
    np.testing.assert_allclose(variance[-2:], variance[-1])
    assert variance[-1] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("rest", [0.0, 1e-27])
def test_models_that_agree_but_for_rounding_do_not_say_how_variances_differ(rest):
    """Fails where the squares that rounding leaves count as variances."""
    moments = drawn(5, 2.0, 6)
    some = moments.squares.copy()
    some[:5_000] = rest
    variance, freedom = shrunk_variance(moments._replace(squares=some))
    assert freedom[0] - 5 == pytest.approx(5, rel=0.12)
    np.testing.assert_allclose(variance[:5_000], variance[0])


# ---------------------------------------------------------------- where little is known


@EVERY
@pytest.mark.parametrize("models", [1, 2, 3])
def test_few_references_give_finite_scores_that_find_members(variance, online, models):
    one = planted(2, models=4, n=2_000, delta=3.0)
    scores = lira(one.target, one.references.models(slice(models)), online=online,
                  variance=variance)
    assert np.isfinite(scores).all()
    assert auc(scores, one.member).low > 0.5


def test_of_one_reference_members_lie_as_far_above_the_others_as_on_average():
    references = References([[1.0, 2, 6, 8]], [[False, False, True, True]])
    apart = 7 - 1.5
    inside = np.array([1 + apart, 2 + apart, 6, 8])
    expected = stats.norm(inside, 1).logpdf(4.0) - stats.norm(inside - apart, 1).logpdf(4.0)
    np.testing.assert_allclose(lira(np.full(4, 4.0), references, variance="one"), expected)


@EVERY
@pytest.mark.parametrize("extreme", [106.0, -106.0])
def test_answers_that_round_to_one_or_zero_have_finite_scores(variance, online, extreme):
    one = planted(4, models=6, n=40)
    logits, target = one.references.logits.copy(), one.target.copy()
    logits[:, :20] = extreme
    target[:10] = -extreme
    target[10:20] = extreme
    with np.errstate(all="raise", under="ignore"):
        scores = lira(target, References(logits, one.references.included), online=online,
                      variance=variance)
    assert np.isfinite(scores).all()


@EVERY
def test_models_that_agree_to_the_last_digit_have_finite_scores(variance, online):
    references = References(np.full((4, 3), 1 / 3), np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1],
                                                             [0, 0, 1]], bool))
    scores = lira([1 / 3, 1.0, -1.0], references, online=online, variance=variance)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("variance", VARIANCES)
def test_far_above_the_others_farther_is_still_likelier(variance):
    one = planted(4, models=8, n=40)
    ladder = np.array([lira(one.centre + far, one.references, online=False, variance=variance)
                       for far in (10, 50, 100, 1_000)])
    assert np.isfinite(ladder).all() and (np.diff(ladder, axis=0) > 0).all()


@pytest.mark.parametrize("options, message", [
    ({"variance": "all"}, "variance is 'all': known are one, own, shrunk"),
    ({"variance": None}, "variance is None: known are"),
    ({"target": [1.0]}, r"logit of each of the references' 6 records, got shape \(1,\)"),
    ({"target": [np.nan] * 6}, "target must be finite, got 6"),
    ({"references": References(np.ones((2, 6)), np.ones((2, 6), bool))},
     "references were all trained on all of the records"),
    ({"references": References(np.ones((2, 6)), np.zeros((2, 6), bool))},
     "references were trained on none of the records, .* online=False"),
])
def test_lira_refuses(options, message):
    references, target = ragged()
    with pytest.raises(ValueError, match=message):
        lira(**{"target": target, "references": references} | options)


def test_the_strict_design_is_offline():
    one = planted(6, models=64, n=2_000, strict=True)
    assert auc(lira(one.target, one.references, online=False), one.member).low > 0.85
