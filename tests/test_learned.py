"""Trees that learn on the references what a member looks like beside them."""

import numpy as np
import pytest
from made_up import mean_area, planted

from mlleaks_helpers.attacks import References, attack_trees, learned_ratio, lira
from mlleaks_helpers.attacks.learned import ENOUGH, _beside
from mlleaks_helpers.metrics import auc
from mlleaks_helpers.played import turns


def slow_beside(target, references):
    """Record by record."""
    rows = []
    for logit, its, who in zip(target, references.logits.T, references.included.T, strict=True):
        row = [logit]
        for some in (its[who], its[~who]):
            mean = some.mean() if len(some) else np.nan
            spread = some.std(ddof=1) if len(some) > 1 else np.nan
            row += [mean, spread, logit - mean]
        rows.append(row)
    return np.array(rows)


def test_a_logit_beside_those_with_the_record_and_without_by_hand():
    references = References([[1.0, 2, 0], [3, 4, 0], [8, 9, 5], [0, 5, 6]],
                            np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 0, 1]], bool))
    np.testing.assert_allclose(_beside([10.0, 10, 10], references), [
        [10, 4, np.sqrt(32), 6, 2, np.sqrt(2), 8],
        [10, 4, np.nan, 6, 16 / 3, np.std([2, 9, 5], ddof=1), 10 - 16 / 3],
        [10, 2.75, np.std([0, 0, 5, 6], ddof=1), 7.25, np.nan, np.nan, np.nan]])


@pytest.mark.parametrize("models, n, players", [(5, 9_999, 3), (5, 10_000, 2), (3, 200, 3),
                                                (4, 21_000, 2)])
def test_references_play_one_after_the_other_until_there_is_enough(models, n, players):
    one = planted(2, models=models, n=n, by_model=True)
    learned, truth = [], []
    for k in range(players):
        others = [i for i in range(models) if i != k]
        rest = References(one.references.logits[others], one.references.included[others])
        learned.append(slow_beside(one.references.logits[k], rest))
        truth.append(one.references.included[k])
    by_hand = attack_trees().fit(np.concatenate(learned), np.concatenate(truth))
    np.testing.assert_allclose(
        learned_ratio(one.target, one.references),
        by_hand.predict_proba(slow_beside(one.target, one.references))[:, 1], atol=1e-3)
    assert ENOUGH == 20_000 and (players == models or players * n >= ENOUGH)


@pytest.mark.parametrize("models, behind", [(8, 0.02), (24, 0.01)])
def test_nobody_beats_the_ratio_of_the_true_densities(models, behind):
    """Normal, with one spread and one rise: the trees come close to who knows the law."""
    one = planted(1, models=models, n=6_000, by_model=True)
    best = auc(one.target - one.centre, one.member).value
    found = auc(learned_ratio(one.target, one.references), one.member).value
    assert best - behind < found < best


def test_where_many_models_tell_the_densities_it_is_close_behind():
    """Each record rises by as much as it likes, which `lira` estimates one by one."""
    one = planted(5, models=64, n=4_000, delta=0, by_model=True)
    rise = np.random.default_rng(5).uniform(1, 5, 4_000)
    references = References(one.references.logits + rise * one.references.included,
                            one.references.included)
    target = one.target + rise * one.member
    best = auc(lira(target, references, variance="one"), one.member).value
    assert best - 0.01 < auc(learned_ratio(target, references), one.member).value < best


def quiet_and_loud(seed, models):
    """Members rise by 3. Records below 0 are quiet; of the others loud ones fall as often as rise.

    Few models cannot tell a quiet record by its spread; all records together tell it by its mean.
    """
    one = planted(seed, models=models, n=6_000, delta=0, by_model=True)
    loud = np.where(one.centre < 0, 0.5, 5.0)
    logits = one.centre + loud * (one.references.logits - one.centre)
    target = one.centre + loud * (one.target - one.centre)
    return (References(logits + 3 * one.references.included, one.references.included),
            target + 3 * one.member, one.member)


@pytest.mark.parametrize("models", [4, 8])
def test_it_wins_where_records_share_what_few_models_cannot_tell(models):
    references, target, member = quiet_and_loud(0, models)
    found = auc(learned_ratio(target, references), member)
    for variance in ("one", "own", "shrunk"):
        assert found.low > auc(lira(target, references, variance=variance), member).value + 0.01


def test_two_references_are_enough():
    one = planted(0, models=2, n=4_000, delta=6, by_model=True)
    assert auc(learned_ratio(one.target, one.references), one.member).low > 0.9


@pytest.mark.parametrize("models", [2, 7])
def test_there_is_nothing_to_find_where_nobody_was_learned(models):
    one = planted(3, models=models, n=20_000, delta=0, by_model=True)
    scores = learned_ratio(one.target, one.references)
    assert mean_area(scores, one.member, groups=200) == pytest.approx(0.5, abs=0.012)


def test_membership_in_the_target_is_not_looked_at():
    kept = planted(0, models=9, n=2_400, by_model=True).references
    dealt = kept.included.copy()
    dealt[0] = np.random.default_rng(1).permutation(dealt[0])
    for count in (3, 8):
        (own, member, others), (same, other, rest) = (
            next(turns(pool, count)) for pool in (kept, References(kept.logits, dealt)))
        assert (member != other).mean() > 0.4
        np.testing.assert_array_equal(learned_ratio(own, others), learned_ratio(same, rest))


def test_nothing_is_learned_from_the_target():
    """Its other answers change nothing about a record's score."""
    one = planted(0, models=6, n=400, by_model=True)
    other = np.where(np.arange(400) < 100, one.target, 50.0)
    np.testing.assert_array_equal(learned_ratio(one.target, one.references)[:100],
                                  learned_ratio(other, one.references)[:100])


@pytest.mark.parametrize("models, share", [(4, 2), (8, 4), (8, 2)])
def test_her_models_must_have_drawn_their_records_on_their_own(models, share):
    rng = np.random.default_rng(0)
    included = rng.permuted(np.arange(models)[:, None] < np.full(300, share), axis=0)
    balanced = References(rng.normal(size=included.shape), included)
    with pytest.raises(ValueError, match=f"in {share} or {share} of {models} models"):
        learned_ratio(np.zeros(300), balanced)
    target, _, others = balanced.without(0)
    with pytest.raises(ValueError, match=f"in {share - 1} or {share} of {models - 1} models"):
        learned_ratio(target, others)


@pytest.mark.parametrize("included, target, message", [
    ([[True, False]], [1.0, 1.0], "must be two models or more, got 1"),
    ([[False, False]] * 3, [1.0, 1.0], "to learn from, got 0 and 6"),
    ([[True, True]] * 3, [1.0, 1.0], "to learn from, got 6 and 0"),
    ([[True, False]] * 3, [1.0], r"references' 2 records, got shape \(1,\)"),
    ([[True, False]] * 3, [1.0, np.inf], "target must be finite, got 1"),
])
def test_what_cannot_be_learned_from_is_refused(included, target, message):
    included = np.array(included)
    with pytest.raises(ValueError, match=message):
        learned_ratio(target, References(np.ones(included.shape), included))
