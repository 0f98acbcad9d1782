"""What many models say of the same records, against loops; rehearsals and their thresholds."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from made_up import leaky, planted, ragged
from scipy import stats

from mlleaks_helpers.attacks import (
    References,
    calibrated,
    lira,
    log_ratio,
    logit,
    references,
    rehearse,
    threshold_for,
)
from mlleaks_helpers.attacks.references import as_target
from mlleaks_helpers.metrics import auc

LOGITS = np.array([[1.0, 2, 3], [4, 5, 7]])
INCLUDED = np.array([[True, False, True], [True, False, False]])


# ---------------------------------------------------------------- References


def test_what_is_kept_is_a_copy_that_nobody_can_write_to():
    logits, included = LOGITS.copy(), INCLUDED.copy()
    kept = References(logits, included)
    logits[:], included[:] = 0, False
    np.testing.assert_array_equal(kept.logits, LOGITS)
    np.testing.assert_array_equal(kept.included, INCLUDED)
    for array in (kept.logits, kept.included, kept.records([0]).logits, kept.without(0)[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
    assert len(kept) == 2 and kept.logits.dtype == float
    assert References(LOGITS.astype(np.float32), INCLUDED).logits.dtype == float


@pytest.mark.parametrize("which", [[1], slice(0, 1), np.array([False, True]), [1, 0]])
def test_some_of_the_models_and_some_of_the_records(which):
    kept = References(LOGITS, INCLUDED)
    np.testing.assert_array_equal(kept.models(which).logits, LOGITS[which])
    np.testing.assert_array_equal(kept.models(which).included, INCLUDED[which])
    rows = np.append(which, False) if isinstance(which, np.ndarray) else which
    np.testing.assert_array_equal(kept.records(rows).logits, LOGITS[:, rows])
    np.testing.assert_array_equal(kept.records(rows).included, INCLUDED[:, rows])


def test_each_model_plays_the_target_and_is_not_among_the_others():
    kept = planted(0, models=5, n=20).references
    for k in range(5):
        target, member, others = kept.without(k)
        np.testing.assert_array_equal(target, kept.logits[k])
        np.testing.assert_array_equal(member, kept.included[k])
        rest = [i for i in range(5) if i != k]
        np.testing.assert_array_equal(others.logits, kept.logits[rest])
        np.testing.assert_array_equal(others.included, kept.included[rest])
        assert not (others.logits == target).all(axis=1).any()


@pytest.mark.parametrize("inside", [True, False])
def test_moments_are_those_of_a_loop(inside):
    kept, _ = ragged()
    got = kept.moments(inside)
    for record in range(6):
        its = kept.logits[kept.included[:, record] == inside, record]
        assert got.count[record] == len(its)
        if len(its):
            assert got.mean[record] == pytest.approx(its.mean())
        else:
            assert np.isnan(got.mean[record])
        assert got.squares[record] == pytest.approx(len(its) * its.var() if len(its) else 0)


@pytest.mark.parametrize("logits, included, message", [
    (LOGITS[0], INCLUDED[0], r"logits must be a table of at least one model .* got shape \(3,\)"),
    (LOGITS[:0], INCLUDED[:0], r"at least one model and one record, got shape \(0, 3\)"),
    (LOGITS[:, :0], INCLUDED[:, :0], r"at least one model and one record, got shape \(2, 0\)"),
    (LOGITS, INCLUDED[:, :2], r"included must be .* of logits, \(2, 3\), got bool of .*\(2, 2\)"),
    (LOGITS, INCLUDED.astype(int), "included must be bool .* got int64"),
    ([[1.0, np.nan]], [[True, False]], "logits must be finite, got nan of model 0 for record 1"),
    ([[1.0], [np.inf]], [[True], [False]], "finite, got inf of model 1 for record 0"),
    ("yes", [[True]], "logits must be one array of numbers, got str"),
])
def test_what_are_no_references_is_refused(logits, included, message):
    with pytest.raises(ValueError, match=message):
        References(logits, included)


@pytest.mark.parametrize("k", [2, -1, "one"])
def test_only_a_model_can_play_the_target(k):
    with pytest.raises(ValueError, match=f"k must be one of 2 models, .* got {k!r}"):
        References(LOGITS, INCLUDED).without(k)


def test_one_model_alone_has_nobody_to_be_compared_with():
    with pytest.raises(ValueError, match="k must be one of 1 models, with another beside it"):
        References(LOGITS[:1], INCLUDED[:1]).without(0)


@pytest.mark.parametrize("target, message", [
    ([1.0, 2.0], r"logit of each of the references' 3 records, got shape \(2,\)"),
    (LOGITS, r"3 records, got shape \(2, 3\)"),
    ([1.0, np.nan, np.inf], "target must be finite, got 2 logits that are not"),
    (None, "target must be finite|3 records"),
])
def test_a_target_that_does_not_fit_is_refused(target, message):
    with pytest.raises(ValueError, match=message):
        as_target(target, References(LOGITS, INCLUDED))


# ---------------------------------------------------------------- from answers


def answers():
    seen = [leaky(seed, n=6, classes=4) for seed in range(3)]
    return (np.stack([one.posteriors for one in seen]), seen[0].labels,
            np.stack([one.shuffled(5 + k).member for k, one in enumerate(seen)]))


def test_references_keep_the_logit_of_each_answer():
    posteriors, labels, included = answers()
    got = references(posteriors, labels, included)
    np.testing.assert_array_equal(got.included, included)
    for model, record in np.ndindex(3, 12):
        p = posteriors[model, record]
        right = p[labels[record]]
        assert got.logits[model, record] == pytest.approx(np.log(right / (p.sum() - right)))


def test_answers_that_round_to_one_or_zero_are_finite():
    sure = np.eye(3)[[0, 1]][None]
    got = references(sure, [0, 0], np.array([[True, False]])).logits
    np.testing.assert_allclose(got, [[105.99, -105.99]], atol=0.1)
    np.testing.assert_array_equal(got[0], logit(sure[0], np.array([0, 0])))


@pytest.mark.parametrize("change, message", [
    (lambda p, y, i: (p[0], y, i), r"fit together, got shapes \(12, 4\), \(12,\) and \(3, 12\)"),
    (lambda p, y, i: (p, y[:5], i), "must fit together"),
    (lambda p, y, i: (p, y, i[:2]), "must fit together"),
    (lambda p, y, i: (p, y, i.astype(float)), "must be bool, got float64"),
    (lambda p, y, i: (p, y - 5, i), "labels must lie in 0 … 3"),
    (lambda p, y, i: (p, y / 2, i), "labels must be integers"),
    (lambda p, y, i: (np.log(p), y, i), "are these logits"),
    (lambda p, y, i: (np.where(p > 0.9, np.nan, p), y, i), "posteriors must be finite"),
])
def test_answers_that_make_no_references_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        references(*change(*answers()))


# ---------------------------------------------------------------- rehearsals


@pytest.mark.parametrize("players, played", [(1, 1), (3, 3), (6, 6), (99, 6)])
def test_a_rehearsal_is_a_loop_over_the_players(players, played):
    kept = planted(0, models=6, n=30, by_model=True).references
    scores, member = rehearse(lira, kept, players=players)
    assert scores.shape == member.shape == (played * 30,)
    for k in range(played):
        rest = kept.models([i for i in range(6) if i != k])
        np.testing.assert_array_equal(scores[30 * k:30 * (k + 1)], lira(kept.logits[k], rest))
        np.testing.assert_array_equal(member[30 * k:30 * (k + 1)], kept.included[k])


def test_eight_play_by_default():
    assert len(rehearse(calibrated, planted(0, models=12, n=10, by_model=True).references)[0]) == 80


@pytest.mark.parametrize("models, players, message", [
    (1, 8, "k must be one of 1 models, with another"),
    (4, 0, "players must be at least 1, got 0"),
    (4, 1.5, "players must be a whole number, got 1.5"),
])
def test_a_rehearsal_needs_players(models, players, message):
    with pytest.raises(ValueError, match=message):
        rehearse(lira, planted(0, models=models, n=10).references, players=players)


# ---------------------------------------------------------------- balanced designs


def noise(seed, models, n=4_000):
    """Every record in exactly half of the models, and nothing to be found out."""
    rng = np.random.default_rng(seed)
    included = rng.permuted(np.arange(models)[:, None] < np.full(n, models // 2), axis=0)
    return References(rng.normal(size=(models, n)) + rng.normal(0, 2, n), included)


def areas(attack, models, seeds=4):
    """The AUC of an attack on noise, model 0 of a balanced design being the target."""
    played = (noise(seed, models).without(0) for seed in range(seeds))
    return np.mean([auc(attack(target, others), member).value for target, member, others in played])


def test_where_every_record_is_in_half_of_the_models_counting_tells():
    assert areas(lambda _, others: -others.included.sum(axis=0), 16) == 1


@pytest.mark.parametrize("attack", [
    calibrated, log_ratio, partial(lira, online=False),
    partial(lira, online=False, variance="one"), partial(lira, online=False, variance="own")])
@pytest.mark.parametrize("models", [4, 8, 16])
def test_what_compares_with_models_without_a_record_does_not_count(attack, models):
    assert areas(attack, models) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("models", [8, 16])
@pytest.mark.parametrize("variance", ["one", "own", "shrunk"])
def test_a_ratio_of_both_sides_gains_nothing_from_a_balanced_design(variance, models):
    """The smaller side knows less: it is a member's own, and is believed less."""
    assert 0.4 < areas(partial(lira, variance=variance), models) < 0.505


def test_with_four_balanced_models_own_variances_are_right_for_no_reason():
    assert areas(partial(lira, variance="own"), 4) > 0.6


@pytest.mark.parametrize("included, balanced", [
    ([[1, 0, 1], [0, 1, 0]], True), ([[1, 0, 1], [0, 1, 1]], False),
    ([[0, 0, 0], [0, 0, 0]], False), ([[1, 1, 1], [1, 1, 1]], False), ([[1], [0]], False)])
def test_a_balanced_design_is_known(included, balanced):
    included = np.array(included, bool)
    assert References(np.zeros(included.shape), included).balanced is balanced


def test_a_rehearsal_warns_of_a_balanced_design(recwarn):
    rehearse(lira, planted(0, models=6, n=30, by_model=True).references)
    rehearse(calibrated, planted(0, models=6, n=30, strict=True).references)
    assert not recwarn
    with pytest.warns(UserWarning, match="references have every record in exactly 3 of 6 models"):
        rehearse(lira, noise(0, 6, n=30))


def test_moments_are_reckoned_once_and_kept_as_they_are():
    kept = planted(0, models=5, n=20).references
    assert kept.moments(True) is kept.moments(True) is not kept.moments(False)
    for array in kept.moments(True):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_moments_need_little_room():
    kept = noise(0, 64, n=5_000)
    tracemalloc.start()
    kept.moments(True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < kept.logits.nbytes / 4


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_the_threshold_of_a_rehearsal_keeps_its_rate_on_the_target(rate):
    """And finds nearly as many as the law lets be found, Phi(2 - z)."""
    one = planted(0, models=33, n=4_000, by_model=True)
    threshold = threshold_for(rate, *rehearse(lira, one.references, players=2))
    called = lira(one.target, one.references.models(slice(1, None))) >= threshold
    assert called[~one.member].mean() == pytest.approx(rate, rel=0.35)
    best = stats.norm.cdf(2 - stats.norm.isf(rate))
    assert best - 0.06 < called[one.member].mean() < best + 0.06


@pytest.mark.parametrize("seed", range(20))
def test_the_lowest_threshold_that_few_strangers_reach_by_trying_all(seed):
    rng = np.random.default_rng(seed)
    member = np.append([True, False], rng.random(30) < 0.3)
    scores, rate = rng.integers(0, 12, len(member)).astype(float), rng.uniform(0.01, 0.99)
    outside = scores[~member]
    tried = np.nextafter(outside, np.inf).tolist()
    assert threshold_for(rate, scores, member) == min(
        t for t in tried if (outside >= t).mean() <= rate)


@pytest.mark.parametrize("rate, reached", [
    (0.01, 1), (0.29, 29), (0.57, 57), (0.99, 99), (0.0099, 0), (0.295, 29), (1e-9, 0)])
def test_as_many_strangers_reach_it_as_the_rate_allows(rate, reached):
    scores, member = np.arange(110.0), np.arange(110) >= 100
    assert (scores[~member] >= threshold_for(rate, scores, member)).sum() == reached


def test_equal_scores_are_called_together_or_not_at_all():
    scores, member = np.array([1.0, 5, 5, 5, 9]), np.array([False] * 4 + [True])
    assert 5 < threshold_for(0.5, scores, member) < 5.001
    assert 1 < threshold_for(0.75, scores, member) < 1.001


@pytest.mark.parametrize("rate, scores, member, message", [
    (0, [1.0, 2], [True, False], "rate must lie above 0 and below 1, got 0"),
    (1, [1.0, 2], [True, False], "rate must lie above 0 and below 1, got 1"),
    (0.1, [1.0, np.nan], [True, False], "scores must be finite"),
    (0.1, [1.0, 2], [True, True], "members and non-members"),
])
def test_a_threshold_for_nothing_is_refused(rate, scores, member, message):
    with pytest.raises(ValueError, match=message):
        threshold_for(rate, np.array(scores), np.array(member))
