"""The gate of `Dataset`: what people bring, and what no model can take."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder

from mlleaks_helpers.data import Dataset, fit_prepare


def records(x, **options):
    y = np.arange(len(x)) % 2
    return Dataset("mine", x, y, ("no", "yes"), **options).x


MIXED = pd.DataFrame({"age": [30, 40, 50, 60], "job": ["a", "b", "b", "a"]})


# ---------------------------------------------------------------- records that are taken


@pytest.mark.parametrize("kind", ["uint8", "int64", "float16", "float32", "float64"])
def test_numbers_keep_their_type_and_are_not_copied(kind):
    x = np.arange(8, dtype=kind).reshape(4, 2)
    assert records(x) is x


@pytest.mark.parametrize(("x", "dtype", "values"), [
    ([[0.5, 1], [1.5, 2]], np.float64, [[0.5, 1], [1.5, 2]]),
    (np.array([[True, False], [False, True]]), np.uint8, [[1, 0], [0, 1]]),
    (np.array([[True, False], [False, True]], object), np.uint8, [[1, 0], [0, 1]]),
    (np.array([[True, 2], [Decimal("0.5"), np.float32(3)]], object), np.float64, [[1, 2], [.5, 3]]),
    (pd.get_dummies(pd.Series(["u", "v"])), np.uint8, [[1, 0], [0, 1]]),
    (pd.get_dummies(pd.DataFrame({"age": [30, 41], "job": ["u", "v"]})), np.float64,
     [[30, 1, 0], [41, 0, 1]]),
    (pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}), np.float64, [[1, 0.5], [2, 1.5]]),
    (pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": pd.array([True, False], "boolean")}),
     np.float64, [[1, 1], [2, 0]]),
    (np.ma.array([[1.0], [2.0]], mask=False), np.float64, [[1], [2]]),
    (np.array([[1], [2]], np.longdouble), np.float64, [[1], [2]]),
])
def test_numbers_however_they_come(x, dtype, values):
    got = records(x)
    assert type(got) is np.ndarray and got.dtype == dtype
    assert got.tolist() == values


@pytest.mark.parametrize("x", [["one", "two"], ("one", "two"), np.array(["one", "two"]),
                               np.array(["one", "two"], object), pd.Series(["one", "two"])])
def test_text_comes_as_objects(x):
    got = records(x)
    assert got.dtype == object and got.tolist() == ["one", "two"]


@pytest.mark.parametrize("x", [MIXED, MIXED.values.tolist(), MIXED.to_numpy()])
def test_a_table_with_text_is_taken_with_a_prepare_that_makes_numbers_of_it(x):
    prepare = make_column_transformer((OneHotEncoder(sparse_output=False), [1]),
                                      remainder="passthrough")
    got = records(x, prepare=prepare)
    assert got.tolist() == [[30, "a"], [40, "b"], [50, "b"], [60, "a"]]
    _, table = fit_prepare(prepare, got)
    assert table.dtype == np.float32
    assert table.tolist() == [[1, 0, 30], [0, 1, 40], [0, 1, 50], [1, 0, 60]]


# ---------------------------------------------------------------- records that are refused


@pytest.mark.parametrize(("x", "message"), [
    (np.array([[1.0, np.nan], [1.0, 2.0]], object), "x has 1 values missing, NaN or infinite"),
    (np.array([[1.0, None], [None, 2.0]], object), "x has 2 values missing"),
    (np.array([[1.0, np.inf], [-np.inf, 2.0]], object), "x has 2 values missing"),
    (np.array([[0.0, np.nan], [1, np.inf]]), "x has 2 values NaN or infinite"),
    (pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([None, 2], "Int64")}),
     "x has 2 values"),
    (MIXED, "x has text in column 'job': give numbers, or with it a `prepare`"),
    (MIXED.values.tolist(), "x has text in column 1:"),
    (np.array([["a", "b"], ["c", "d"]]), "x has text in column 0:"),
    (np.array([["1", "2"], ["3", "4"]]), "x has text in column 0:"),
    (pd.DataFrame({"a": [1, 2], "b": [datetime.date(2020, 1, 1)] * 2}),
     "x has values of type date in column 'b'"),
    (np.array([[1, {}], [2, {}]], object), "x has values of type dict in column 1"),
    (np.array([[1j], [2]]), "x is complex128: give real numbers"),
    (np.array([[1j], [2]], object), "x has values of type complex in column 0"),
    (np.array([["2020-01-01"]] * 2, "M8[D]"), r"x is datetime64\[D\]: give numbers"),
    (np.array([[3]] * 2, "m8[D]"), r"x is timedelta64\[D\]: give numbers"),
    (np.zeros(2, [("a", int), ("b", float)]), "structured_to_unstructured"),
    (np.array([b"one", b"two"]), r"x is \|S3: give str"),
    (sparse.csr_matrix(np.eye(2)), r"x is sparse, a csr_matrix: give x.toarray\(\)"),
    (sparse.coo_array(np.eye(2)), "x is sparse, a coo_array"),
    ((row for row in np.eye(2)), r"x is a generator: give an array, .* \(list\(x\)\)"),
    ({"a": [1, 2]}, "x is a dict of 1: give an array"),
    ({1, 2}, "x is a set of 2: give an array"),
    ("ab", "x is a str of 2: give an array"),
    (None, "x is a NoneType: give an array"),
    (3.0, "x is a float: give an array"),
    ([[1, 2], [3]], "x has records of different shapes: pad or cut them"),
    (np.array([[1, 2], [3]], object), "x is an array of objects such as list: give all one shape"),
    (pd.Series([np.zeros(3), np.ones(3)]), r"such as ndarray: np.stack\(x\)"),
    ([np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 3))],
     "x is a list of 3 arrays of 2 records: a model here has one input"),
    ([np.zeros((2, 3)), np.zeros((2, 4)), np.ones((2, 3))], "x is a list of 3 arrays"),
    (np.ma.array([[1.0], [2.0]], mask=[[True], [False]]), "x has 1 masked values"),
    (np.arange(2), r"x is one number a record, of shape \(2,\): give x\[:, None\]"),
    ([[10**400], [1]], "x has 1 values missing, NaN or infinite"),
    ([b"one", b"two"], "x is an array of objects such as bytes: give numbers or str"),
    ([sparse.eye(2), sparse.eye(2)], "such as dia_matrix: give numbers or str"),
    (np.array([[[1], [2, 3]], [[4], [5, 6]]], object)[:, 0], r"such as list: np.stack\(x\)"),
    ([], "x has 0 records: give at least one"),
    (np.array([1, 2], object), r"x is one number a record, of shape \(2,\)"),
    (np.zeros((2, 0)), r"x has records of shape \(0,\), with nothing in them"),
    (["a text", None], "x is text, and record 1 is None"),
    (["a text", 1.5], "x is text, and record 1 is 1.5"),
    (pd.Series(["a text", None]), "x is text, and record 1 is"),
])
def test_no_model_can_take(x, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", x, [0, 1], "ab")


def test_missing_numbers_beside_text_are_refused_whatever_the_prepare():
    x = np.array([[1.0, "a"], [np.nan, "b"]], object)
    with pytest.raises(ValueError, match="x has 1 values missing"):
        records(x, prepare=make_column_transformer((OneHotEncoder(), [1])))


# ---------------------------------------------------------------- labels and class names


@pytest.mark.parametrize("y", [[0, 1, 1], np.array([0, 1, 1], np.uint8),
                               np.array([0, 1, 1], object), pd.Series([0, 1, 1], dtype="Int64")])
def test_labels_come_as_int64(y):
    got = Dataset("mine", np.eye(3), y, ("no", "yes")).y
    assert got.dtype == np.int64 and got.tolist() == [0, 1, 1]


@pytest.mark.parametrize(("y", "message"), [
    ([0.0, 1, 0], r"y is float64 of shape \(3,\): give one integer a record, y.astype\(int\)"),
    ([0.5, 1, 0], "y is float64 of shape .*record$"),
    ([True, False, True], r"y is bool of .* y.astype\(int\)"),
    (np.eye(3, dtype=int), r"y is int64 of shape \(3, 3\): .* y.argmax\(axis=1\)"),
    ([[0], [1], [0]], r"y is int64 of shape \(3, 1\): .* y\[:, 0\]"),
    (["no", "yes", "no"], r"one integer a record, with `classes, y = np.unique\("),
    (pd.Series(["no", "yes", "no"], dtype="category"), r"np.unique\("),
    (pd.Series([0, None, 1], dtype="Int64"), "one integer a record; some are missing"),
    (np.ma.array([0, 1, 0], mask=[0, 0, 1]), "y has 1 masked values"),
    ((label for label in (0, 1, 0)), "y is a generator"),
    (sparse.csr_matrix([[0, 1, 0]]), "y is sparse"),
    (None, "y is a NoneType"),
    ([], "x has 3 records and y 0 labels"),
    ([0, 1, 2], "y runs from 0 to 2: with 2 classes, labels go from 0 to 1$"),
    ([1, 2, 2], "y runs from 1 to 2: with 2 classes, labels go from 0 to 1; give y - 1$"),
    ([0, -1, 1], "y runs from -1 to 1"),
])
def test_labels_are_one_integer_a_record(y, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", np.eye(3), y, ("no", "yes"))


@pytest.mark.parametrize(("classes", "names"), [
    (range(2), ("0", "1")), (np.array(["no", "yes"]), ("no", "yes")), ("ab", ("a", "b")),
    (pd.Index(["no", "yes", "never"]), ("no", "yes", "never")),
])
def test_class_names_come_as_str(classes, names):
    got = Dataset("mine", np.eye(3), [0, 1, 0], classes).classes
    assert got == names and all(type(name) is str for name in got)


@pytest.mark.parametrize(("classes", "message"), [
    ("yes", "classes is 'yes': give one name a class"),
    (2, r"classes is 2: give one name a class, or range\(10\)"),
    (None, "classes is None: give one name a class"),
    ({"no", "yes"}, "a set, which has no order"),
    (("no", "yes", "no"), "classes has 'no' twice"),
    ((1, "1"), "classes has '1' twice"),
])
def test_class_names_are_told_apart(classes, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", np.eye(3), [0, 1, 0], classes)
