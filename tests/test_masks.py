"""Masks: values worked out by hand, and that each keeps what it promises to keep."""

import numpy as np
import pytest

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
    assert (np.abs(first - backwards).max(axis=1) > 1e-6).mean() < 0.02
    assert (np.abs(first - alone).max(axis=1) > 1e-6).mean() < 0.02
    other = guarded(posteriors, budget=0.2, seed=1)
    assert (np.abs(first - other).max(axis=1) > 1e-6).mean() > 0.1


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
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
