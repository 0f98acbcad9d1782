"""What models that never saw a record are good for: differences, stand-ins, and trees on both."""

from functools import lru_cache

import numpy as np
import pytest
from made_up import mean_area, planted, ragged
from scipy import stats

from mlleaks_helpers.attacks import LearnedCalibration, References, calibrated, lira, proxies
from mlleaks_helpers.attacks.calibration import PLAYERS
from mlleaks_helpers.metrics import auc

IN_ALL = References(np.ones((3, 2)), np.array([[0, 1], [0, 1], [1, 1]], bool))


# ---------------------------------------------------------------- calibrated


def test_the_mean_of_the_others_is_taken_off():
    references = References([[1.0, 2], [3, 4], [8, 9]], np.array([[0, 0], [0, 1], [1, 0]], bool))
    np.testing.assert_allclose(calibrated([10.0, 10], references), [10 - 2, 10 - 5.5])


def test_one_reference_is_enough():
    one = planted(0, models=1, n=2_000, strict=True, delta=4.0)
    np.testing.assert_allclose(calibrated(one.target, one.references),
                               one.target - one.references.logits[0])
    assert auc(one.target, one.member).high < auc(calibrated(one.target, one.references),
                                                  one.member).low


@pytest.mark.parametrize("attack", [
    calibrated,
    lambda target, references: proxies(target, references, planted(0, models=3).references),
    lambda target, references: LearnedCalibration().fit(
        planted(0, models=2, n=50, by_model=True).references).score_samples(target, references),
])
def test_a_record_that_all_references_have_is_refused(attack):
    with pytest.raises(ValueError, match="references were all trained on record 1: nobody can say"):
        attack([1.0, 1.0], IN_ALL)
    with pytest.raises(ValueError, match="target must be finite, got 1"):
        attack([1.0, np.nan], IN_ALL)
    with pytest.raises(ValueError, match=r"references' 2 records, got shape \(3,\)"):
        attack([1.0, 2.0, 3.0], IN_ALL)


# ---------------------------------------------------------------- proxies


def slow_proxies(target, references, own, near):
    """Record by record; hers sorted by their mean among models without them."""
    hers = []
    for record in range(own.logits.shape[1]):
        its, inside = own.logits[:, record], own.included[:, record]
        if inside.any() and not inside.all():
            squares = ((its[inside] - its[inside].mean()) ** 2).sum()
            hers.append((its[~inside].mean(), its[inside].mean(), squares, inside.sum() - 1))
    hers.sort(key=lambda one: one[0])
    free = sum(one[3] for one in hers)
    within = sum(one[2] for one in hers) / free if free else 0
    stranger = lira(target, references, online=False)  # for its law, see test_lira
    scores = []
    for t, its, score in zip(target, references.logits.T, stranger, strict=True):
        below = sum(one[0] < its.mean() for one in hers)
        first = min(max(below - near // 2, 0), len(hers) - near)
        means = np.array([one[1] for one in hers[first:first + near]])
        scores.append((stats.norm.logpdf(t, means.mean(), np.sqrt(means.var() + within)), score))
    return np.array(scores).T


@pytest.mark.parametrize("near", [2, 7, 20])
def test_stand_ins_are_those_next_to_the_record(near):
    """The density among them by a loop; among strangers all have one width and mean 0."""
    own = planted(0, models=4, n=20).references
    logits = np.tile(np.linspace(-20, 20, 30), (4, 1)) + np.array([[-1.0], [1], [1], [-1]])
    references = References(logits, np.zeros((4, 30), bool))
    target = logits.mean(axis=0) + 1
    member, _ = slow_proxies(target, references, own, near)
    stranger = stats.norm.logpdf(1, 0, np.sqrt(4 / 3 * (1 + 1 / 4)))
    np.testing.assert_allclose(proxies(target, references, own, near=near), member - stranger)


def test_equal_means_at_both_ends_of_the_list_and_between():
    own = References([[0.0, 0, 0, 5, 5, 9], [1, 2, 3, 8, 9, 20]],
                     np.repeat([[False], [True]], 6, axis=1))
    references = References([[-9.0, 0, 4, 5, 9, 99]] * 2, np.zeros((2, 6), bool))
    target = np.array([2.0, 2, 9, 9, 14.5, 14.5])
    member, _ = slow_proxies(target, references, own, 2)
    by_hand = [(1.5, 0.25), (1.5, 0.25), (5.5, 6.25), (5.5, 6.25), (14.5, 30.25), (14.5, 30.25)]
    np.testing.assert_allclose(member, [stats.norm.logpdf(t, mean, np.sqrt(variance))
                                        for t, (mean, variance) in zip(target, by_hand,
                                                                       strict=True)])
    stranger = stats.norm.logpdf(target, references.logits[0], np.sqrt(1e-6 * 1.5))
    np.testing.assert_allclose(proxies(target, references, own, near=2), member - stranger)


def test_records_of_hers_that_lack_one_side_are_left_aside():
    one, own = planted(1, models=6, n=50, strict=True), planted(2, models=6, n=150).references
    odd = References(1e3 * np.random.default_rng(0).normal(size=(6, 40)),
                     np.repeat([[True, False]], 20, axis=1) & np.ones((6, 1), bool))
    both = References(np.hstack([own.logits, odd.logits]), np.hstack([own.included, odd.included]))
    np.testing.assert_allclose(proxies(one.target, one.references, both),
                               proxies(one.target, one.references, own))
    with pytest.raises(ValueError, match="near is 151, and own has 150 records that are in some"):
        proxies(one.target, one.references, both, near=151)
    proxies(one.target, one.references, both, near=150)


def test_a_hundred_stand_in_by_default():
    one, own = planted(1, models=6, n=50, strict=True), planted(2, models=6, n=300).references
    np.testing.assert_array_equal(proxies(one.target, one.references, own),
                                  proxies(one.target, one.references, own, near=100))


@pytest.mark.parametrize("near, message", [
    (1, "near must be at least 2, got 1"), (2.5, "near must be a whole number, got 2.5"),
    (401, "near is 401, and own has 400 records"),
])
def test_stand_ins_must_be_some_of_hers(near, message):
    with pytest.raises(ValueError, match=message):
        proxies([1.0], References([[1.0]] * 16, [[False]] * 16), planted(0).references, near=near)


@pytest.mark.parametrize("models", [5, 7, 1])
def test_her_own_records_are_told_by_the_same_models(models):
    one = planted(1, models=6, n=50, strict=True)
    with pytest.raises(ValueError, match=f"own must be .* 6 models, got {models}"):
        proxies(one.target, one.references, planted(2, models=models, n=150).references)


def hardness(seed, *, strict=False, models=16, n=2_000):
    """What a model gains by a record hangs on how hard it is: nothing on easy ones, 4 on hard."""
    one = planted(seed, models=models, n=n, delta=0, strict=strict)
    gain = np.where(one.centre < 0, 4.0, 0)
    references = References(one.references.logits + gain * one.references.included,
                            one.references.included)
    return one._replace(references=references, target=one.target + gain * one.member)


def test_stand_ins_know_how_much_a_record_as_hard_gains():
    """Of an easy record that is far above the others they know that members are not, either."""
    one, own = hardness(0, strict=True), hardness(1).references
    found = auc(proxies(one.target, one.references, own), one.member)
    assert found.low > auc(lira(one.target, one.references, online=False), one.member).value
    assert found.low > auc(calibrated(one.target, one.references), one.member).value


# ---------------------------------------------------------------- LearnedCalibration


@lru_cache
def crossed(seed, strict=False, n=800):
    """Of hard records members are surer than strangers, of easy ones less sure, by 3."""
    one = planted(seed, models=8, n=n, delta=0, strict=strict, by_model=True)
    side = np.where(one.centre < 0, 3.0, -3.0)
    references = References(one.references.logits + side * one.references.included,
                            one.references.included)
    return references, one.target + side * one.member, one.member


def test_trees_find_what_a_difference_cannot_see():
    references, target, member = crossed(1, strict=True)
    learned = LearnedCalibration().fit(crossed(0)[0])
    scores = learned.score_samples(target, references)
    assert auc(scores, member).low > 0.85
    assert 0.4 < auc(calibrated(target, references), member).value < 0.6
    called = scores >= learned.threshold_
    assert called[member].mean() > 0.8 > 0.2 > called[~member].mean()


def test_the_spread_of_the_others_counts_too():
    """Of quiet records members stand out by one; of loud ones nothing can be known."""
    def seen(seed, strict):
        one = planted(seed, models=12, n=800, delta=0, strict=strict, by_model=True)
        loud = np.where(np.random.default_rng(seed).random(800) < 0.5, 0.1, 3.0)
        logits = one.centre + loud * (one.references.logits - one.centre)
        return one._replace(references=References(logits + one.references.included,
                                                  one.references.included),
                            target=one.centre + loud * (one.target - one.centre) + one.member)

    one = seen(1, True)
    scores = LearnedCalibration().fit(seen(0, False).references).score_samples(one.target,
                                                                               one.references)
    assert auc(scores, one.member).low > auc(calibrated(one.target, one.references),
                                             one.member).high


def test_only_what_models_without_a_record_say_is_looked_at():
    learned, one = LearnedCalibration().fit(crossed(0)[0]), planted(1)
    other = References(np.where(one.references.included, 77.0, one.references.logits),
                       one.references.included)
    np.testing.assert_array_equal(learned.score_samples(one.target, one.references),
                                  learned.score_samples(one.target, other))


def test_it_learns_from_each_of_her_models_in_turn():
    """By hand: logit, mean and spread of the others, whoever plays."""
    own, _, _ = crossed(0, n=64)
    seen, truth = [], []
    for k in range(8):
        for record in range(64):
            others = [own.logits[i, record] for i in range(8)
                      if i != k and not own.included[i, record]]
            if others:
                spread = np.std(others, ddof=1) if len(others) > 1 else 0
                seen.append([own.logits[k, record], np.mean(others), spread])
                truth.append(own.included[k, record])
    learned = LearnedCalibration().fit(own)
    again = type(learned.trees_)(**learned.trees_.get_params()).fit(np.array(seen), truth)
    references, target, _ = crossed(1, strict=True)
    features = np.column_stack([target, references.logits.mean(axis=0),
                                references.logits.std(axis=0, ddof=1)])
    np.testing.assert_allclose(learned.score_samples(target, references),
                               again.predict_proba(features)[:, 1], atol=1e-3)


def test_sixteen_models_are_enough_to_learn_from():
    own = planted(0, models=40, n=40, by_model=True).references
    kept = LearnedCalibration().fit(own)
    silent = References(np.where(np.arange(40)[:, None] < PLAYERS, own.logits,
                                 own.logits.mean(axis=0)), own.included)
    assert PLAYERS == 16 and kept.threshold_ == 0.5
    assert not np.array_equal(kept.score_samples(own.logits[0], own),
                              LearnedCalibration().fit(silent).score_samples(own.logits[0], own))


def test_two_models_are_enough():
    own = planted(0, models=2, n=2_000, delta=4, by_model=True).references
    one = planted(1, models=1, n=1_000, delta=4, strict=True)
    scores = LearnedCalibration().fit(own).score_samples(one.target, one.references)
    assert auc(scores, one.member).low > 0.85


def test_records_that_all_others_have_are_left_aside():
    own = crossed(0)[0]
    crowded = References(np.hstack([own.logits, np.full((8, 50), 3.0)]),
                         np.hstack([own.included, np.ones((8, 50), bool)]))
    references, target, _ = crossed(1, strict=True)
    np.testing.assert_array_equal(
        LearnedCalibration().fit(crowded).score_samples(target, references),
        LearnedCalibration().fit(own).score_samples(target, references))


@pytest.mark.parametrize("included, message", [
    ([[True, False]], "k must be one of 1 models, with another"),
    ([[False, False]] * 3, "got 0 members and 6 non-members to learn from"),
    ([[True, True]] * 3, "got 0 members and 0 non-members to learn from"),
    ([[True], [False]], "got 1 members and 0 non-members to learn from"),
])
def test_her_models_must_show_members_and_non_members(included, message):
    included = np.array(included)
    with pytest.raises(ValueError, match=message):
        LearnedCalibration().fit(References(np.ones(included.shape), included))


def test_before_fit_it_knows_nothing():
    with pytest.raises(ValueError, match="LearnedCalibration has learned nothing yet: fit it on"):
        LearnedCalibration().score_samples([1.0], References([[1.0]], [[False]]))


@pytest.mark.parametrize("models, share", [(4, 2), (8, 4), (8, 2)])
def test_her_models_must_have_drawn_their_records_on_their_own(models, share):
    rng = np.random.default_rng(0)
    included = rng.permuted(np.arange(models)[:, None] < np.full(300, share), axis=0)
    with pytest.raises(ValueError, match=f"own has every record in exactly {share} of {models}"):
        LearnedCalibration().fit(References(rng.normal(size=included.shape), included))
    included[0, 0] ^= True
    LearnedCalibration().fit(References(rng.normal(size=included.shape), included))


# ---------------------------------------------------------------- strangers


@pytest.mark.parametrize("attack", ["calibrated", "proxies", "learned"])
def test_there_is_nothing_to_find_among_strangers(attack):
    one = planted(3, models=6, n=20_000, delta=0, strict=True)
    own = planted(4, models=6, n=400, by_model=True).references
    scores = {
        "calibrated": lambda: calibrated(one.target, one.references),
        "proxies": lambda: proxies(one.target, one.references, own),
        "learned": lambda: LearnedCalibration().fit(own).score_samples(one.target, one.references),
    }[attack]()
    assert mean_area(scores, one.member, groups=200) == pytest.approx(0.5, abs=0.012)


def test_ragged_references_will_do():
    references, target = ragged()
    some = references.records(np.arange(5))
    assert np.isfinite(calibrated(target[:5], some)).all()
    assert np.isfinite(proxies(target[:5], some, planted(0, models=7).references)).all()
