"""Who is exposed: by hand, and Shapley values against all subsets."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from made_up import planted
from scipy import stats

from mlleaks_helpers.attacks import References, lira
from mlleaks_helpers.exposed import exposure, overlap, shapley, unrest

# ---------------------------------------------------------------- exposure


def test_exposure_by_hand():
    """With: 4 and 8, mean 6, deviation √8; without: -1, 0, 1, mean 0, deviation 1."""
    logits = np.array([[4.0, 8, -1, 0, 1], [-4, -8, 1, 0, -1], [2, 2, 5, 5, 5]]).T
    included = np.repeat([[True], [False]], [2, 3], axis=0).repeat(3, axis=1)
    expected = 6 / (np.sqrt(8) + 1)
    got = exposure(References(logits, included))
    np.testing.assert_allclose(got, [expected, expected, 3 / 1e-6])


def test_the_exposed_are_those_whom_an_attack_finds():
    """A gain of 4 for some records, of 0 for the others."""
    one = planted(0, models=64, n=400, delta=0)
    gain = np.where(np.arange(400) < 40, 4.0, 0)
    references = References(one.references.logits + gain * one.references.included,
                            one.references.included)
    told = exposure(references)
    assert told[:40].min() > told[40:].max()
    assert told[:40].mean() == pytest.approx(4 / 2, rel=0.1)
    lead = np.abs(lira(one.target + gain * one.member, references))
    assert stats.spearmanr(told, lead).statistic > 0.3


@pytest.mark.parametrize("inside", [0, 1, 4, 5])
def test_two_must_have_a_record_and_two_not(inside):
    included = np.column_stack([np.arange(5) < 2, np.arange(5) < inside])
    with pytest.raises(ValueError, match=f"record 1 is in {inside} of 5 references: at least two"):
        exposure(References(np.zeros((5, 2)), included))


# ---------------------------------------------------------------- unrest


def test_unrest_by_hand():
    losses = np.array([[5.0, 1], [4, 1], [3, 1], [2, 1], [1, 9]])
    np.testing.assert_allclose(unrest(losses), [4 - 2, 0])
    np.testing.assert_allclose(unrest([[3.0], [1.0]]), [1.0])


@pytest.mark.parametrize("losses, shape", [
    ([[1.0, 2]], r"\(1, 2\)"), ([1.0, 2], r"\(2,\)"), ([[1.0], [np.nan]], r"\(2, 1\)"),
])
def test_losses_must_be_two_epochs_at_least(losses, shape):
    with pytest.raises(ValueError, match=f"losses must be finite, at least two .* shape {shape}"):
        unrest(losses)


# ---------------------------------------------------------------- shapley


def vote(chosen, features, labels, x, y, k):
    """The share of k that is right: the k nearest of the chosen, or as many as there are."""
    nearest = sorted(chosen, key=lambda i: ((features[i] - x) ** 2).sum())[:k]
    return sum(labels[i] == y for i in nearest) / k


def slow_shapley(features, labels, tests, truths, k):
    """Over all subsets of the others: what joining them adds to the vote."""
    n, worth = len(features), np.zeros(len(features))
    for x, y in zip(tests, truths, strict=True):
        for i in range(n):
            others = [j for j in range(n) if j != i]
            for size in range(n):
                for some in combinations(others, size):
                    gain = (vote([*some, i], features, labels, x, y, k)
                            - vote(some, features, labels, x, y, k))
                    worth[i] += gain / (n * comb(n - 1, size))
    return worth / len(tests)


def classified(seed, n=6, m=3):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2)), rng.integers(0, 2, n),
            rng.normal(size=(m, 2)), rng.integers(0, 2, m))


@pytest.mark.parametrize("n, k", [(1, 1), (2, 1), (2, 2), (4, 3), (5, 2), (6, 1), (6, 5), (6, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_shapley_values_are_those_of_all_subsets(n, k, seed):
    np.testing.assert_allclose(shapley(*classified(seed, n), k=k),
                               slow_shapley(*classified(seed, n), k), atol=1e-12)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_they_add_up_to_the_accuracy_of_the_vote(k):
    """Less that of nobody, which is none."""
    parts = features, labels, tests, truths = classified(0, 60, 40)
    votes = [vote(range(60), features, labels, x, y, k)
             for x, y in zip(tests, truths, strict=True)]
    assert shapley(*parts, k=k).sum() == pytest.approx(np.mean(votes))


def test_five_vote_by_default_and_columns_may_be_many():
    rng = np.random.default_rng(0)
    parts = rng.random((30, 64)), rng.integers(0, 3, 30), rng.random((9, 64)), rng.integers(0, 3, 9)
    np.testing.assert_array_equal(shapley(*parts), shapley(*parts, k=5))


@pytest.mark.parametrize("change, k, message", [
    (lambda f, y, tf, ty: (f[:, 0], y, tf, ty), 1, r"must fit together, got shapes \(\(6,\)"),
    (lambda f, y, tf, ty: (f, y[:5], tf, ty), 1, "must fit together"),
    (lambda f, y, tf, ty: (f, y, tf[:, :1], ty), 1, "must fit together"),
    (lambda f, y, tf, ty: (f, y, tf, ty[:2]), 1, "must fit together"),
    (lambda *parts: parts, 0, "k must be at least 1, got 0"),
    (lambda *parts: parts, 7, "k must lie between 1 and 6, got 7"),
    (lambda *parts: parts, 1.5, "k must be a whole number, got 1.5"),
])
def test_parts_that_do_not_fit_together_are_refused(change, k, message):
    with pytest.raises(ValueError, match=message):
        shapley(*change(*classified(0)), k=k)


# ---------------------------------------------------------------- overlap


@pytest.mark.parametrize("top, share", [(1, 0), (2, 1 / 3), (3, 1 / 2), (4, 1 / 3), (6, 1)])
def test_overlap_by_hand(top, share):
    """High to low, one names 0 1 2 3 4 5 and the other 1 2 5 4 3 0."""
    assert overlap([6, 5, 4, 3, 2, 1], [1, 6, 5, 2, 3, 4], top=top) == pytest.approx(share)


def test_who_agree_name_the_same_and_opposites_nobody():
    scores = np.random.default_rng(0).normal(size=200)
    assert overlap(scores, 3 * scores + 1) == 1
    assert overlap(scores, -scores) == 0
    assert overlap(scores, -scores, top=200) == 1
    assert overlap(scores, np.roll(scores, 1)) == overlap(scores, np.roll(scores, 1), top=50)


@pytest.mark.parametrize("one, other, top, message", [
    ([1.0, 2], [1.0], 1, r"must score the same records, got shapes \(2,\) and \(1,\)"),
    ([[1.0]], [[1.0]], 1, r"one must be a list .* got shape \(1, 1\)"),
    ([1.0, np.nan], [1.0, 2], 1, "one must be finite, got 1 that are not"),
    ([1.0, 2], [1.0, np.inf], 1, "other must be finite, got 1 that are not"),
    ([1.0, 2], [1.0, 2], 0, "top must be at least 1, got 0"),
    ([1.0, 2], [1.0, 2], 3, "top must lie between 1 and 2, got 3"),
])
def test_overlap_refuses(one, other, top, message):
    with pytest.raises(ValueError, match=message):
        overlap(one, other, top=top)
