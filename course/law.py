"""Answers of models that nobody trained, by a law that is known: the grader's own world.

A record is easy or hard, and alike for every model. A model that never saw it answers about as
sure as it is easy. A model that was trained on it holds it in a band just below certainty, unless
it is so easy that it stands above that band anyway: so the surest answers are those for easy
records, members or not. That is what Location's recorded targets do, and `BAND` is where.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CLASSES = 30
BAND = 3.3       # the logit of a record learned by heart
LOWEST = 1e-12


class Records(NamedTuple):
    """labels (n,), ease (n,): the logit to expect, kin (n, classes): what else each resembles."""

    labels: np.ndarray
    ease: np.ndarray
    kin: np.ndarray


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Everything random of one course, for one purpose: other purposes draw other numbers."""
    return np.random.default_rng((seed, *purpose))


def records(rng, n: int, *, classes: int = CLASSES, spread: float = 2.4) -> Records:
    return Records(rng.integers(classes, size=n), rng.normal(0, spread, n),
                   rng.normal(0, 2, (n, classes)))


def halves(rng, n: int) -> np.ndarray:
    """Who is a member, (n,) bool: half of them, in random order."""
    return rng.permutation(n) < n // 2


def answers(rng, people: Records, member, *, learned: float = 1.0, noise: float = 1.0):
    """The posteriors (n, classes) of a model trained on those of `people` who are members.

    learned  how much of the way into the band its members come: 0 is a model without a leak
    noise    how far two models differ about one record that neither has seen
    """
    n, classes = people.kin.shape
    unseen = people.ease + noise * rng.normal(size=n)
    held = np.logaddexp(unseen, BAND + 0.45 * rng.normal(size=n))
    logit = np.where(member, unseen + learned * (held - unseen), unseen)
    others = np.exp(people.kin + 0.7 * rng.normal(size=(n, classes)))
    others[np.arange(n), people.labels] = 0
    sure = 1 / (1 + np.exp(-logit))
    posteriors = others / others.sum(axis=1, keepdims=True) * (1 - sure)[:, None]
    posteriors[np.arange(n), people.labels] = sure
    return posteriors


def nobody(people: Records) -> np.ndarray:
    """The membership of a model that has seen none of them: for references."""
    return np.zeros(len(people.labels), bool)


# ---------------------------------------------------------------- what an owner does to answers


def guarded(posteriors, cut: float):
    """Each answer moved until its largest posterior stands at the cut of the owner's own attack.

    Label and order stay; an answer whose largest posterior would no longer be the largest stays.
    """
    first = posteriors.max(axis=1, keepdims=True)
    rest = (1 - cut) / np.maximum(1 - first, LOWEST)
    moved = np.where(posteriors == first, cut, posteriors * rest)
    keeps = np.sort(moved, axis=1)[:, -2:-1] < cut
    return np.where(keeps, moved, posteriors)
