"""Values as bytes: they come back, and nothing else is taken for one."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from course import wire


def again(value):
    return wire.decode(wire.encode(value))


@pytest.mark.parametrize("value", [
    None, True, 7, -1.5, "text\n", "", [], (), {}, [1, [2, (3, {"a": None})]],
    (1, "a", [True], {"key": 2.5}), float("inf"), 10**40])
def test_plain_values_come_back(value):
    assert again(value) == value and type(again(value)) is type(value)


@pytest.mark.parametrize("array", [
    np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.arange(9)[::-2], np.zeros((0, 3)),
    np.array(3.5), np.array([True, False]), np.array(["a", "longer"]), np.float32(2),
    np.arange(3, dtype=">i4"), np.zeros((2, 0), np.uint8), np.array([np.nan, 1]), np.zeros(0, "U3"),
], ids=repr)
def test_arrays_come_back(array):
    found = again(array)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.asarray(array).dtype.newbyteorder("=") and found.flags.writeable


def test_arrays_do_not_get_mixed_up():
    value = {"a": np.arange(3), "b": (np.ones((2, 2)), [np.array("x"), 5]), "c": np.int64(9)}
    found = again(value)
    assert found["a"].tolist() == [0, 1, 2] and found["b"][0].shape == (2, 2)
    assert found["b"][1][0] == "x" and found["c"] == 9


def test_columns_and_dataclasses_cross():
    @dataclasses.dataclass
    class Pair:
        low: float
        high: np.ndarray

    assert again(pd.Series([1, 2])).tolist() == [1, 2]
    low, high = again(Pair(1, np.arange(2)))
    assert low == 1 and high.tolist() == [0, 1]


@pytest.mark.parametrize("value", [object(), {1}, 1j, b"bytes", np.zeros(1, object),
                                   np.zeros(1, "V3"), np.datetime64("2026-01-01"), {1: 2}, int])
def test_nothing_else_can_be_sent(value):
    with pytest.raises(TypeError):
        wire.encode(value)


def test_what_is_too_long_or_deep_cannot_be_sent():
    deep = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        wire.encode(deep)
    with pytest.raises(ValueError, match="64 MB"):
        wire.encode(np.zeros(wire.LONGEST, np.uint8))
    with pytest.raises(ValueError, match="64 MB"):
        wire.encode([np.zeros(wire.LONGEST // 3, np.uint8)] * 4)
    with pytest.raises(ValueError, match="outside arrays"):
        wire.encode("x" * (wire.LONGEST_LINE + 1))


def line(tree, rest=b""):
    return json.dumps(tree).encode() + b"\n" + rest


@pytest.mark.parametrize("message", [
    b"", b"\n", b"no JSON\n", b"3", line(3, b"more"), line([1]), line({}),
    line({"list": [1], "x": 2}),
    line({"other": 1}), line({"list": "ab"}), line({"list": {"a": 1}}), line({"dict": [1]}),
    line({"list": 3}), line({"array": "<f8"}), line({"array": "<f8", "shape": [2]}, b"8" * 15),
    line({"array": "<f8", "shape": [1]}, b"8" * 9), line({"array": "<f8", "shape": [-1]}, b"8" * 8),
    line({"array": "<f8", "shape": [1.0]}, b"8" * 8),
    line({"array": "<f8", "shape": [True]}, b"8" * 8),
    line({"array": "<f8", "shape": 1}, b"8" * 8), line({"array": "|O8", "shape": [1]}, b"8" * 8),
    line({"array": "<U0", "shape": [2**26]}), line({"array": "<f8", "shape": [2**40, 0]}),
    line({"array": "<f3", "shape": [0]}), line({"array": "f8,f8", "shape": [0]}),
    line({"array": "<f8", "shape": [0] * 60}), line({"array": ["<f8"], "shape": [0]}),
    b"[" * 100_000 + b"\n", b'{"list":[' * 100_000 + b"\n", b"1" * 10_000 + b"\n", b"\xff\n",
    b'"' + b"x" * (wire.LONGEST_LINE + 1) + b'"\n', b"0\n" + b"x" * wire.LONGEST,
], ids=lambda message: repr(message[:40]))
def test_no_other_message_is_read(message):
    with pytest.raises(ValueError):
        wire.decode(message)


def test_what_is_just_deep_enough_comes_back_and_one_deeper_is_refused():
    value = 1
    for _ in range(wire.DEEPEST):
        value = [value]
    assert wire.decode(wire.encode(value)) == value
    with pytest.raises(ValueError, match="nested at most 8 deep"):
        wire.encode([value])
