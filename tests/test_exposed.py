"""Who is exposed: by hand, and Shapley values against all subsets."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from made_up import planted
from scipy import stats

from mlleaks_helpers.attacks import References, lira
from mlleaks_helpers.attacks.lira import shrunk_variance
from mlleaks_helpers.exposed import exposure, overlap, shapley, unrest

# ---------------------------------------------------------------- exposure


def test_exposure_by_hand():
    """With: 4 and 8, mean 6, deviation √8; without: -1, 0, 1, mean 0, deviation 1."""
    logits = np.array([[4.0, 8, -1, 0, 1], [-4, -8, 1, 0, -1], [2, 2, 5, 5, 5]]).T
    included = np.repeat([[True], [False]], [2, 3], axis=0).repeat(3, axis=1)
    expected = 6 / (np.sqrt(8) + 1)
    got = exposure(References(logits, included), variance="own")
    np.testing.assert_allclose(got, [expected, expected, 3 / 1e-6])


@pytest.mark.parametrize("variance", ["shrunk", "own"])
def test_the_exposed_are_those_whom_an_attack_finds(variance):
    """A gain of 4 for some records, of 0 for the others."""
    one = planted(0, models=64, n=400, delta=0)
    gain = np.where(np.arange(400) < 40, 4.0, 0)
    references = References(one.references.logits + gain * one.references.included,
                            one.references.included)
    told = exposure(references, variance=variance)
    assert told[:40].min() > told[40:].max()
    assert told[:40].mean() == pytest.approx(4 / 2, rel=0.1)
    lead = np.abs(lira(one.target + gain * one.member, references))
    assert stats.spearmanr(told, lead).statistic > 0.3


def test_by_default_each_side_has_its_shrunk_variance():
    """Slowly, a record at a time; models with it spread less than those without."""
    one = planted(3, models=12, n=60).references
    enough = (one.included.sum(axis=0) > 1) & (one.included.sum(axis=0) < 11)
    logits, included = one.logits[:, enough], one.included[:, enough]
    logits = np.where(included, logits / 3, logits)
    both = References(logits, included)
    spread = {side: np.sqrt(shrunk_variance(both.moments(side))[0]) for side in (True, False)}
    expected = [abs(column[inside].mean() - column[~inside].mean())
                / (spread[True][k] + spread[False][k])
                for k, (column, inside) in enumerate(zip(logits.T, included.T, strict=True))]
    np.testing.assert_allclose(exposure(both), expected)
    np.testing.assert_array_equal(exposure(both), exposure(both, variance="shrunk"))
    assert np.abs(exposure(both) - exposure(both, variance="own")).min() > 0


def test_two_halves_agree_better_with_shrunk_variances():
    """All records have one variance and gains of their own; eight models a half."""
    rng = np.random.default_rng(1)
    included = np.argsort(rng.random((16, 500)), axis=0) % 2 == 0
    logits = rng.normal(size=(16, 500)) + included * rng.gamma(2, 1, 500)
    halves = [References(logits[half], included[half]).records(
        (included[half].sum(axis=0) > 1) & (included[~half].sum(axis=0) > 1)
        & (included[half].sum(axis=0) < 7) & (included[~half].sum(axis=0) < 7))
        for half in (np.arange(16) < 8, np.arange(16) >= 8)]
    agreed = {variance: overlap(*(exposure(half, variance=variance) for half in halves))
              for variance in ("shrunk", "own")}
    assert agreed["shrunk"] > agreed["own"] + 0.1


@pytest.mark.parametrize("variance, inside, least", [
    ("own", 0, 2), ("own", 1, 2), ("own", 4, 2), ("own", 5, 2), ("shrunk", 0, 1), ("shrunk", 5, 1),
])
def test_enough_models_must_have_a_record_and_enough_not(variance, inside, least):
    included = np.column_stack([np.arange(5) < 2, np.arange(5) < inside])
    with pytest.raises(ValueError, match=f"record 1 is in {inside} of 5 references: at least "
                                         f"{least} must have been trained on it, and {least} not"):
        exposure(References(np.zeros((5, 2)), included), variance=variance)


@pytest.mark.parametrize("inside", [1, 4])
def test_one_with_it_and_one_without_are_enough_where_the_variance_is_shrunk(inside):
    included = np.column_stack([np.arange(5) < 2, np.arange(5) < inside])
    logits = np.random.default_rng(0).normal(size=(5, 2))
    assert np.isfinite(exposure(References(logits, included))).all()


def test_an_unknown_variance_is_refused():
    with pytest.raises(ValueError, match="variance is 'one': known are shrunk, own"):
        exposure(planted(0).references, variance="one")


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
