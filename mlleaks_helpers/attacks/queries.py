"""Asking again: what many answers to changed copies of a record say, where each is a class alone.

A target here is any function `ask` from records (n, …) to posteriors (n, classes) or to predicted
classes (n,). Of posteriors only the largest counts. Scores are higher for likelier members.
"""

import numpy as np

from mlleaks_helpers import validate
from mlleaks_helpers.observation import as_numbers


def flipped(x: np.ndarray, copies: int, *, lose: float, gain: float,
            seed: int = 0) -> np.ndarray:
    """Copies of binary records, each entry turned by a coin of its own: (n, copies, …).

    x     (n, …) of 0 and 1, of whatever type; the copies have the same
    lose  the chance that a 1 becomes 0, and `gain` that a 0 becomes 1. Equal chances are the bit
          flips of Choquette-Choo et al. (2021); without `gain` nothing is added to a record

    The first k copies are the same however many are asked for. Raises ValueError for entries that
    are neither 0 nor 1, chances outside [0, 1], and fewer than one copy.
    """
    x = _binary(x)
    validate.whole(1, copies=copies)
    validate.whole(0, seed=seed)
    validate.between(0, 1, lose=lose, gain=gain)
    rng, made = np.random.default_rng(seed), np.empty((len(x), copies, *x.shape[1:]), x.dtype)
    coins = [(np.flatnonzero(x == value), chance) for value, chance in ((1, lose), (0, gain))
             if chance]
    for copy in range(copies):
        one = x.flatten()
        for places, chance in coins:
            turned = places[rng.random(len(places), dtype=np.float32) < chance]
            one[turned] = 1 - one[turned]
        made[:, copy] = one.reshape(x.shape)
    return made


def shifted(images: np.ndarray, far: int = 1, *, mirrored: bool = False) -> np.ndarray:
    """Each image, and it moved so far in all: (n, 4 far + 1, height, width, channels).

    The image itself comes first, then every shift by |down| + |right| = `far` pixels, what leaves
    at one side coming back at the other (the translations of Choquette-Choo et al. 2021). With
    `mirrored` all of these follow once more, left and right exchanged. Raises ValueError for what
    are no images and for a `far` below 1.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not images.size:
        raise ValueError("images must be (n, height, width, channels), got shape "
                         f"{images.shape}")
    validate.whole(1, far=far)
    ways = [(0, 0)] + [(down, right) for down in range(-far, far + 1)
                       for right in sorted({abs(down) - far, far - abs(down)})]
    moved = [np.roll(images, way, axis=(1, 2)) for way in ways]
    return np.stack(moved + [one[:, :, ::-1] for one in moved if mirrored], axis=1)


def right_answers(ask, copies: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether a model gives each copy its record's label: (n, copies) bool.

    copies  (n, copies, …), one query each
    labels  (n,) int: the records' true classes

    Raises ValueError for parts that do not fit together.
    """
    copies, labels = np.asarray(copies), np.asarray(labels)
    if copies.ndim < 3 or labels.shape != copies.shape[:1]:
        raise ValueError("copies (n, copies, …) and labels (n,) must fit together, got shapes "
                         f"{copies.shape} and {labels.shape}")
    said = _classes(ask, copies.reshape(-1, *copies.shape[2:]))
    return said.reshape(copies.shape[:2]) == labels[:, None]


def robustness(right: np.ndarray) -> np.ndarray:
    """The log-odds of a right answer to a copy of each record, (n,): larger = further inside.

    right  (n, copies) bool, as `right_answers` gives them

    Half an answer of either kind is added, so that it is finite where all are right. It is to
    labels what `logit` is to posteriors, and whatever takes logits takes it. Raises ValueError for
    what are no bools, one row a record.
    """
    right = np.asarray(right)
    if right.ndim != 2 or right.dtype != bool or 0 in right.shape:
        raise ValueError("right must be bool, (n, copies), got "
                         f"{right.dtype} of shape {right.shape}")
    yes = right.sum(axis=1)
    return np.log(yes + 0.5) - np.log(right.shape[1] - yes + 0.5)


def flips_needed(ask, x: np.ndarray, labels: np.ndarray, *, walks: int = 4,
                 seed: int = 0) -> tuple[np.ndarray, int]:
    """How many entries must be taken away before the answer turns wrong: (n,), and the queries.

    x       (n, …) binary records; the 1s are taken away in a random order, one `walks` times
    labels  (n,) int: the records' true classes

    Along each walk, bisection finds a place where the answer turns: the distance to the boundary
    that others look for in images (Li and Zhang 2021), as a mean over the walks. A record that is
    answered wrongly has the distance 0; one that is right with nothing left, one more than it has
    1s. The second number says how many queries a record took. Raises ValueError for entries that
    are neither 0 nor 1, for fewer than one walk, and for parts that do not fit together.
    """
    x, labels = _binary(x), np.asarray(labels)
    validate.whole(1, walks=walks)
    validate.whole(0, seed=seed)
    if labels.shape != x.shape[:1]:
        raise ValueError(f"labels must have one entry for each of the {len(x)} records, got shape "
                         f"{labels.shape}")
    rng, bought = np.random.default_rng(seed), x == 1
    has = bought.reshape(len(x), -1).sum(axis=1)
    steps = int(np.ceil(np.log2(has.max() + 1)))
    known = _classes(ask, x) == labels
    total = np.zeros(len(x))
    for _ in range(walks):
        coins = np.where(bought, rng.random(x.shape), np.inf)
        first = np.sort(coins.reshape(len(x), -1), axis=1)  # those taken away at first come first
        first = np.column_stack([first, np.full(len(x), np.inf)])
        right, wrong = np.zeros(len(x), int), has + 1  # so many taken away, and what is answered
        for _ in range(steps):
            middle = (right + wrong) // 2
            next_one = first[np.arange(len(x)), middle]
            taken = coins < next_one.reshape(-1, *[1] * (x.ndim - 1))
            holds = _classes(ask, np.where(taken, 0, x).astype(x.dtype)) == labels
            right, wrong = np.where(holds, middle, right), np.where(holds, wrong, middle)
        total += wrong
    return np.where(known, total / walks, 0), 1 + walks * steps


def _classes(ask, x):
    """The classes that a model predicts for records (n, …), (n,)."""
    said = as_numbers(ask(x), "what ask answers")
    if said.shape[:1] != (len(x),) or said.ndim > 2:
        raise ValueError("ask must answer posteriors or one class a record, got shape "
                         f"{said.shape} for {len(x)} records")
    return said.argmax(axis=1) if said.ndim == 2 else said


def _binary(x):
    x = np.asarray(x)
    if x.ndim < 2 or 0 in x.shape or not ((x == 0) | (x == 1)).all():
        raise ValueError("x must be records (n, …) of 0 and 1, got "
                         f"{x.dtype} of shape {x.shape}")
    return x
