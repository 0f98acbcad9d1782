"""Preparing records for a model: scikit-learn transformers to dense float32."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class PerPixel(TransformerMixin, BaseEstimator):
    """Standardise each pixel by its mean and standard deviation over the records fitted on.

    The standard deviation counts as at least `min_std` on the scale of the raw pixels, so that a
    pixel that hardly ever changes is centred but not blown up, as in the paper's released code.
    Takes and gives (n, height, width, channels); gives float32.
    """

    def __init__(self, min_std: float = 1.0):
        self.min_std = min_std

    def fit(self, x: np.ndarray, y: object = None) -> "PerPixel":
        self.mean_ = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.std_ = x.std(axis=0, dtype=np.float64).clip(min=self.min_std).astype(np.float32)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        if x.shape[1:] != self.mean_.shape:
            raise ValueError(f"x has records of shape {x.shape[1:]}: fitted on {self.mean_.shape}")
        return (x - self.mean_) / self.std_


def _float32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


def _dense(x: np.ndarray) -> np.ndarray:
    return x.toarray()
