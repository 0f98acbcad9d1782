"""What a file in the cache may look like, and what is said of one that looks otherwise."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from mlleaks_helpers.data import cache

BITS = np.eye(6, dtype=np.uint8)
IMAGES = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
Y = np.array([0, 1, 2, 2, 1, 0])
NAMES = np.array(["u", "v", "w"])


@pytest.fixture
def written(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return write


def as_read(read):
    return np.asarray(read["x"]).tolist(), read["y"].tolist(), list(map(str, read["classes"]))


# ---------------------------------------------------------------- each array in its place


@pytest.mark.parametrize(("reader", "x"), [
    (cache.read_table, BITS / 4), (cache.read_bits, BITS), (cache.read_pixels, IMAGES)])
@pytest.mark.parametrize("first", [0, 1])
def test_labels_from_0_or_from_1(written, reader, x, first):
    read = reader(written(x=x, y=Y + first, classes=NAMES, test=Y > 1))
    assert as_read(read) == (x.tolist(), Y.tolist(), ["u", "v", "w"])
    assert read["y"].dtype == np.int64


def test_labels_from_1_are_told_by_their_largest(written):
    read = cache.read_table(written(x=BITS, y=np.maximum(Y, 1), classes=NAMES))
    assert read["y"].tolist() == [1, 1, 2, 2, 1, 1]  # class 0 has no record here
    read = cache.read_table(written(x=BITS, y=np.maximum(Y, 1) + 1, classes=NAMES))
    assert read["y"].tolist() == [1, 1, 2, 2, 1, 1]


@pytest.mark.parametrize("kind", [bool, "int8", "int64", "float32"])
def test_bits_however_they_are_stored(written, kind):
    read = cache.read_bits(written(x=BITS.astype(kind), y=Y, classes=NAMES))
    assert read["x"].dtype == np.uint8 and (read["x"] == BITS).all()


def test_each_number_of_groups_has_its_own_labels(written):
    labels = {2: np.array([0, 1, 1, 0, 1, 0]), 3: Y, 5: np.array([4, 3, 2, 1, 0, 0])}
    path = written(x=BITS, **{f"y{k}": y for k, y in labels.items()}, y=np.zeros(6, int))
    for k, y in labels.items():
        assert as_read(cache.read_groups(path, k, f"y{k}")) == (
            BITS.tolist(), y.tolist(), [str(i) for i in range(1, k + 1)])


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("more", "classes"), [({}, ["1", "2", "3"]), ({"classes": NAMES}, "uvw")])
def test_groups_of_one_file_need_no_names(written, first, more, classes):
    read = cache.read_groups(written(x=BITS, y=Y + first, **more), 3)
    assert as_read(read) == (BITS.tolist(), Y.tolist(), list(classes))


def test_faces_are_those_with_40_images(written):
    counts = {"a": 40, "b": 39, "c": 41, "d": 1, "e": 60}
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(5), list(counts.values())))
    x = np.zeros((len(y), 2, 2, 1), np.uint8)
    x[:, 0, 0, 0] = np.arange(len(y))
    read = cache.read_faces(written(x=x, y=y, classes=list(counts)))
    kept = np.isin(y, [0, 2, 4])
    assert read["classes"].tolist() == ["a", "c", "e"]
    assert read["x"][:, 0, 0, 0].tolist() == np.flatnonzero(kept).tolist()
    assert read["y"].tolist() == (y[kept] // 2).tolist()


def test_columns_know_their_kind(written):
    x = np.array([[30, 2, 7, 0], [50, 0, 9, 1], [40, 2, 8, 1]], np.int32)
    read = cache.read_columns(written(x=x, y=[1, 0, 1], classes=["poor", "rich"],
                                      is_categorical=[False, True, False, True]))
    assert as_read(read) == (x.tolist(), [1, 0, 1], ["poor", "rich"])
    assert read["x"].dtype == np.float32
    table = read["prepare"].fit_transform(read["x"])
    assert table.shape == (3, 2 + 2 + 2)
    assert table[:, :4].tolist() == [[0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]
    np.testing.assert_allclose(table[:, 4:], np.array([[-1, -1], [1, 1], [0, 0]]) * 1.5**0.5,
                               rtol=1e-6)


# ---------------------------------------------------------------- what is said of others


def other(reader, message, **arrays):
    return pytest.param(reader, arrays, message, id=message[:40])


ONE = np.int64(1)
GOOD = {"x": BITS, "y": Y, "classes": NAMES}
COLUMNS = {**GOOD, "is_categorical": np.arange(6) < 3}


@pytest.mark.parametrize(("reader", "arrays", "message"), [
    other(cache.read_table, "holds features, labels, and wanted are x, y, classes",
          features=BITS, labels=Y),
    other(cache.read_table, "wanted are x, y, classes: without x, classes", X=BITS, y=Y),
    other(cache.read_table, "holds data, target", data=BITS, target=Y),
    other(cache.read_table, "y is float64 of shape", **{**GOOD, "y": Y + 0.5}),
    other(cache.read_table, r"y.argmax\(axis=1\)", **{**GOOD, "y": np.eye(6)}),
    other(cache.read_table, "y runs from 0 to 2: with 2 classes", **{**GOOD, "classes": NAMES[:2]}),
    other(cache.read_faces, "y runs from 0 to 2: with 1 classes",
          **{**GOOD, "x": IMAGES, "classes": "u"}),
    other(cache.read_faces, "x has 6 records and y 5 labels",
          **{**GOOD, "x": IMAGES, "y": Y[:5]}),
    other(cache.read_table, "x has 0 records and y 6 labels", **{**GOOD, "x": 3}),
    other(cache.read_table, "x has 0 records and y 0", **{**GOOD, "x": BITS[:0], "y": Y[:0]}),
    other(cache.read_bits, "x is uint8, from 0 to 2: give whole numbers from 0 to 1",
          **{**GOOD, "x": 2 * BITS}),
    other(cache.read_bits, "x is <U.: give whole numbers", **{**GOOD, "x": BITS.astype(str)}),
    other(cache.read_pixels, "x is float64, from 0 to 0.5: give whole numbers from 0 to 255",
          **{**GOOD, "x": IMAGES % 2 / 2}),
    other(cache.read_pixels, "x is int64, from -1 to 70", **{**GOOD, "x": IMAGES.astype(int) - 1}),
    other(cache.read_pixels, "x is int64, from 200 to 271", **{**GOOD, "x": IMAGES + 200 * ONE}),
    other(cache.read_pixels, r"x has shape \(6, 2, 6\): images are \(n, height, width, channels",
          **{**GOOD, "x": IMAGES.reshape(6, 2, 6)}),
    other(cache.read_columns, "classes, is_categorical: without is_categorical", **GOOD),
    other(cache.read_columns, r"is_categorical is bool of shape \(5,\)",
          **{**COLUMNS, "is_categorical": np.arange(5) < 3}),
    other(cache.read_columns, "is_categorical is int64", **{**COLUMNS, "is_categorical": Y}),
    other(cache.read_columns, "x is <U. of shape", **{**COLUMNS, "x": BITS.astype(str)}),
])
def test_another_content_is_named(written, reader, arrays, message):
    with pytest.raises(ValueError, match=message):
        reader(written(**arrays))


def test_groups_of_another_number_are_named(written):
    with pytest.raises(ValueError, match="classes has 3 names: the set has 10 groups"):
        cache.read_groups(written(**GOOD), 10)
    with pytest.raises(ValueError, match="holds x, y, classes, and wanted are x, y10: without y10"):
        cache.read_groups(written(**GOOD), 10, "y10")


# ---------------------------------------------------------------- the folder


def test_the_folder_is_the_one_named_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLLEAKS_DATA", "~/sets")
    assert cache.folder() == tmp_path / "sets"
    for none in ("", None):
        monkeypatch.setattr(cache, "pooch", Bunch(os_cache=lambda name: tmp_path / "user" / name))
        monkeypatch.setenv("MLLEAKS_DATA", none) if none is not None else (
            monkeypatch.delenv("MLLEAKS_DATA"))
        assert cache.folder() == tmp_path / "user" / "mlleaks"


def test_the_folder_is_made_and_left_empty(monkeypatch, tmp_path):
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path / "a" / "b"))
    cache.make_folder()
    assert list((tmp_path / "a" / "b").iterdir()) == []
