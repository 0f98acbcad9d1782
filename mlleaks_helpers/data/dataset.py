"""Labelled records, and the paper's four parts of them."""

import operator
from dataclasses import dataclass, field

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from mlleaks_helpers.data import shoppers
from mlleaks_helpers.data.prepare import _float32


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
