"""Who is exposed: one number for each record, from what many models or many epochs say of it.

NumPy and scikit-learn only. Larger = more exposed.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.lira import shrunk_variance
from mlleaks_helpers.attacks.population import finite
from mlleaks_helpers.attacks.references import References
from mlleaks_helpers.observation import as_numbers

LEAST_MODELS = {"shrunk": 1, "own": 2}


def exposure(references: References, *, variance: str = "shrunk") -> np.ndarray:
    """How far apart the models with a record and those without it answer, (n,).

    |mean with − mean without| / (their standard deviations together), of the logits (Carlini et
    al. 2022, Section VII-B).

    variance  each record's "own", as there; or "shrunk" towards that of all records, as `lira`
              has it: with few models a tiny one is mostly luck

    Raises ValueError for an unknown `variance`, and for a record that too few models have, or
    too few have not: two each for its own variance, or else one.
    """
    if variance not in LEAST_MODELS:
        raise ValueError(f"variance is {variance!r}: known are {', '.join(LEAST_MODELS)}")
    inside, outside = references.moments(True), references.moments(False)
    fewest, least = np.minimum(inside.count, outside.count), LEAST_MODELS[variance]
    if fewest.min() < least:
        record = np.argmin(fewest)
        raise ValueError(f"record {record} is in {inside.count[record]} of {len(references)} "
                         f"references: at least {least} must have been trained on it, and {least} "
                         "not")
    spread = sum(np.sqrt(_variance(side, variance)) for side in (inside, outside))
    return np.abs(inside.mean - outside.mean) / np.maximum(spread, 1e-6)


def _variance(side, variance):
    return shrunk_variance(side)[0] if variance == "shrunk" else side.squares / (side.count - 1)


def unrest(losses: np.ndarray) -> np.ndarray:
    """How much a record's loss moved in training: the middle half of its trace, (n,).

    losses  (epochs, n): each member's loss after each epoch

    The third quartile less the first (LT-IQR, Pollock et al. 2025). It costs one training, which
    is the target's own. Raises ValueError for fewer than two epochs, and for losses that are not
    finite.
    """
    losses = as_numbers(losses, "losses")
    if losses.ndim != 2 or len(losses) < 2 or not np.isfinite(losses).all():
        raise ValueError("losses must be finite, at least two epochs by the records, got shape "
                         f"{losses.shape}")
    first, third = np.quantile(losses, [0.25, 0.75], axis=0)
    return third - first


def shapley(features: np.ndarray, labels: np.ndarray, test_features: np.ndarray,
            test_labels: np.ndarray, *, k: int = 5) -> np.ndarray:
    """What each training record is worth to a vote of the k nearest, (n,): its Shapley value.

    features  (n, columns) of the training records, (m, columns) of the test records, such as what
              a model's last hidden layer makes of them
    labels    (n,) and (m,) int

    Exact, by the recursion of Jia et al. 2019 from the farthest neighbour to the nearest, and the
    mean over the test records (as in SHAPr, Duddu et al. 2022). Raises ValueError for a `k` below
    1 or above n, and for parts that do not fit together.
    """
    features, test_features = np.asarray(features, float), np.asarray(test_features, float)
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    n, shapes = len(features), (features.shape, labels.shape, test_features.shape,
                                test_labels.shape)
    if features.ndim != 2 or features.shape[1:] != test_features.shape[1:] or (
            labels.shape != (n,) or test_labels.shape != (len(test_features),)):
        raise ValueError("features (n, columns), labels (n,), and those of the test records, must "
                         f"fit together, got shapes {shapes}")
    validate.whole(1, k=k)
    validate.between(1, n, k=k)
    order = NearestNeighbors(n_neighbors=n, algorithm="brute").fit(features).kneighbors(
        test_features, return_distance=False)
    right = (labels[order] == test_labels[:, None]).astype(float)
    rank = np.arange(1, n)
    steps = (right[:, :-1] - right[:, 1:]) * np.minimum(k, rank) / (k * rank)
    last = right[:, -1:] / n
    values = np.hstack([np.cumsum(steps[:, ::-1], axis=1)[:, ::-1] + last, last])
    worth = np.zeros(n)
    np.add.at(worth, order, values)
    return worth / len(test_features)


def overlap(one: np.ndarray, other: np.ndarray, *, top: int = 50) -> float:
    """How far two attacks name the same people: of the `top` of both together, the share in both.

    one, other  (n,) scores of the same records

    1 where they agree, 0 where nobody is named twice (Jaccard). Raises ValueError for unequal
    lengths, for scores that are not finite, and for a `top` below 1 or above n.
    """
    one, other = finite(one, "one"), finite(other, "other")
    if one.shape != other.shape:
        raise ValueError(f"one and other must score the same records, got shapes {one.shape} and "
                         f"{other.shape}")
    validate.whole(1, top=top)
    validate.between(1, len(one), top=top)
    named = [set(np.argsort(-scores, kind="stable")[:top].tolist()) for scores in (one, other)]
    return len(named[0] & named[1]) / len(named[0] | named[1])
