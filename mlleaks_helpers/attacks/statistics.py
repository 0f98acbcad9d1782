"""One number for each record, and the features that attack models look at."""

import numpy as np
from scipy.special import entr, xlog1py

from mlleaks_helpers import validate

TINY = 1e-46  # below every posterior of 32 bits but 0
NEXT_TO_ONE = 0.999


def top_posteriors(posteriors: np.ndarray, k: int = 3) -> np.ndarray:
    """The k largest posteriors of each record, high to low: (n, classes) → (n, k).

    Which class they belong to is forgotten, so one attack model fits targets with any number of
    classes. A model with fewer than k classes has no further posteriors: those columns are 0.
    (ML-Leaks, Section III-B.) Raises ValueError for k below 1.
    """
    validate.whole(1, k=k)
    top = np.sort(posteriors, axis=1)[:, ::-1][:, :k]
    return np.pad(top, ((0, 0), (0, k - top.shape[1])))


def logit(posteriors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """log p_y − log Σ p_i over the other classes i ≠ y, for each record's label y, (n,) float64.

    It is computed from the other posteriors: in the 32 bits of a model's answer p_y often rounds
    to 1, and they still tell how near. (The score of Carlini et al. 2022, Section VI.) Finite
    also where p_y or all the others are 0; at most 106 and at least −106 then.
    """
    right, others = _right_and_others(posteriors, labels)
    return np.log(np.maximum(right, TINY)) - np.log(np.maximum(others, TINY))


def _right_and_others(posteriors, labels):
    """The posterior of each record's label, and the sum of all the others."""
    others = np.array(posteriors, float)
    rows = np.arange(len(others))
    right = others[rows, labels]
    others[rows, labels] = 0
    return right, others.sum(axis=1)


def _maximum(posteriors, labels):
    """The largest posterior; next to 1, 1 minus the others, which do not round to 0.

    Where even that is 1 in 64 bits, a little above 1 (less than 1e-10) keeps the order.
    """
    top, others = _right_and_others(posteriors, np.argmax(posteriors, axis=1))
    near = 1 - others / (top + others)
    beyond = 1e-12 * np.log10(1e-16 / np.clip(others, TINY, 1e-16))
    return np.where(top < NEXT_TO_ONE, top, near + np.where(near == 1, beyond, 0))


def _log_likelihood(posteriors, labels):
    return -np.logaddexp(0, -logit(posteriors, labels))


def _modified_entropy(posteriors, labels):
    right, _ = _right_and_others(posteriors, labels)
    others = np.array(posteriors, float)
    others[np.arange(len(labels)), labels] = 0
    surprise = np.maximum(xlog1py(others, -np.minimum(others, 1)), np.log(TINY))
    return (1 - right) * np.log(np.maximum(right, TINY)) + surprise.sum(axis=1)


STATISTICS = {
    "maximum": _maximum,
    "deviation": lambda posteriors, labels: posteriors.std(axis=1),
    "entropy": lambda posteriors, labels: -entr(posteriors).sum(axis=1),
    "loss": _log_likelihood,
    "modified entropy": _modified_entropy,
    "gap": lambda posteriors, labels: (np.argmax(posteriors, axis=1) == labels).astype(float),
}
WITHOUT_LABEL = ("maximum", "deviation", "entropy")
