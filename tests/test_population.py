"""Strangers as a yardstick: chances that hold, lists with few strangers on them, own thresholds."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from made_up import mean_area
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from mlleaks_helpers.attacks import QuantileThresholds, accused, p_values, threshold_for

# ---------------------------------------------------------------- p_values


def test_p_values_by_hand():
    got = p_values([5.0, 3, 4, 2, 0], [3.0, 1, 4, 3])
    np.testing.assert_allclose(got, [1 / 5, 4 / 5, 2 / 5, 4 / 5, 5 / 5])


@pytest.mark.parametrize("ties", [False, True])
def test_a_stranger_is_rarely_called_unlikely(ties):
    """P(p ≤ x) ≤ x, whoever of 20 is taken from the others; without ties it is x.

    Over 2,000 draws: 100 times twenty strangers, each of whom is asked about once.
    """
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, (100, 20)) if ties else rng.normal(size=(100, 20))
    chances = np.concatenate([p_values(group[[k]], np.delete(group, k))
                              for group in groups for k in range(20)])
    assert chances.min() > 0 and chances.max() <= 1
    for x in (0.05, 0.1, 0.25, 0.5, 0.9):
        share = (chances <= x + 1e-9).mean()
        assert share < x if ties else share == pytest.approx(x)


def test_likelier_members_have_smaller_chances():
    scores = np.random.default_rng(0).normal(size=50)
    chances = p_values(scores, np.random.default_rng(1).normal(size=30))
    assert (np.diff(chances[np.argsort(scores)]) <= 0).all() and len(np.unique(chances)) > 10


WRONG = [
    ([], [1.0], r"scores must be a list of at least one number, got shape \(0,\)"),
    ([1.0], [], "strangers must be a list of at least one number"),
    ([[1.0]], [1.0], r"scores must be a list .* got shape \(1, 1\)"),
    ([1.0, np.nan], [1.0], "scores must be finite, got 1 that are not"),
    ([1.0], [np.inf, np.nan], "strangers must be finite, got 2 that are not"),
    (["a"], [1.0], "scores must be one array of numbers"),
]


@pytest.mark.parametrize("attack", [p_values, accused])
@pytest.mark.parametrize("scores, strangers, message", WRONG)
def test_scores_must_be_finite_and_strangers_some(attack, scores, strangers, message):
    with pytest.raises(ValueError, match=message):
        attack(scores, strangers)


# ---------------------------------------------------------------- accused


def slow_list(scores, strangers, share):
    """The longest list for which n · (its largest p) is at most the share of its length."""
    chances = [Fraction(1 + sum(s >= score for s in strangers), len(strangers) + 1)
               for score in scores]
    longest = max((k for k in range(1, len(chances) + 1)
                   if sorted(chances)[k - 1] <= share * k / len(chances)), default=0)
    level = sorted(chances)[longest - 1] if longest else 0
    return [chance <= level for chance in chances]


@pytest.mark.parametrize("seed", range(20))
def test_the_list_is_benjamini_and_hochbergs(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(rng.integers(0, 2, 30) * 3, 1).round(1)
    strangers = rng.normal(size=99).round(1)
    for share in (Fraction(1, 10), Fraction(1, 3)):
        got = accused(scores, strangers, false_share=float(share))
        np.testing.assert_array_equal(got, slow_list(scores, strangers, share))


def test_a_list_by_hand():
    """Nine strangers: p is .1, .1, .2 and .5; allowed are .1, .2, .3 and .4."""
    strangers = np.arange(1.0, 10)
    called = accused([11.0, 5.5, 10, 8.5], strangers, false_share=0.4)
    np.testing.assert_array_equal(called, [True, False, True, True])
    assert not accused([5.5], strangers, false_share=0.4).any()


def test_what_is_allowed_exactly_is_allowed():
    """58 people with p = 2/200 at a share of .01: in floats .01 · 58 / 58 is less than .01."""
    strangers = np.append(np.zeros(198), 10.0)
    assert accused(np.full(58, 9.0), strangers, false_share=0.01).all()


def test_few_strangers_are_on_the_list_and_most_members():
    rng = np.random.default_rng(0)
    member = np.arange(200) < 100
    false, found = [], []
    for _ in range(200):
        called = accused(rng.normal(3.5 * member, 1), rng.normal(size=1_000))
        false.append(called[~member].sum() / max(called.sum(), 1))
        found.append(called[member].mean())
    assert 0.03 < np.mean(false) <= 0.1 / 2 + 3 * np.std(false) / np.sqrt(200)
    assert np.mean(found) > 0.9


def test_among_strangers_alone_the_list_is_mostly_empty():
    rng = np.random.default_rng(1)
    named = [accused(rng.normal(size=50), rng.normal(size=500)).any() for _ in range(200)]
    assert np.mean(named) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 200)


@pytest.mark.parametrize("share", [0, 1, -0.1, None])
def test_the_false_share_lies_between_nobody_and_everybody(share):
    with pytest.raises(ValueError, match=f"false_share must lie above 0 and below 1, got {share}"):
        accused([1.0], [0.0], false_share=share)


def test_a_tenth_is_the_default():
    rng = np.random.default_rng(2)
    scores, strangers = rng.normal(1, 2, 200), rng.normal(size=500)
    np.testing.assert_array_equal(accused(scores, strangers),
                                  accused(scores, strangers, false_share=0.1))
    assert accused(scores, strangers).sum() != accused(scores, strangers, false_share=0.2).sum()


# ---------------------------------------------------------------- QuantileThresholds


def people(seed, n=1_000, gain=0.0):
    """How sure a model is hangs on the record: the first column, times four."""
    rng = np.random.default_rng(seed)
    records = rng.random((n, 2))
    return records, 4 * records[:, 0] + rng.normal(scale=0.3, size=n) + gain


@lru_cache
def fitted(seed=0):
    return QuantileThresholds(0.05, seed=seed).fit(*people(seed))


def test_as_many_strangers_are_accused_as_asked():
    fresh = people(99, 4_000)
    rates = [(one.score_samples(*fresh) >= one.threshold_).mean()
             for one in (fitted(seed) for seed in range(20))]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.008)
    assert min(rates) > 0.02 and max(rates) < 0.1


@pytest.mark.parametrize("rate, n, reached", [(0.05, 1_000, 25), (0.29, 200, 29), (0.1, 29, 1)])
def test_on_the_other_half_of_the_strangers_the_rate_is_just_met(rate, n, reached):
    """The trees are fitted on one half, and the level is set on the other, which they never saw."""
    records, scores = people(0, n)
    one = QuantileThresholds(rate).fit(records, scores)
    beyond = one.score_samples(records, scores)
    learned, level = train_test_split(np.arange(n), test_size=0.5, random_state=0)
    assert (beyond[level] >= one.threshold_).sum() == reached
    assert one.threshold_ == threshold_for(rate, np.append(beyond[level], 99),
                                           np.arange(len(level) + 1) == len(level))
    with threadpool_limits(1, "openmp"):
        again = clone(one.trees_).fit(records[learned], scores[learned])
        np.testing.assert_array_equal(one.trees_.predict(records), again.predict(records))
    assert again.quantile == 1 - rate and again.loss == "quantile"


def test_it_beats_one_threshold_for_all_where_difficulty_hangs_on_the_record():
    one, members = fitted(), people(7, gain=1.0)
    found = (one.score_samples(*members) >= one.threshold_).mean()
    common = np.quantile(people(0)[1], 0.95)
    assert found > 0.5 > 0.35 > (members[1] >= common).mean()


def test_a_score_is_what_exceeds_the_quantile_of_strangers_like_the_record():
    one = fitted()
    records, scores = people(3, 50)
    np.testing.assert_allclose(one.score_samples(records, scores),
                               scores - one.trees_.predict(records))
    above = one.trees_.predict(records) - 4 * records[:, 0]
    assert np.median(above) == pytest.approx(1.645 * 0.3, abs=0.15)


def test_another_seed_takes_another_half_and_one_repeats():
    records, scores = people(0, 400)
    one, again, other = (QuantileThresholds(0.1, seed=seed).fit(records, scores)
                         for seed in (0, 0, 1))
    assert one.threshold_ == again.threshold_ != other.threshold_
    assert QuantileThresholds().rate == 0.01


@pytest.mark.parametrize("options, message", [
    ({"rate": 0}, "rate must lie above 0 and below 1, got 0"),
    ({"rate": 1}, "rate must lie above 0 and below 1, got 1"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
])
def test_a_rate_is_a_share_and_a_seed_is_whole(options, message):
    with pytest.raises(ValueError, match=message):
        QuantileThresholds(**options)


@pytest.mark.parametrize("records, scores, message", [
    (np.ones((5, 2)), np.ones(6), r"strangers must be a table with one row a score, .*\(5, 2\)"),
    (np.ones(6), np.ones(6), r"a table with one row a score, got shape \(6,\) for 6 scores"),
    (np.ones((199, 2)), np.ones(199), "rate 0.01 needs at least 200 strangers, got 199"),
    (np.ones((2, 2)), [1.0, np.nan], "scores must be finite, got 1"),
])
def test_strangers_that_set_no_level_are_refused(records, scores, message):
    with pytest.raises(ValueError, match=message):
        QuantileThresholds(0.01).fit(records, scores)


def test_a_score_for_each_record_is_asked_for():
    with pytest.raises(ValueError, match="QuantileThresholds has learned nothing yet: fit it on"):
        QuantileThresholds().score_samples(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="one entry for each of the 3 records, got 1"):
        fitted().score_samples(np.ones((3, 2)), np.ones(1))
    with pytest.raises(ValueError, match="scores must be finite, got 1"):
        fitted().score_samples(np.ones((2, 2)), [1.0, np.nan])


# ---------------------------------------------------------------- strangers


def test_there_is_nothing_to_find_among_strangers():
    records, scores = people(5, 20_000)
    member = np.random.default_rng(6).random(20_000) < 0.5
    for found in (-p_values(scores, people(1)[1]), fitted().score_samples(records, scores)):
        assert mean_area(found, member, groups=200) == pytest.approx(0.5, abs=0.012)
