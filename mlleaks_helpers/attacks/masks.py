"""Masks: what an owner may do to the answers. Posteriors (n, classes) in, posteriors out.

The predicted class stays, so that accuracy does. All raise ValueError for what are no posteriors.
"""

from copy import copy

import numpy as np

from mlleaks_helpers import validate
from mlleaks_helpers.observation import Observation, as_numbers, check_posteriors
from mlleaks_helpers.overlap import row_digests, scrambled


def label_only(posteriors: np.ndarray) -> np.ndarray:
    """Answer with the predicted class alone: 1 there, 0 elsewhere (Shokri et al. 2017)."""
    posteriors = _rows(posteriors)
    return np.eye(posteriors.shape[1])[posteriors.argmax(axis=1)]


def keep_top(posteriors: np.ndarray, k: int) -> np.ndarray:
    """Answer with the k largest posteriors; the others get equal shares of what is left.

    Shokri et al. (2017) leave the others out. With equal shares the row sums to 1 and tells no
    more. Raises ValueError for k below 1.
    """
    validate.whole(1, k=k)
    posteriors = _rows(posteriors)
    rest = np.argsort(-posteriors, axis=1, kind="stable")[:, k:]
    if rest.size:
        left = np.take_along_axis(posteriors, rest, axis=1)
        share = np.minimum(left.mean(axis=1), left.max(axis=1))  # rounding must not lift it
        np.put_along_axis(posteriors, rest, share[:, None], axis=1)
    return posteriors


def round_to(posteriors: np.ndarray, digits: int) -> np.ndarray:
    """Answer with so many digits: the predicted class rounded up, all the others down.

    Shokri et al. (2017) round all down, which may tie the predicted class with another. What
    rounding takes away is shared by all classes equally, so that each row sums to 1. Raises
    ValueError for fewer than 1 digit.
    """
    validate.whole(1, digits=digits)
    posteriors = _rows(posteriors)
    steps = np.round(posteriors / posteriors.sum(axis=1, keepdims=True) * 10**digits, 9)
    predicted = label_only(posteriors) == 1
    rounded = np.where(predicted, np.ceil(steps), np.floor(steps)) / 10**digits
    return rounded + np.maximum(1 - rounded.sum(axis=1, keepdims=True), 0) / rounded.shape[1]


def temperature(posteriors: np.ndarray, t: float) -> np.ndarray:
    """Divide the logits by t: above 1 the model seems less sure (Shokri et al. 2017).

    `temperature(…, 1 / t)` undoes it. Raises ValueError unless t is positive.
    """
    validate.positive(t=t)
    posteriors = _rows(posteriors)
    heated = (posteriors / posteriors.max(axis=1, keepdims=True)) ** (1 / t)
    return heated / heated.sum(axis=1, keepdims=True)


def memguard(posteriors: np.ndarray, attack, *, budget: float = 1.0, seed: int = 0,
             ids=None) -> np.ndarray:
    """Move each answer until the defender's own attack is undecided, its score one half.

    A short form of MemGuard (Jia et al. 2019): it moves in a straight line, a record that is
    taken for a member towards equal posteriors, another towards certainty; MemGuard searches in
    all directions. An answer stays where no point of its line leaves the attack undecided. As in
    MemGuard, a coin that the record itself decides leaves more of them as they are, so that no
    record is moved by more than `budget` on average.

    attack  fitted, with scores from 0 to 1, such as `TopPosteriors`; the owner may fit it on
            these very answers
    budget  sum of absolute changes to a row, at most 2
    seed    of the coin: who asks twice gets the same answer
    ids     the records' numbers (n,), or the records themselves (n, …): equal ones share a coin.
            By default a record's answer, to six digits, stands for it, and the second and third
            record with the same answer in one question have coins of their own

    Raises ValueError for a budget outside [0, 2], and for ids of another length.
    """
    validate.between(0, 2, budget=budget)
    posteriors = _rows(posteriors)
    label = label_only(posteriors)
    says_member = _decisions_of(attack, label.argmax(axis=1))
    called = says_member(posteriors)
    flat = 0.01 * label + 0.99 / label.shape[1]  # as equal as can be without a change of label
    way = np.where(called[:, None], flat, label) - posteriors
    near, far = np.zeros(len(way)), np.ones(len(way))
    for _ in range(30):
        middle = (near + far) / 2
        same = says_member(posteriors + middle[:, None] * way) == called
        near, far = np.where(same, middle, near), np.where(same, far, middle)
    side, coin = _coins(posteriors, ids, seed)
    step = np.where(side < 0.5, near, far)
    noise = np.where(far < 1, step, 0)[:, None] * way
    distance = np.abs(noise).sum(axis=1)
    return posteriors + noise * (coin * distance < budget)[:, None]


def _decisions_of(attack, labels):
    """What the defender's attack says of answers; it may have been fitted on them."""
    attack = copy(attack)
    if hasattr(attack, "fitted_on_"):
        attack.fitted_on_ = None
    unknown = np.zeros(len(labels), bool)
    return lambda answers: attack.score_samples(Observation(answers, labels, unknown)) > 0.5


def _coins(posteriors, ids, seed):
    """Two numbers in [0, 1) for each record, (2, n), that hang on the record and the seed."""
    validate.whole(0, seed=seed)
    if ids is None:
        record = row_digests(np.round(posteriors, 6))
        record = record + scrambled(_earlier_equals(record) + np.uint64(1))
    else:
        record = row_digests(ids)
        if len(record) != len(posteriors):
            raise ValueError(f"ids must have one entry for each of the {len(posteriors)} rows of "
                             f"posteriors, got {len(record)}")
    first = scrambled(record + scrambled(np.full(len(record), seed + 1, np.uint64)))
    return np.array([first, scrambled(first + np.uint64(1))]) / 2.0**64


def _earlier_equals(values):
    """How many earlier entries are equal to each entry."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    counts = np.diff(np.append(starts, len(values)))
    earlier = np.empty(len(values), np.uint64)
    earlier[order] = np.arange(len(values)) - np.repeat(starts, counts)
    return earlier


def _rows(posteriors):
    """A copy as float64, checked."""
    posteriors = as_numbers(posteriors, "posteriors")
    check_posteriors(posteriors)
    return posteriors
