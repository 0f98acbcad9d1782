"""Labelled records, and the paper's four parts of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from mlleaks_helpers.data.arrays import as_classes, as_labels, as_records
from mlleaks_helpers.data.prepare import as_they_are, check_prepare
from mlleaks_helpers.validate import whole


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled records, and the way to prepare them for a model.

    x          (n, …) numbers (images: height, width, channels, as uint8); (n,) str for text.
               A pandas table is taken as its values, True and False as uint8
    y          (n,) integers from 0 to len(classes) - 1
    classes    the class names
    prepare    an unfitted scikit-learn transformer to dense numbers: a clone of it is fitted on a
               model's training part only, and every record the model is asked about passes through
               that one (default: the records as they are)
    simulated  True if no real person or thing is behind the records
    largest    of uint8 records, the largest value that a pixel or bit can have; by default 1 where
               no record has a larger one, else 255

    Parts, joined parts and copies with `dataclasses.replace` keep what is not changed. Raises
    ValueError for records that no model can take, labels that are not one integer a record in
    range, class names that are not told apart, and a `prepare` that is no transformer.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    prepare: object = None
    simulated: bool = False
    largest: int | None = None

    def __post_init__(self) -> None:
        mixed = self.prepare is not None
        prepare = check_prepare(self.prepare) if mixed else as_they_are()
        y = as_labels(self.y)
        x = as_records(self.x, like=y, mixed=mixed)
        if len(x) != len(y):
            raise ValueError(f"x has {len(x)} records and y {len(y)} labels: give one label each")
        checked = {"x": x, "y": y, "classes": as_classes(self.classes, y), "prepare": prepare,
                   "largest": _largest(x, self.largest)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        simulated = "simulated, " if self.simulated else ""
        shape = "×".join(map(str, self.x.shape[1:])) or "text"
        return f"<{self.name}: {simulated}{len(self):,} × {shape}, {len(self.classes)} classes>"

    def take(self, index: np.ndarray) -> "Dataset":
        """The rows at `index` (integers, a slice or a boolean mask), all else unchanged."""
        return replace(self, x=self.x[index], y=self.y[index])


def _largest(x: np.ndarray, given: int | None) -> int | None:
    if x.dtype != np.uint8:
        return None
    found = int(x.max())
    if given is None:
        return 1 if found <= 1 else 255
    whole(1, largest=given)
    if not found <= given <= 255:
        raise ValueError(f"largest is {given}, and x has values up to {found}: give a number from "
                         f"{max(found, 1)} to 255")
    return int(given)


def join(parts: Iterable[Dataset]) -> Dataset:
    """Parts of one set as one Dataset, one below the other.

    Raises ValueError if there are none, or if they differ in more than their records and labels
    (`dataclasses.replace(part, name=…)` gives a part another name).
    """
    parts = list(parts)
    if not parts:
        raise ValueError("parts is empty: give at least one Dataset")
    first, *others = parts
    for other in others:
        for field in ("name", "classes", "simulated", "largest"):
            a, b = getattr(first, field), getattr(other, field)
            if a != b:
                raise ValueError(f"parts differ in {field}: {a!r} and {b!r}")
        if not _same(first.prepare, other.prepare):
            raise ValueError(f"parts differ in prepare: {first.prepare!r} and {other.prepare!r}")
        if (first.x.shape[1:], first.x.dtype) != (other.x.shape[1:], other.x.dtype):
            raise ValueError(f"parts differ in their records: {first.x.dtype} of shape "
                             f"{first.x.shape[1:]} and {other.x.dtype} of {other.x.shape[1:]}")
    return replace(first, x=np.concatenate([part.x for part in parts]),
                   y=np.concatenate([part.y for part in parts]))


def _same(a, b) -> bool:
    return a is b or (type(a) is type(b) and repr(a.get_params()) == repr(b.get_params()))


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


def deal(dataset: Dataset, *, size: int | None = None, seed: int = 0) -> np.ndarray:
    """The rows of the four parts that `split` makes: (4, size) integers, no two alike."""
    whole(0, seed=seed)
    largest = len(dataset) // 4
    if largest == 0:
        raise ValueError(f"dataset has {len(dataset)} records: four parts need at least 4")
    size = largest if size is None else size
    if size not in range(1, largest + 1):
        raise ValueError(
            f"size is {size}: {dataset.name} has {len(dataset)} records, "
            f"so each of the four parts can have from 1 to {largest}"
        )
    whole(1, size=size)
    order = np.random.default_rng(seed).permutation(len(dataset))
    return order[: 4 * size].reshape(4, size)


def split(dataset: Dataset, *, size: int | None = None, seed: int = 0) -> Split:
    """Shuffle the records and deal them into four disjoint parts of `size` records each.

    By default the parts are as large as can be, `len(dataset) // 4`; of a data set whose length
    is no multiple of four, the last one to three shuffled records stay unused. Raises ValueError
    if `size` is below 1 or too large, or `seed` no whole number from 0.
    """
    return Split(*(dataset.take(part) for part in deal(dataset, size=size, seed=seed)))


def random_records(dataset: Dataset, count: int = 1_000, *, seed: int = 0) -> np.ndarray:
    """Records of noise, (count, …) uint8, in the shape of `dataset`'s: uniform pixels, or a fair
    coin for each bit.

    Pixels go from 0 to `dataset.largest`, whatever the records at hand. They are what adversary 3
    asks to find a threshold (Section V-B). Raises ValueError for text and for columns of mixed
    kinds: what a random one looks like, nobody can say.
    """
    whole(1, count=count)
    whole(0, seed=seed)
    if dataset.x.dtype != np.uint8:
        raise ValueError(f"dataset is {dataset.name}, with records of {dataset.x.dtype}: random "
                         "records are defined for pixels and bits (uint8) only")
    shape = (count, *dataset.x.shape[1:])
    return np.random.default_rng(seed).integers(dataset.largest + 1, size=shape, dtype=np.uint8)
