"""Values as bytes, and back: what a submission may be given, and all that it can give back.

A message is one line of JSON and the raw numbers of its arrays. Nothing in it is ever executed,
unpickled or unpacked, so reading one takes as much memory as it has bytes, a small multiple at
most. This file stands alone: it runs on both sides, beside code that nobody trusts.
"""

import dataclasses
import json
import math

import numpy as np

LONGEST = 64 * 2**20  # bytes of one message
DEEPEST = 8
KINDS = "biufU"  # truth values, whole numbers, floats and text
REAL = (bool, int, float)


def encode(value) -> bytes:
    """A value as bytes: numbers, text, None, arrays of numbers or text, and tuples, lists and dicts
    with text as keys of these. A dataclass crosses as the tuple of its fields, a data frame's
    column as its array. Raises TypeError for anything else, ValueError for what is too long.
    """
    arrays = []
    line = json.dumps(_tree(value, arrays, 0)).encode()
    made = b"".join([line, b"\n", *(array.tobytes() for array in arrays)])
    if len(made) > LONGEST:
        raise ValueError(f"a value must take at most {LONGEST >> 20} MB, got {len(made) >> 20}")
    return made


def decode(message: bytes):
    """The value that `encode` made that of. Raises ValueError for every other message."""
    if len(message) > LONGEST:
        raise ValueError("the message is too long")
    line, end, rest = message.partition(b"\n")
    try:
        if not end:
            raise ValueError("the message has no end of line")
        value, left = _value(json.loads(line), memoryview(rest), 0)
    except (KeyError, TypeError, RecursionError, OverflowError, UnicodeError) as error:
        raise ValueError(f"not a message: {type(error).__name__}") from None
    if len(left):
        raise ValueError("the message is longer than it says")
    return value


def _tree(value, arrays, depth):
    if depth > DEEPEST:
        raise ValueError(f"a value must be nested at most {DEEPEST} deep")
    if value is None or type(value) in (*REAL, str):
        return {"one": value}
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise TypeError("a dict must have text as keys")
        return {"dict": {key: _tree(one, arrays, depth + 1) for key, one in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    if isinstance(value, (tuple, list)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_tree(one, arrays, depth + 1) for one in value]}
    if not (isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__")):
        raise TypeError(f"a value of type {type(value).__name__} cannot be judged; return numbers, "
                        "text, arrays, or tuples of these")
    array = np.asarray(value)
    if array.dtype.kind not in KINDS:
        raise TypeError(f"an array must hold numbers, truth values or text, got {array.dtype}")
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(array.shape)
    arrays.append(array)
    return {"array": array.dtype.str, "shape": list(array.shape)}


def _value(tree, rest, depth):
    """The value of that tree, and what is left of the numbers."""
    if depth > DEEPEST or not isinstance(tree, dict):
        raise ValueError("not a message")
    if "array" in tree:
        return _array(tree["array"], tree["shape"], rest)
    (kind, inner), = tree.items()
    if kind == "one":
        if inner is not None and not isinstance(inner, (*REAL, str)):
            raise ValueError("not a message")
        return inner, rest
    if kind not in ("dict", "list", "tuple"):
        raise ValueError(f"not a message: {kind!r}")
    found = []
    for one in inner.values() if kind == "dict" else inner:
        value, rest = _value(one, rest, depth + 1)
        found.append(value)
    return (dict(zip(inner, found, strict=True)) if kind == "dict" else
            found if kind == "list" else tuple(found)), rest


def _array(name, shape, rest):
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.kind not in KINDS or (dtype.itemsize == 0 and dtype.kind != "U"):
        raise ValueError(f"not a message: an array of {name!r:.40}")
    if not (isinstance(shape, list) and len(shape) <= 16
            and all(type(side) is int and side >= 0 for side in shape)):
        raise ValueError("not a message: a shape is whole numbers")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size > len(rest) or max(shape, default=0) > LONGEST:
        raise ValueError("the message is shorter than it says")
    numbers = np.frombuffer(bytes(rest[:size]), dtype) if size else np.zeros(count, dtype)
    return numbers.reshape(shape).copy(), rest[size:]
