"""Masks: values worked out by hand, and that each keeps what it promises to keep."""

import numpy as np
import pytest
from made_up import leaky

from mlleaks_helpers.attacks import (
    TopPosteriors,
    attack_regression,
    keep_top,
    label_only,
    memguard,
    round_to,
    temperature,
)
from mlleaks_helpers.observation import Observation


class Largest:
    """A defender's attack that can be worked out by hand: the score is the largest posterior."""

    def score_samples(self, seen):
        return seen.posteriors.max(axis=1)


def guarded(posteriors, **options):
    return memguard(posteriors, Largest(), **options)


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize("mask, answer, masked", [
    (label_only, [0.2, 0.5, 0.3], [0, 1, 0]),
    (label_only, [0.5, 0.5, 0], [1, 0, 0]),
    (lambda p: keep_top(p, 1), [0.25, 0.5, 0.15, 0.1], [1 / 6, 0.5, 1 / 6, 1 / 6]),
    (lambda p: keep_top(p, 2), [0.25, 0.5, 0.15, 0.1], [0.25, 0.5, 0.125, 0.125]),
    (lambda p: keep_top(p, 2), [0.3, 0.4, 0.3, 0], [0.3, 0.4, 0.15, 0.15]),
    (lambda p: keep_top(p, 9), [0.25, 0.5, 0.15, 0.1], [0.25, 0.5, 0.15, 0.1]),
    (lambda p: round_to(p, 1), [0.37, 0.42, 0.21], [0.3, 0.5, 0.2]),
    (lambda p: round_to(p, 1), [0.36, 0.38, 0.26], [1 / 3, 13 / 30, 7 / 30]),
    (lambda p: round_to(p, 2), [0.361, 0.378, 0.261], [0.36, 0.38, 0.26]),
    (lambda p: round_to(p, 2), [0.56, 0.44], [0.56, 0.44]),
    (lambda p: temperature(p, 2), [0.64, 0.36], [4 / 7, 3 / 7]),
    (lambda p: temperature(p, 0.5), [0.6, 0.4, 0], [9 / 13, 4 / 13, 0]),
    (lambda p: guarded(p, budget=2), [0.8, 0.15, 0.05], [0.5, 0.267391, 0.232609]),
    (lambda p: guarded(p, budget=2), [0.4, 0.35, 0.25], [0.5, 7 / 24, 5 / 24]),
    (lambda p: guarded(p, budget=0), [0.8, 0.15, 0.05], [0.8, 0.15, 0.05]),
])
def test_worked_out_by_hand(mask, answer, masked):
    np.testing.assert_allclose(mask(np.array([answer])), [masked], atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_hidden_posteriors_are_equal_and_tell_no_order(k):
    """Not almost: in the last digit, too, the hidden columns say nothing of their order."""
    posteriors = np.random.default_rng(0).dirichlet(np.ones(7), 300)
    masked = keep_top(posteriors, k)
    ranked = np.argsort(-posteriors, axis=1)
    kept, hidden = (np.take_along_axis(masked, part, axis=1) for part in np.split(ranked, [k], 1))
    np.testing.assert_array_equal(kept, -np.sort(-posteriors, axis=1)[:, :k])
    assert (hidden == hidden[:, :1]).all()
    swapped = posteriors.copy()
    for row, order in zip(swapped, ranked, strict=True):
        row[order[k:]] = row[order[k:][::-1]]
    np.testing.assert_array_equal(keep_top(swapped, k), masked)


def test_temperature_is_undone_by_its_inverse():
    posteriors = hard()
    undone = temperature(temperature(posteriors, 5), 1 / 5)
    np.testing.assert_allclose(undone, posteriors, atol=1e-9)


def test_a_mask_leaves_what_it_is_given_alone():
    given = hard()
    before = given.copy()
    for mask in MASKS.values():
        mask(given)
    np.testing.assert_array_equal(given, before)


# ---------------------------------------------------------------- what every mask keeps

MASKS = {
    "label_only": label_only,
    "keep_top 1": lambda p: keep_top(p, 1),
    "keep_top 2": lambda p: keep_top(p, 2),
    "keep_top 3": lambda p: keep_top(p, 3),
    "round_to 1": lambda p: round_to(p, 1),
    "round_to 3": lambda p: round_to(p, 3),
    "temperature 20": lambda p: temperature(p, 20),
    "temperature 1/4": lambda p: temperature(p, 0.25),
    "memguard": guarded,
    "memguard, all": lambda p: guarded(p, budget=2),
}


def hard(classes=7, dtype=float):
    """Posteriors of every kind: sure, unsure, tied at the top, one-hot, all equal."""
    rng = np.random.default_rng(0)
    rows = [rng.dirichlet(np.full(classes, shape), 400) for shape in (0.05, 0.3, 1, 30)]
    rows = np.concatenate([*rows, np.eye(classes), np.full((1, classes), 1 / classes)])
    tied = rows[:400].copy()
    tied[np.arange(400), rng.integers(classes, size=400)] = tied.max(axis=1)
    rows = np.concatenate([rows, tied / tied.sum(axis=1, keepdims=True)])
    return np.maximum(rows, 1e-20).astype(dtype)


def faults(mask, posteriors):
    """What a mask breaks, in words."""
    masked = mask(posteriors)
    if masked.shape != posteriors.shape:
        yield f"shape {masked.shape}"
        return
    changed = (masked.argmax(axis=1) != posteriors.argmax(axis=1)).sum()
    if changed:
        yield f"the predicted class of {changed} records"
    if (masked < 0).any() or not np.allclose(masked.sum(axis=1), 1, atol=1e-6):
        yield "rows are no distributions"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 5, 7, 9, 12, 100])  # of 1/5, 1/9, 1/12 a mean rounds up
@pytest.mark.parametrize("name", MASKS)
def test_the_predicted_class_stays_and_rows_are_distributions(name, classes, dtype):
    posteriors = hard(classes, dtype)
    assert list(faults(MASKS[name], posteriors)) == []
    labels = np.zeros(len(posteriors), int)
    Observation(MASKS[name](posteriors), labels, labels == 0)


@pytest.mark.parametrize("broken, fault", [
    (lambda p: p[:, ::-1], "the predicted class"),
    (lambda p: np.floor(10 * p + 0.5) / 10, "the predicted class"),
    (lambda p: np.where(p >= np.sort(p)[:, -1:], p, 0), "rows are no distributions"),
    (lambda p: np.round(p, 1), "rows are no distributions"),
    (lambda p: 2 * p - 1 / 7, "rows are no distributions"),
    (lambda p: np.sort(p)[:, :-4:-1], "shape"),
])
def test_a_mask_that_breaks_something_is_caught(broken, fault):
    assert any(found.startswith(fault) for found in faults(broken, hard()))


# ---------------------------------------------------------------- MemGuard


def spread(count=4_000):
    return np.random.default_rng(1).dirichlet([2, 1, 1, 0.5], count)


def test_memguard_leaves_the_defenders_attack_undecided_and_hides_the_side():
    posteriors = spread()
    masked = guarded(posteriors, budget=2)
    score = masked.max(axis=1)
    np.testing.assert_allclose(score, 0.5, atol=1e-6)
    for called in (posteriors.max(axis=1) > 0.5, posteriors.max(axis=1) <= 0.5):
        assert 0.45 < (score[called] > 0.5).mean() < 0.55


def test_memguard_goes_no_further_than_it_must():
    posteriors = spread(50)
    attack, way = Largest(), guarded(posteriors, budget=2) - posteriors
    short = posteriors + 0.999 * way
    as_before = (attack_on(attack, short) > 0.5) == (posteriors.max(axis=1) > 0.5)
    assert as_before.all()


def test_memguard_leaves_an_answer_that_no_step_makes_undecided():
    """An attack that is sure of everybody, and one that the owner fitted on these very answers."""
    class Sure:
        def score_samples(self, seen):
            return np.full(len(seen), 0.9)

    posteriors = spread(50)
    np.testing.assert_array_equal(memguard(posteriors, Sure(), budget=2), posteriors)


def attack_on(attack, posteriors):
    labels = np.zeros(len(posteriors), int)
    return attack.score_samples(Observation(posteriors, labels, labels == 0))


@pytest.mark.parametrize("budget", [0.05, 0.2, 0.5])
def test_memguard_keeps_to_its_budget_on_average(budget):
    posteriors = spread()
    full = np.abs(guarded(posteriors, budget=2) - posteriors).sum(axis=1)
    moved = np.abs(guarded(posteriors, budget=budget) - posteriors).sum(axis=1)
    assert np.isin(moved.round(6), [0, *full.round(6)]).all()
    assert moved.mean() == pytest.approx(np.minimum(full, budget).mean(), rel=0.1)


def test_memguards_coin_belongs_to_the_record_not_to_the_question():
    posteriors = spread(200)
    first = guarded(posteriors, budget=0.2)
    np.testing.assert_array_equal(first, guarded(posteriors, budget=0.2))
    backwards = guarded(posteriors[::-1].copy(), budget=0.2)[::-1]
    alone = np.concatenate([guarded(row[None], budget=0.2) for row in posteriors])
    np.testing.assert_array_equal(first, backwards)
    np.testing.assert_array_equal(first, alone)
    in_32_bits = guarded(posteriors.astype(np.float32), budget=0.2)
    assert (np.abs(first - in_32_bits).max(axis=1) > 1e-5).mean() < 0.02
    other = guarded(posteriors, budget=0.2, seed=1)
    assert (np.abs(first - other).max(axis=1) > 1e-6).mean() > 0.1


@pytest.mark.parametrize("answer", [[1.0, 0, 0], [0.8, 0.15, 0.05], [0.4, 0.35, 0.25]])
@pytest.mark.parametrize("seed", range(4))
def test_memguard_keeps_to_its_budget_where_answers_coincide(answer, seed):
    """A saturated model gives the same answer to many records."""
    posteriors = np.tile(answer, (2_000, 1))
    full = np.abs(guarded(posteriors[:1], budget=2) - posteriors[:1]).sum()
    moved = np.abs(guarded(posteriors, budget=0.1, seed=seed) - posteriors).sum(axis=1)
    sizes = np.unique(moved.round(5))
    assert len(sizes) == 2 and sizes[0] == 0 and sizes[1] == pytest.approx(full, abs=1e-4)
    assert moved.mean() == pytest.approx(min(0.1, full), abs=4 * full * 0.5 / np.sqrt(2_000))


@pytest.mark.parametrize("budget", [2, 0.1])
def test_who_is_moved_is_no_sign_of_the_side(budget):
    masked = guarded(np.tile([0.8, 0.15, 0.05], (2_000, 1)), budget=budget)
    moved = masked.max(axis=1) < 0.7
    assert 0.4 < (masked[moved].max(axis=1) > 0.5).mean() < 0.6


@pytest.mark.parametrize("kind", [
    lambda k: k, lambda k: k.astype(np.int32), lambda k: k / 7, lambda k: k.astype(str),
    lambda k: np.array([f"record {n}" for n in k], object),
    lambda k: np.stack([k, k % 3], axis=1).astype(np.uint8)[:, :, None],
])
def test_with_ids_the_record_decides_and_not_its_answer(kind):
    posteriors = np.tile([0.8, 0.15, 0.05], (200, 1))
    ids = kind(np.arange(200))
    first = guarded(posteriors, budget=0.2, ids=ids)
    moved = np.abs(first - posteriors).sum(axis=1) > 1e-6
    assert 0.1 < moved.mean() < 0.6
    order = np.random.default_rng(0).permutation(200)
    again = guarded(posteriors, budget=0.2, ids=kind(order))
    np.testing.assert_array_equal(again, first[order])
    nearby = guarded(np.tile([0.79, 0.16, 0.05], (200, 1)), budget=0.2, ids=ids)
    assert ((np.abs(nearby - posteriors).sum(axis=1) > 0.1) == moved).mean() > 0.95
    one = guarded(posteriors, budget=0.2, ids=kind(np.zeros(200, int)))
    assert len(np.unique(one, axis=0)) == 1


def test_ids_are_one_a_record():
    with pytest.raises(ValueError, match="ids must have one entry for each of the 50 rows .* 49"):
        guarded(spread(50), ids=np.arange(49))


def test_memguard_leaves_the_attack_as_it_was():
    target = leaky(1)
    attack = TopPosteriors(3, attack_regression()).fit(leaky(0, n=100))
    before = attack.score_samples(target)
    memguard(target.posteriors, attack)
    np.testing.assert_array_equal(attack.score_samples(target), before)
    with pytest.raises(ValueError, match="fitted on"):
        attack.score_samples(leaky(0, n=100))


def test_memguard_needs_an_attack_that_has_learned():
    with pytest.raises(ValueError, match="has learned nothing yet"):
        memguard(spread(5), TopPosteriors())


def test_memguard_takes_a_fitted_attack_of_the_package():
    rng = np.random.default_rng(2)
    member = np.repeat([True, False], 400)
    sure = rng.dirichlet([0.1] * 5, 800)
    posteriors = np.where(member[:, None], sure, rng.dirichlet([1] * 5, 800))
    seen = Observation(posteriors, np.zeros(800, int), member)
    attack = TopPosteriors(3, attack_regression()).fit(seen)
    masked = Observation(memguard(posteriors, attack, budget=2), seen.labels, member)
    assert np.median(np.abs(attack.score_samples(masked) - 0.5)) < 1e-6


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("call, message", [
    (lambda: keep_top(np.eye(3), 0), "k must be at least 1, got 0"),
    (lambda: round_to(np.eye(3), 0), "digits must be at least 1, got 0"),
    (lambda: temperature(np.eye(3), 0), "t must be positive, got 0"),
    (lambda: temperature(np.eye(3), float("nan")), "t must be positive, got nan"),
    (lambda: guarded(np.eye(3), budget=-0.1), "budget must lie between 0 and 2, got -0.1"),
    (lambda: guarded(np.eye(3), budget=3), "budget must lie between 0 and 2, got 3"),
    (lambda: keep_top(np.eye(3), 1.5), "k must be a whole number, got 1.5"),
    (lambda: round_to(np.eye(3), 0.5), "digits must be a whole number, got 0.5"),
    (lambda: temperature(np.eye(3), float("inf")), "t must be positive, got inf"),
    (lambda: guarded(np.eye(3), budget=float("nan")), "budget must lie between 0 and 2, got nan"),
    (lambda: guarded(np.eye(3), seed=-1), "seed must be at least 0, got -1"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("answers, message", [
    (np.array([[3.0, -2.0]]), "are these logits"), (np.array([[0.9, 0.8]]), "sigmoids"),
    (np.array([0.9, 0.1]), "two classes, got shape"), (np.array([[np.nan, 1.0]]), "finite"),
    ("yes", "posteriors must be one array of numbers, got str"),
])
def test_what_are_no_posteriors_is_not_masked(mask, answers, message):
    with pytest.raises(ValueError, match=message):
        mask(answers)
