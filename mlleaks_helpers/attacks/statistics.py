"""One number for each record, and the features that attack models look at."""

import numpy as np
from scipy.special import entr, xlog1py


def top_posteriors(posteriors: np.ndarray, k: int = 3) -> np.ndarray:
    """The k largest posteriors of each record, high to low: (n, classes) → (n, k).

    Which class they belong to is forgotten, so one attack model fits targets with any number of
    classes. A model with fewer than k classes has no further posteriors: those columns are 0.
    (ML-Leaks, Section III-B.) Raises ValueError for k below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    top = np.sort(posteriors, axis=1)[:, ::-1][:, :k]
    return np.pad(top, ((0, 0), (0, k - top.shape[1])))

TINY = 1e-30


def _log_likelihood(posteriors, labels):
    return np.log(np.maximum(_of_label(posteriors, labels), TINY))


def _modified_entropy(posteriors, labels):
    right, others = _of_label(posteriors, labels), posteriors.copy()
    others[np.arange(len(labels)), labels] = 0
    surprise = np.maximum(xlog1py(others, -np.minimum(others, 1)), np.log(TINY))
    return (1 - right) * np.log(np.maximum(right, TINY)) + surprise.sum(axis=1)


def _of_label(posteriors, labels):
    return posteriors[np.arange(len(labels)), labels]

STATISTICS = {
    "maximum": lambda posteriors, labels: posteriors.max(axis=1),
    "deviation": lambda posteriors, labels: posteriors.std(axis=1),
    "entropy": lambda posteriors, labels: -entr(posteriors).sum(axis=1),
    "loss": _log_likelihood,
    "modified entropy": _modified_entropy,
}
WITHOUT_LABEL = ("maximum", "deviation", "entropy")
