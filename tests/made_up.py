"""Answers of models that nobody trained, with a known law, for tests of attacks."""

from typing import NamedTuple

import numpy as np

from mlleaks_helpers.attacks import References
from mlleaks_helpers.observation import Observation


def leaky(seed, *, n=600, classes=10, gap=2.0, dtype=float, members=None):
    """A model whose true class stands out by 2, and by `gap` more for its members.

    n members and n non-members, members first; or so many `members`.
    """
    rng = np.random.default_rng(seed)
    total = n + (n if members is None else members)
    member, labels = np.arange(total) < total - n, rng.integers(classes, size=total)
    logits = rng.normal(size=(total, classes))
    logits[np.arange(total), labels] += 2 + gap * member
    odds = np.exp(logits)
    return Observation((odds / odds.sum(axis=1, keepdims=True)).astype(dtype), labels, member)


class Planted(NamedTuple):
    """References, and a target's logits (n,) with the truth, (n,) bool; `centre` is each mu."""

    references: References
    target: np.ndarray
    member: np.ndarray
    centre: np.ndarray


def planted(seed, *, models=16, n=400, delta=2.0, free=None, strict=False, by_model=False):
    """A record's logit is N(mu + delta, s²) in models that were trained on it, else N(mu, s²).

    mu is N(0, 9) from record to record; s² is 1, or free / chi-square(free). Half of the models
    have a record, or none where `strict`, or, `by_model`, a model has half of the records; the
    target has each with one half.
    """
    rng = np.random.default_rng(seed)
    centre = rng.normal(0, 3, n)
    spread = np.sqrt(free / rng.chisquare(free, n)) if free else np.ones(n)
    first = np.arange(n) < n // 2 if by_model else np.arange(models)[:, None] < models // 2
    half = np.broadcast_to(first, (models, n))
    included = rng.permuted(half, axis=int(by_model)) & (not strict)
    logits = centre + delta * included + spread * rng.normal(size=(models, n))
    member = rng.random(n) < 0.5
    target = centre + delta * member + spread * rng.normal(size=n)
    return Planted(References(logits, included), target, member, centre)


def ragged():
    """Seven models and six records: two in some, one in one, one in all but one, one in none, all.

    References and a target's logits.
    """
    rng = np.random.default_rng(7)
    included = np.array([[1, 1, 1, 0, 0, 1],
                         [1, 0, 0, 1, 0, 1],
                         [0, 1, 0, 1, 0, 1],
                         [0, 0, 0, 1, 0, 1],
                         [1, 0, 0, 1, 0, 1],
                         [0, 1, 0, 1, 0, 1],
                         [1, 1, 0, 1, 0, 1]], bool)
    logits = rng.normal(0, [1, 4, 0.5, 2, 1, 3], included.shape) + 2 * included
    return References(logits, included), rng.normal(1, 3, 6)


def mean_area(scores, member, *, groups):
    """The AUC, as the mean over that many groups of records."""
    return np.mean([(own[is_in][:, None] > own[~is_in]).mean() + 0.5 * (
        own[is_in][:, None] == own[~is_in]).mean()
        for own, is_in in zip(np.split(scores, groups), np.split(member, groups), strict=True)])
