"""The cache: one file a set, in the folder `$MLLEAKS_DATA` or else the platform's user cache.

NAME.npz holds `x` (records), `y` (labels from 0, or from 1) and `classes` (their names). Each
reader gives what a `Dataset` is made of, and raises OSError for a file that cannot be read and
ValueError for one that holds something else.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from tqdm import TqdmWarning

from mlleaks_helpers.data.arrays import as_classes, as_labels
from mlleaks_helpers.data.news import read_news
from mlleaks_helpers.data.prepare import one_hot_and_scaled
from mlleaks_helpers.files import load_arrays

with warnings.catch_warnings():  # in a notebook without widgets, tqdm.auto says so on import
    warnings.simplefilter("ignore", TqdmWarning)
    import pooch

LFW_MIN_IMAGES = 40  # "more than 40" in the paper, but its 19 people are those with 40 or more


def folder() -> Path:
    """The cache folder, which need not exist."""
    given = os.environ.get("MLLEAKS_DATA")
    return Path(os.path.expanduser(given or pooch.os_cache("mlleaks")))


def make_folder() -> None:
    """Make the cache folder if it is not there; raises OSError unless it can be written to."""
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder()):
        pass


def read_table(path: Path) -> dict:
    """x, y and classes, as they are."""
    return _fields(load_arrays(path, ("x", "y", "classes"), ()))


def read_bits(path: Path) -> dict:
    """Records of 0 and 1."""
    return _small(read_table(path), 1)


def read_pixels(path: Path) -> dict:
    """Images (n, height, width, channels) on the 0–255 scale."""
    read = _small(read_table(path), 255)
    if read["x"].ndim != 4:
        raise ValueError(f"x has shape {read['x'].shape}: images are (n, height, width, channels)")
    return read


def read_groups(path: Path, k: int, labels: str = "y") -> dict:
    """Baskets of bits in k groups, whose numbers from 0 or 1 the array `labels` holds."""
    arrays = load_arrays(path, ("x", labels), ("classes",) if labels == "y" else ())
    classes = arrays.get("classes", np.arange(1, k + 1))
    if classes.shape != (k,):
        raise ValueError(f"classes has {classes.size} names: the set has {k} groups")
    return _small(_fields({"x": arrays["x"], "y": arrays[labels], "classes": classes}), 1)


def read_faces(path: Path) -> dict:
    """The people with at least 40 images each."""
    read = read_pixels(path)
    y, classes = read["y"], np.array(read["classes"])
    kept = np.flatnonzero(np.bincount(y, minlength=len(classes)) >= LFW_MIN_IMAGES)
    rows = np.isin(y, kept)
    return {"x": read["x"][rows], "y": np.searchsorted(kept, y[rows]), "classes": classes[kept]}


def read_columns(path: Path) -> dict:
    """A table of numbers and numbered categories; `is_categorical` says which is which."""
    arrays = load_arrays(path, ("x", "y", "classes", "is_categorical"), ())
    is_categorical, x = arrays.pop("is_categorical"), arrays["x"]
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise ValueError(f"x is {x.dtype} of shape {x.shape}: give numbers, (n, columns)")
    if is_categorical.shape != x.shape[1:] or is_categorical.dtype != bool:
        raise ValueError(f"is_categorical is {is_categorical.dtype} of shape "
                         f"{is_categorical.shape}: give True or False for each of "
                         f"{x.shape[1]} columns")
    prepare = one_hot_and_scaled(np.flatnonzero(is_categorical))
    return {**_fields(arrays), "x": x.astype(np.float32), "prepare": prepare}


def read_posts(path: Path) -> dict:
    """Texts, without what would give their group away."""
    return dict(zip(("x", "y", "classes"), read_news(path), strict=True))


def _fields(arrays: dict) -> dict:
    x, y, classes = arrays["x"], as_labels(arrays["y"]), np.atleast_1d(arrays["classes"])
    records = len(x) if x.ndim else 0
    if records != len(y) or records == 0:
        raise ValueError(f"x has {records} records and y {len(y)} labels: give one label each")
    if 1 <= y.min() <= y.max() == len(classes):
        y = y - 1
    return {"x": x, "y": y, "classes": as_classes(classes, y)}


def _small(read: dict, largest: int) -> dict:
    """The same with x as uint8, which has to hold whole numbers from 0 to `largest`."""
    x = read["x"]
    numbers = x.dtype.kind in "biuf" and x.size
    if not numbers or x.min() < 0 or x.max() > largest or (
            x.dtype.kind == "f" and not (x % 1 == 0).all()):
        ends = f", from {x.min():g} to {x.max():g}" if numbers else ""
        raise ValueError(f"x is {x.dtype}{ends}: give whole numbers from 0 to {largest}")
    return {**read, "x": x.astype(np.uint8, copy=False)}
