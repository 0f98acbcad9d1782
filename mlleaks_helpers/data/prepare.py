"""Preparing records for a model: scikit-learn transformers to dense float32."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted

from mlleaks_helpers.validate import positive


class PerPixel(TransformerMixin, BaseEstimator):
    """Standardise each pixel by its mean and standard deviation over the records fitted on.

    The standard deviation counts as at least `min_std` on the scale of the raw pixels, so that a
    pixel that hardly ever changes is centred but not blown up, as in the paper's released code.
    Takes and gives (n, height, width, channels); gives float32. Raises ValueError if `min_std` is
    not positive, or for records of another shape than those fitted on.
    """

    def __init__(self, min_std: float = 1.0):
        self.min_std = min_std

    def fit(self, x: np.ndarray, y: object = None) -> "PerPixel":
        positive(min_std=self.min_std)
        self.mean_ = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.std_ = x.std(axis=0, dtype=np.float64).clip(min=self.min_std).astype(np.float32)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        if x.shape[1:] != self.mean_.shape:
            raise ValueError(f"x has records of shape {x.shape[1:]}: fitted on {self.mean_.shape}")
        return ((x - self.mean_) / self.std_).astype(np.float32, copy=False)


def as_they_are() -> FunctionTransformer:
    """The transformer that changes nothing but the type: to float32."""
    return FunctionTransformer(_float32)


def centred_tfidf() -> Pipeline:
    """Texts to dense TF-IDF vectors whose columns have mean 0."""
    return make_pipeline(TfidfVectorizer(dtype=np.float32), FunctionTransformer(_dense),
                         StandardScaler(with_std=False))


def one_hot_and_scaled(categorical: np.ndarray) -> ColumnTransformer:
    """The columns whose numbers are given as one-hot blocks, then the others standardised.

    A category that is not among the records fitted on becomes zeros.
    """
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    return make_column_transformer((one_hot, categorical), remainder=StandardScaler())


def check_prepare(prepare):
    """Give `prepare` back; raise ValueError unless a clone of it can be fitted on an array."""
    said = f"prepare is {prepare!r}"
    if isinstance(prepare, type):
        raise ValueError(f"{said}, a class: give an object, {prepare.__name__}()")
    if not all(hasattr(prepare, name) for name in ("fit", "transform", "get_params")):
        raise ValueError(f"{said}: give a scikit-learn transformer, with fit, transform and "
                         "get_params (FunctionTransformer makes one of a function)")
    for part in (prepare, *prepare.get_params().values()):
        if isinstance(part, ColumnTransformer):
            for _, _, columns in part.transformers:
                if any(isinstance(one, str) for one in np.atleast_1d(columns)):
                    raise ValueError(f"prepare names columns, {columns!r}: records are arrays, so "
                                     "give the columns' numbers")
    return prepare


def fit_prepare(prepare, x: np.ndarray) -> tuple[object, np.ndarray]:
    """Fit a clone of `prepare` on records (n, …): the fitted one, and their table (n, …) float32.

    `prepare` itself stays unfitted. Raises ValueError in one sentence if it cannot take these
    records, or gives anything but one dense row of finite numbers for each.
    """
    fitted = clone(check_prepare(prepare))
    return fitted, _table(fitted, fitted.fit_transform, x)


def apply(fitted, x: np.ndarray) -> np.ndarray:
    """Records (n, …) through what `fit_prepare` gave: a table (n, …) float32; raises as it does."""
    return _table(fitted, fitted.transform, x)


def _table(prepare, transform, x: np.ndarray) -> np.ndarray:
    said = f"prepare, a {type(prepare).__name__},"
    try:
        table = transform(x)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        if x.ndim == 1 and getattr(prepare, "func", None) is _float32:
            raise ValueError("x is text, and the Dataset has no prepare: give it one that makes "
                             f"numbers of text, {DENSE}") from None
        raise ValueError(f"{said} cannot take x, {x.dtype} of shape {x.shape} "
                         f"({type(error).__name__}: {error})") from error
    if issparse(table):
        raise ValueError(f"{said} gives a sparse table: end it with a step that makes it dense, "
                         f"{DENSE} (or, in OneHotEncoder, sparse_output=False)")
    table = np.asarray(table)
    if len(x) != len(table) or table.ndim < 2 or table.size == 0:
        raise ValueError(f"{said} makes shape {table.shape} of {len(x)} records: it must give one "
                         "row of numbers each")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            table = table.astype(np.float32, copy=False)
            finite = np.isfinite([table.min(), table.max()]).all()  # both pass on a NaN
    except (ValueError, TypeError):
        raise ValueError(f"{said} leaves {table.dtype} values that are no numbers") from None
    if not finite:
        raise ValueError(f"{said} gives values that are NaN, infinite or too large for float32")
    return table


DENSE = ("such as make_pipeline(TfidfVectorizer(), "
         "FunctionTransformer(lambda table: table.toarray()))")


def _float32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


def _dense(x: np.ndarray) -> np.ndarray:
    return x.toarray()
