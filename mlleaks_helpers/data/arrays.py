"""What people bring as records, labels and class names, as the arrays that a `Dataset` holds.

One gate: what no model can take is refused here, in one sentence, where the Dataset is made.
"""

import math
from collections import Counter
from collections.abc import Sized
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse

MISSING = ("NoneType", "NAType", "NaTType")  # by name, so that pandas need not be imported


def as_records(x, *, like=None, mixed: bool = False) -> np.ndarray:
    """Records as an array: numbers (n, …), or text (n,) of str, as objects.

    Numbers keep their type; True and False come as uint8, and Python's numbers as float64. `like`
    are the labels, to tell several inputs of one model from records. A table with text in it stays
    as it is if `mixed`, where a `prepare` makes numbers of it. Raises ValueError for everything
    else: missing values, dates, sparse tables, records of different shapes, ….
    """
    columns = getattr(x, "columns", None)
    x = _array("x", x, like)
    if len(x) == 0:
        raise ValueError("x has 0 records: give at least one")
    if x.dtype.kind in "OUST":
        x = _text_or_numbers(x, columns, mixed)
    if x.dtype == object:
        return x
    if x.dtype.kind not in "biuf":
        raise ValueError(f"x is {x.dtype}: {_INSTEAD.get(x.dtype.kind, 'give numbers or text')}")
    if x.dtype == bool:
        x = x.astype(np.uint8)
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        x = x.astype(np.float64)
    if x.ndim == 1:
        raise ValueError(f"x is one number a record, of shape {x.shape}: give x[:, None], a table")
    if x.size == 0:
        raise ValueError(f"x has records of shape {x.shape[1:]}, with nothing in them")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"x has {(~np.isfinite(x)).sum()} values NaN or infinite: remove them")
    return x


def as_labels(y) -> np.ndarray:
    """Labels as int64 (n,); raises ValueError for what is not one integer a record."""
    y = _array("y", y)
    if y.shape == (0,) or (y.dtype == object and all(_is_whole(label) for label in y.flat)):
        y = y.astype(np.int64)
    if y.ndim == 1 and y.dtype.kind in "iu":
        return y.astype(np.int64, copy=False)
    said = f"y is {y.dtype} of shape {y.shape}: give one integer a record"
    if y.ndim == 2 and y.shape[1] == 1:
        said += ", y[:, 0] if y holds them"
    elif y.ndim == 2 and y.dtype.kind in "biuf" and (y.sum(axis=1) == 1).all():
        said += ", y.argmax(axis=1) if its rows are one-hot"
    elif y.ndim == 1 and y.dtype.kind in "bf" and np.isfinite(y).all() and (y % 1 == 0).all():
        said += ", y.astype(int) if these are their numbers"
    elif y.ndim == 1 and y.dtype.kind in "OUST" and all(isinstance(one, str) for one in y):
        said += ", with `classes, y = np.unique(y, return_inverse=True)`"
    elif any(type(label).__name__ in MISSING or label != label for label in y.flat):  # NaN != NaN
        said += "; some are missing"
    raise ValueError(said)


def as_classes(classes, y: np.ndarray) -> tuple[str, ...]:
    """Class names as str; raises ValueError unless each is there once and `y` goes no further.

    A text counts as one letter a class, if it has as many letters as `y` has classes.
    """
    if isinstance(classes, str) and len(classes) != y.max() + 1:
        raise ValueError(f"classes is {classes!r}: give one name a class, as in ('no', 'yes')")
    if isinstance(classes, set | frozenset):
        raise ValueError(f"classes is {classes!r}, a set, which has no order: give a list")
    try:
        names = tuple(map(str, classes))
    except TypeError:
        raise ValueError(f"classes is {classes!r}: give one name a class, "
                         "or range(10) for ten that have none") from None
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"classes has {twice[0]!r} twice: give each class a name of its own")
    if y.min() < 0 or y.max() >= len(names):
        said = (f"y runs from {y.min()} to {y.max()}: with {len(names)} classes, labels go from 0 "
                f"to {len(names) - 1}")
        from_one = 1 <= y.min() <= y.max() == len(names)
        raise ValueError(f"{said}; give y - 1" if from_one else said)
    return names


_INSTEAD = {
    "c": "give real numbers, such as its real and imaginary parts as columns of their own",
    "M": "give numbers, such as the days since a date",
    "m": "give numbers, such as x / np.timedelta64(1, 'D')",
    "V": "give a plain table, with numpy.lib.recfunctions.structured_to_unstructured(x)",
    "S": "give str, with np.char.decode(x)",
}


def _array(name: str, values, like=None) -> np.ndarray:
    if issparse(values):
        raise ValueError(f"{name} is sparse, a {type(values).__name__}: give {name}.toarray()")
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has {np.ma.count_masked(values)} masked values: fill or remove "
                         "them")
    if like is not None and isinstance(values, list | tuple):
        inputs = [part for part in values if hasattr(part, "shape")]
        if 0 < len(values) == len(inputs) != len(like) and all(
                np.shape(part)[:1] == np.shape(like)[:1] for part in inputs):
            raise ValueError(f"{name} is a list of {len(values)} arrays of {len(like)} records: a "
                             "model here has one input, so give one array (np.hstack joins tables)")
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
            array = np.asarray(values, dtype=object)  # numbers beside text stay numbers
    except (ValueError, TypeError, RuntimeError) as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{name} has records of different shapes: pad or cut them to one"
                             ) from None
        raise ValueError(f"{name} is a {type(values).__name__} that NumPy makes no array of "
                         f"({error})") from error
    if array.ndim == 0:
        how = f" (list({name}))" if hasattr(values, "__next__") else ""
        kind = type(values).__name__ if not isinstance(values, Sized) else (
            f"{type(values).__name__} of {len(values)}")
        raise ValueError(f"{name} is a {kind}: give an array, one entry a record{how}")
    return array


def _text_or_numbers(x: np.ndarray, columns, mixed: bool) -> np.ndarray:
    """Text as it is, and numbers that came as Python objects as numbers."""
    if x.dtype.kind == "S":
        raise ValueError(f"x is {x.dtype}: {_INSTEAD['S']}")
    x = x.astype(object, copy=False)
    if x.ndim == 1 and any(isinstance(record, str) for record in x):
        odd = [i for i, record in enumerate(x) if not isinstance(record, str)]
        if odd:
            raise ValueError(f"x is text, and record {odd[0]} is {x[odd[0]]!r}: give only str")
        return x
    if x.ndim == 1 and any(isinstance(record, Sized) for record in x):
        arrays = all(isinstance(record, np.ndarray | list | tuple) for record in x)
        how = "give all one shape, in one array" if arrays else "give numbers or str"
        if arrays and len({getattr(record, "shape", (len(record),)) for record in x}) == 1:
            how = "np.stack(x) makes one array of them"
        raise ValueError(f"x is an array of objects such as {type(x[0]).__name__}: {how}")
    kinds = _kinds(x, columns, mixed)
    if any(issubclass(kind, str) for kind in kinds):
        return x
    return x.astype(bool if kinds <= {bool, np.bool_} else np.float64)


def _kinds(x: np.ndarray, columns, mixed: bool) -> set[type]:
    """The types of the values of a table, which are numbers or, if `mixed`, text."""
    table, kinds, n_missing = x.reshape(len(x), -1), set(), 0
    for number in range(table.shape[1]):
        column = table[:, number]
        which = f"column {number if columns is None else repr(columns[number])}"
        for kind in {type(value) for value in column}:
            if issubclass(kind, str) and not mixed:
                raise ValueError(
                    f"x has text in {which}: give numbers, or with it a `prepare` that makes "
                    "numbers of it, such as a ColumnTransformer with a OneHotEncoder")
            if not issubclass(kind, str | Real | Decimal | np.bool_) and (
                    kind.__name__ not in MISSING):
                raise ValueError(f"x has values of type {kind.__name__} in {which}: give numbers")
            kinds.add(kind)
        n_missing += sum(map(_is_missing, column))
    if n_missing:
        raise ValueError(f"x has {n_missing} values missing, NaN or infinite: remove or fill them")
    return kinds


def _is_missing(value) -> bool:
    if type(value).__name__ in MISSING:
        return True
    try:
        return isinstance(value, Real | Decimal) and not math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return True


def _is_whole(label) -> bool:
    return isinstance(label, Integral) and not isinstance(label, bool | np.bool_)
