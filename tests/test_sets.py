"""The table of sets, what each holds, and what `load` says of one that is not as it should be."""

import gzip
import json
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from mlleaks_helpers.data import (
    BESIDE,
    BUILT_IN,
    IMAGES,
    KNOWN,
    PAPER,
    SETS,
    DataUnavailable,
    PerPixel,
    load,
    random_records,
    shoppers,
)

PACKS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
K = (2, 10, 20, 50, 100)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MLLEAKS_DATA", str(folder))
    return folder


# ---------------------------------------------------------------- the table


def test_columns_of_the_table():
    keras = ["mnist", "fashion_mnist", "cifar10", "cifar100"]
    assert list(BUILT_IN) == ["digits", "breast_cancer", "mnist5k", *(f"shoppers-{k}" for k in K)]
    assert list(PAPER) == [*keras, "news", "lfw", "location", "adult",
                           *(f"purchase-{k}" for k in K)]
    assert list(BESIDE) == ["olivetti", *(f"retail-{k}" for k in K), "texas-100"]
    assert list(IMAGES) == ["digits", "mnist5k", *keras, "lfw", "olivetti"]
    assert KNOWN == BUILT_IN + PAPER + BESIDE == tuple(SETS)


def test_only_shoppers_are_simulated():
    assert [name for name in SETS if SETS[name].simulated] == [f"shoppers-{k}" for k in K]


def test_each_set_has_a_file_of_its_own_but_retail():
    files = [SETS[name].file for name in PAPER + BESIDE]
    assert files == [*(f"{name}.npz" for name in PAPER[:4]), "news.jsonl.gz", "lfw.npz",
                     "location.npz", "adult.npz", *(f"purchase-{k}.npz" for k in K),
                     "olivetti.npz", *["retail.npz"] * 5, "texas-100.npz"]


def test_a_new_set_is_one_entry(cache, monkeypatch):
    monkeypatch.setitem(SETS, "adult", replace(SETS["location"], file="mine.npz", largest=1))
    np.savez(cache / "mine.npz", x=np.eye(4), y=[1, 1, 2, 2], classes=["u", "v"])
    dataset = load("adult")
    assert (dataset.x == np.eye(4)).all() and dataset.y.tolist() == [0, 0, 1, 1]
    assert isinstance(dataset.prepare, FunctionTransformer)


# ---------------------------------------------------------------- built-in sets


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "n_classes", "low", "high"),
    [
        ("digits", (1797, 8, 8, 1), np.uint8, 10, 0, 16),
        ("breast_cancer", (569, 30), np.float32, 2, 0, 4254),
        ("mnist5k", (5000, 28, 28, 1), np.uint8, 10, 0, 255),
    ],
)
def test_built_in(name, shape, dtype, n_classes, low, high):
    dataset = load(name)
    assert dataset.name == name
    assert (dataset.x.shape, dataset.x.dtype) == (shape, dtype)
    assert (dataset.x.min(), dataset.x.max()) == (low, high)
    assert dataset.y.dtype == np.int64
    assert np.unique(dataset.y).tolist() == list(range(n_classes))
    assert len(dataset.classes) == n_classes
    assert name != "mnist5k" or np.bincount(dataset.y).tolist() == [500] * 10
    assert all(type(label) is str for label in dataset.classes)
    assert not dataset.simulated and "simulated" not in repr(dataset)
    assert dataset.largest == (high if dtype == np.uint8 else None)
    train = dataset.take(slice(0, None, 7))
    prepared = clone(dataset.prepare).fit(train.x).transform(dataset.x[:50])
    assert (prepared.shape, prepared.dtype) == ((50, *shape[1:]), np.float32)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"'mnist5': known .* texas-100\. Did you mean 'mnist5k'\?"
    ):
        load("mnist5")


def test_two_loads_share_no_array():
    one, two = load("mnist5k"), load("mnist5k")
    one.x[0], one.y[0] = 77, 7
    assert two.x[0].max() != 77 and two.y[0] != 7 and load("mnist5k").y[0] != 7


@pytest.mark.parametrize("k", K)
def test_shoppers_have_the_classes_of_their_own_number(k, monkeypatch):
    monkeypatch.setattr(shoppers, "labels", lambda k: np.arange(20_000) * 3 % k)
    dataset = load(f"shoppers-{k}")
    assert dataset.x is shoppers.baskets() and dataset.y.tolist()[:200] == [
        i * 3 % k for i in range(200)]
    assert dataset.classes == tuple(str(i) for i in range(1, k + 1))
    assert (dataset.name, dataset.simulated, dataset.largest) == (f"shoppers-{k}", True, 1)
    assert repr(dataset) == f"<shoppers-{k}: simulated, 20,000 × 600, {k} classes>"


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_standardised_pixel_by_pixel(name):
    assert SETS[name].prepare is PerPixel


# ---------------------------------------------------------------- the paper's sets


@pytest.fixture
def packs(cache):
    """The paper's sets, unpacked by name into the cache; skips where they are not at hand."""
    if not (PACKS / "unpack.py").exists():
        pytest.skip("the packed copies of the paper's data are not beside this repository")
    unpack = runpy.run_path(str(PACKS / "unpack.py"))["main"]
    return lambda *names: unpack(cache, *names)


def test_packed_location(packs):
    packs("location")
    dataset = load("location")
    assert (dataset.x.shape, dataset.x.dtype) == ((5010, 446), np.uint8)
    assert set(np.unique(dataset.x)) == {0, 1}
    assert np.unique(dataset.y).tolist() == list(range(30))


def test_packed_adult(packs):
    packs("adult")
    dataset = load("adult")
    assert (dataset.x.shape, dataset.x.dtype) == ((48_842, 14), np.float32)
    assert dataset.classes == ("<=50K", ">50K")
    prepare = clone(dataset.prepare).fit(dataset.x)
    prepared = prepare.transform(dataset.x)
    assert (prepared.shape, prepared.dtype) == ((48_842, 6 + 102), np.float32)
    np.testing.assert_allclose(prepared[:, :102].sum(axis=1), 8)
    np.testing.assert_allclose(prepared[:, 102:].std(axis=0), 1, atol=1e-3)
    unseen = dataset.x[:1].copy()
    unseen[0, 1] = 99
    assert prepare.transform(unseen)[0, :102].sum() == 7


def test_packed_news(packs):
    packs("news")
    dataset = load("news")
    assert dataset.x.shape == (18_846,)
    assert len(dataset.classes) == 20
    assert not any(text.startswith("From: ") for text in dataset.x[:1000])
    some = dataset.take(slice(0, None, 100))
    prepared = clone(some.prepare).fit_transform(some.x)
    assert prepared.dtype == np.float32
    assert isinstance(prepared, np.ndarray)
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-6)


def test_packed_faces_are_the_19_people_with_40_images(packs):
    packs("lfw")
    dataset = load("lfw")
    assert len(dataset.classes) == 19
    assert dataset.x.shape == (len(dataset), 64, 64, 3)
    assert np.bincount(dataset.y, minlength=19).min() >= 40


def test_packed_olivetti(packs):
    packs("olivetti")
    dataset = load("olivetti")
    assert (dataset.x.shape, dataset.x.dtype) == ((400, 64, 64, 1), np.uint8)
    assert np.bincount(dataset.y).tolist() == [10] * 40


def test_packed_retail_is_one_table_with_five_sets_of_labels(packs):
    packs("retail")
    sets = {k: load(f"retail-{k}") for k in (2, 100)}
    for k, dataset in sets.items():
        assert dataset.name == f"retail-{k}" and len(dataset.classes) == k
        assert dataset.x.shape == (41_548, 600) and len(np.unique(dataset.y)) == k
    np.testing.assert_array_equal(sets[2].x, sets[100].x)


def test_random_pixels_and_bits_of_files_do_not_hang_on_the_records(cache):
    x, y = np.zeros((2, 2, 2, 1), np.uint8), np.array([0, 1])
    for name, largest in (("mnist", 255), ("olivetti", 255), ("location", 1), ("purchase-2", 1),
                          ("texas-100", 1)):
        records = x if largest == 255 else x[..., 0, 0]
        np.savez(cache / f"{name}.npz", x=records, y=y, classes=["a", "b"])
        assert random_records(load(name)).max() == largest


# ---------------------------------------------------------------- what is in the cache


def test_any_set_in_the_cache_format_loads(cache):
    x = np.random.default_rng(0).integers(0, 2, (30, 600), dtype=np.uint8)
    np.savez(cache / "purchase-2.npz", x=x, y=np.arange(30) % 2, classes=["1", "2"])
    dataset = load("purchase-2")
    assert (dataset.x == x).all()
    assert not dataset.simulated and dataset.largest == 1
    assert repr(dataset) == "<purchase-2: 30 × 600, 2 classes>"


@pytest.mark.parametrize("more", [{}, {"classes": [f"kind {k}" for k in range(10)]}])
def test_your_own_purchase_may_count_from_1(cache, more):
    x, y = np.eye(30, dtype=np.uint8), np.arange(30) * 7 % 10
    np.savez(cache / "purchase-10.npz", x=x, y=y + 1, **more)
    dataset = load("purchase-10")
    assert (dataset.x == x).all() and dataset.y.tolist() == y.tolist()
    assert dataset.classes == tuple(more.get("classes", map(str, range(1, 11))))


@pytest.mark.parametrize("k", K)
def test_retail_takes_the_labels_of_its_own_number(cache, k):
    labels = {f"y{n}": np.arange(100) * 3 % n for n in K}
    np.savez(cache / "retail.npz", x=np.eye(100, dtype=np.uint8), **labels)
    dataset = load(f"retail-{k}")
    assert dataset.name == f"retail-{k}" and dataset.y.tolist() == labels[f"y{k}"].tolist()
    assert dataset.classes == tuple(str(i) for i in range(1, k + 1))


def test_news_loses_headers_footers_and_quotes(cache):
    text = "From: a@b.c\nSubject: hi\n\nA writes:\n> was it?\nIt was.\n\n--\nA. B., somewhere"
    posts = [{"target_name": group, "text": text} for group in ("sci.space", "alt.atheism")]
    with gzip.open(cache / "news.jsonl.gz", "wt") as lines:
        lines.write("\n".join(map(json.dumps, posts)))
    dataset = load("news")
    assert [text.strip() for text in dataset.x] == ["It was."] * 2
    assert dataset.classes == ("alt.atheism", "sci.space")
    assert dataset.y.tolist() == [1, 0]


@pytest.mark.parametrize(("name", "remedy"), [
    ("location", "Delete it and load the set again"), ("news", "Delete it and load the set again"),
    ("purchase-2", "Delete it and load the set again"), ("retail-2", "Put a whole copy there")])
@pytest.mark.parametrize("damage", ["empty", "nonsense", "cut short"])
def test_damaged_cache_file_is_named(cache, name, remedy, damage):
    path = cache / SETS[name].file
    if name == "news":
        path.write_bytes(gzip.compress(json.dumps({"target_name": "a", "text": "b"}).encode()))
    else:
        y = np.arange(9) % 2
        np.savez(path, x=np.zeros((9, 446), np.uint8), y=y, y2=y, classes=["1", "2"])
    good = path.read_bytes()
    assert len(load(name))
    path.write_bytes({"empty": b"", "nonsense": b"abc" * 99, "cut short": good[:-20]}[damage])
    message = rf"{name}: the cache file .* is damaged.*\. {remedy}\."
    with pytest.raises(DataUnavailable, match=message) as caught:
        load(name)
    assert str(caught.value).count(str(path)) == 1


@pytest.mark.parametrize(("arrays", "message"), [
    ({"features": np.eye(4), "labels": np.arange(4)},
     r"purchase-10.npz holds features, labels, and wanted are x, y: .* Wanted are x \(records\)"),
    ({"x": np.eye(4), "y": np.arange(3)}, "purchase-10.npz: x has 4 records and y 3 labels"),
    ({"x": np.eye(4), "y": np.arange(4) + 8}, "purchase-10.npz: y runs from 8 to 11: with 10"),
    ({"x": np.eye(4) / 2, "y": np.arange(4)}, "purchase-10.npz: x is float64, from 0 to 0.5: give"),
    ({"x": np.eye(4), "y": np.arange(4), "classes": ["a", "b"]}, "classes has 2 names: the set"),
    ({"x": np.eye(4), "y": np.array([0, 1, 2, None])}, "holds y as Python objects"),
    ({"x": np.eye(0), "y": np.arange(0)}, "purchase-10.npz: x has 0 records and y 0 labels"),
])
def test_a_file_that_holds_something_else_is_not_called_damaged(cache, arrays, message):
    np.savez(cache / "purchase-10.npz", **arrays)
    with pytest.raises(DataUnavailable, match=message) as caught:
        load("purchase-10")
    assert "damaged" not in str(caught.value) and "Delete" not in str(caught.value)
    assert str(caught.value).startswith(f"purchase-10: the cache file {cache}")


def test_a_folder_in_place_of_the_file(cache):
    (cache / "location.npz").mkdir()
    with pytest.raises(DataUnavailable, match=r"location.npz is a folder: .* Put a file there"):
        load("location")


# ---------------------------------------------------------------- what is not in the cache


def test_what_is_never_downloaded_is_said(cache):
    with pytest.raises(DataUnavailable, match=r"retail-10 is not in the .*/retail\.npz\).* FIMI"):
        load("retail-10")
    assert list(cache.iterdir()) == []


@pytest.fixture
def fetched(monkeypatch):
    """The names of the sets whose source was asked."""
    asked = []
    for name, source in SETS.items():
        monkeypatch.setitem(SETS, name, replace(source, fetch=lambda part, name=name: (
            asked.append(name), np.savez(part, x=np.eye(2), y=[0, 1], classes=["a", "b"]))))
    return asked


@pytest.mark.parametrize("folder", ["a file", "a file/below", "/proc/none/here"])
def test_a_folder_that_cannot_be_made_is_blamed(tmp_path, monkeypatch, fetched, folder):
    (tmp_path / "a file").write_text("not a folder")
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path / folder))
    with pytest.raises(DataUnavailable, match=(
            r"location is not in the cache .* nothing can be written to the cache folder "
            rf"{tmp_path / folder} \(.*Set MLLEAKS_DATA to a folder that can")) as caught:
        load("location")
    assert "source" not in str(caught.value) and fetched == []


@pytest.mark.parametrize("home", ["given", "the user's"])
def test_a_folder_that_cannot_be_written_to_is_blamed(tmp_path, monkeypatch, fetched, home):
    def refused(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path) if home == "given" else "")
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path)
    with pytest.raises(DataUnavailable, match=rf"cache folder {tmp_path} \(PermissionError"):
        load("location")
    assert fetched == []


def test_a_folder_is_made_for_what_can_be_fetched(tmp_path, monkeypatch, fetched):
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path / "new" / "folder"))
    assert load("location").x.tolist() == [[1, 0], [0, 1]]
    assert load("location").y.tolist() == [0, 1]
    assert fetched == ["location"]
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["location.npz"]


def test_importing_says_nothing_where_home_cannot_be_written_to():
    environment = os.environ | {"HOME": "/proc/none", "XDG_CACHE_HOME": ""}
    code = "from mlleaks_helpers.data import load; print(load('digits'))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment,
                          capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("<digits: 1,797 × 8×8×1, 10 classes>\n", "")
