"""Values as bytes, and back: what a submission may be given, and all that it can give back.

A message is one line of JSON and the raw numbers of its arrays. Nothing in it is ever executed,
unpickled or unpacked, and both parts have a longest length, so that reading one takes little
memory, whoever wrote it. This file stands alone: it runs on both sides of the walls.
"""

import dataclasses
import json
import math
import re

import numpy as np

LONGEST = 64 * 2**20    # bytes of one message
LONGEST_LINE = 8 * 2**20
DEEPEST = 8
HEAD = 8                # bytes that say how long a message is
NAMES = 60              # characters of a name that a stranger wrote
KINDS = "biufU"         # truth values, whole numbers, floats and text
DTYPE = re.compile(r"[<|][biufU]\d{1,9}")
SINGLE = (bool, int, float, str, type(None))


def encode(value) -> bytes:
    """A value as bytes: numbers, text, None, arrays of numbers or text, and tuples, lists and dicts
    with text as keys of these. A dataclass crosses as the tuple of its fields, a data frame's
    column as its array. Raises TypeError for anything else, ValueError for what is too long.
    """
    arrays = []
    line = json.dumps(_tree(value, arrays, 0)).encode()
    size = len(line) + sum(array.nbytes for array in arrays)
    for one, most, hint in ((size, LONGEST - 1, ""), (len(line), LONGEST_LINE, " outside arrays")):
        if one > most:
            raise ValueError(f"a value must take less than {most / 2**20:.0f} MB{hint}, got "
                             f"{one / 2**20:.0f} MB")
    return b"".join([line, b"\n", *(array.tobytes() for array in arrays)])


def decode(message: bytes):
    """The value that `encode` made that of. Raises ValueError for every other message."""
    line, end, rest = message.partition(b"\n")
    if len(message) > LONGEST or len(line) > LONGEST_LINE:
        raise ValueError("the message is too long")
    try:
        if not end:
            raise ValueError("the message has no end of line")
        value, left = _value(json.loads(line), memoryview(rest), 0)
    except (KeyError, TypeError, RecursionError, OverflowError, UnicodeError) as error:
        raise ValueError(f"not a message: {type(error).__name__}") from None
    if len(left):
        raise ValueError("the message is longer than it says")
    return value


def said(error: BaseException, longest: int = 300) -> str:
    """An exception in one short line, whatever its own methods do."""
    kind = type(error).__name__[:NAMES]
    try:
        text = " ".join(str(error)[:longest].split())
    except BaseException:
        text = "(its message cannot be read)"
    return f"{kind}: {text}" if text else kind


def _tree(value, arrays, depth):
    if depth > DEEPEST:
        raise ValueError(f"a value must be nested at most {DEEPEST} deep")
    if type(value) in SINGLE:
        return value
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
    if array.nbytes >= LONGEST:
        raise ValueError(f"an array must take less than {LONGEST >> 20} MB, got "
                         f"{array.nbytes >> 20} MB")
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(array.shape)
    arrays.append(array)
    return {"array": array.dtype.str, "shape": list(array.shape)}


def _value(tree, rest, depth):
    """The value of that tree, and what is left of the numbers."""
    if isinstance(tree, SINGLE):
        return tree, rest
    if depth > DEEPEST or not isinstance(tree, dict):
        raise ValueError("not a message")
    if "array" in tree:
        return _array(tree["array"], tree["shape"], rest)
    (kind, inner), = tree.items()
    if kind not in ("dict", "list", "tuple") or isinstance(inner, dict) != (kind == "dict") \
            or isinstance(inner, str):
        raise ValueError(f"not a message: {kind!r:.40}")
    found = []
    for one in inner.values() if kind == "dict" else inner:
        value, rest = _value(one, rest, depth + 1)
        found.append(value)
    return (dict(zip(inner, found, strict=True)) if kind == "dict" else
            found if kind == "list" else tuple(found)), rest


def _array(name, shape, rest):
    if not (isinstance(name, str) and DTYPE.fullmatch(name) and np.dtype(name).itemsize):
        raise ValueError(f"not a message: an array of {name!r:.40}")
    dtype = np.dtype(name)
    if not (isinstance(shape, list) and len(shape) <= 16
            and all(type(side) is int and 0 <= side <= LONGEST for side in shape)):
        raise ValueError("not a message: a shape is whole numbers")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size > len(rest):
        raise ValueError("the message is shorter than it says")
    numbers = np.frombuffer(bytes(rest[:size]), dtype) if size else np.zeros(count, dtype)
    return numbers.reshape(shape).copy(), rest[size:]
