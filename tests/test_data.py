"""Data: the four-part split, what each set holds, the cache, and downloads that go wrong."""

import gzip
import hashlib
import http.server
import io
import json
import runpy
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from mlleaks_helpers.data import (
    Dataset,
    DataUnavailable,
    PerPixel,
    load,
    random_records,
    shoppers,
    sources,
    split,
)

PACKS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
OFFICIAL_ARCHIVE = PACKS / "upstream" / "dataset_location.tgz"
PARTS = ("target_train", "target_out", "shadow_train", "shadow_out")


def numbered(n, n_classes=2):
    """n records whose only feature is their row number."""
    rows = np.arange(n)
    x = rows[:, None].astype(np.float32)
    return Dataset("numbered", x, rows % n_classes, tuple("abcdefgh"[:n_classes]), PerPixel())


def rows_of(parts):
    return [getattr(parts, name).x[:, 0].astype(int) for name in PARTS]


# ---------------------------------------------------------------- Dataset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.arange(3)}, "x has 4 records and y 3 labels"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "x has 0 records"),
        ({"y": np.array([0.0, 1, 0, 1])}, "y is float64"),
        ({"y": np.zeros((4, 1), int)}, r"shape \(4, 1\)"),
        ({"y": np.array([0, 1, 2, 1])}, "y runs from 0 to 2: with 2 classes"),
        ({"y": np.array([0, -1, 0, 1])}, "y runs from -1 to 1"),
        ({"x": np.array([[0.0], [np.nan], [1], [np.inf]])}, "x has 2 values NaN or infinite"),
    ],
)
def test_dataset_refuses(change, message):
    good = {"x": np.zeros((4, 2), np.float32), "y": np.array([0, 1, 0, 1])}
    with pytest.raises(ValueError, match=message):
        Dataset(name="bad", classes=("no", "yes"), prepare=None, **(good | change))


def test_take_keeps_rows_together():
    dataset = numbered(10)
    taken = dataset.take(np.array([7, 2]))
    assert len(taken) == 2
    assert taken.x[:, 0].tolist() == [7, 2]
    assert taken.y.tolist() == [1, 0]
    assert (taken.name, taken.classes, taken.prepare) == ("numbered", ("a", "b"), dataset.prepare)


# ---------------------------------------------------------------- split


@pytest.mark.parametrize("n", [4, 5, 6, 7, 100, 1003])
def test_split_is_disjoint_equal_and_leaves_out_at_most_three(n):
    parts = rows_of(split(numbered(n)))
    used = np.concatenate(parts)
    assert {len(part) for part in parts} == {n // 4}
    assert len(np.unique(used)) == len(used) == n - n % 4
    if n % 4 == 0:
        assert sorted(used) == list(range(n))


def test_split_shuffles_by_seed():
    first, again, other = (rows_of(split(numbered(400), seed=seed)) for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    assert (first[0] != np.sort(first[0])).any()


def test_split_of_a_given_size():
    parts = rows_of(split(numbered(100), size=10))
    assert [len(part) for part in parts] == [10] * 4
    assert len(np.unique(np.concatenate(parts))) == 40


@pytest.mark.parametrize("size", [0, -1, 26])
def test_split_refuses_size(size):
    with pytest.raises(ValueError, match=rf"size is {size}: numbered has 100 .* from 1 to 25"):
        split(numbered(100), size=size)


def test_split_refuses_fewer_than_four_records():
    with pytest.raises(ValueError, match="dataset has 3 records"):
        split(numbered(3))


# ---------------------------------------------------------------- built-in sets


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "n_classes", "low", "high"),
    [
        ("digits", (1797, 8, 8, 1), np.uint8, 10, 0, 16),
        ("breast_cancer", (569, 30), np.float32, 2, 0, 4254),
        ("mnist5k", (5000, 28, 28, 1), np.uint8, 10, 0, 255),
        *((f"shoppers-{k}", (20_000, 600), np.uint8, k, 0, 1) for k in (2, 10, 20, 50, 100)),
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
    assert dataset.simulated == name.startswith("shoppers")
    assert ("simulated" in repr(dataset)) == dataset.simulated
    train = dataset.take(slice(0, None, 7))
    prepared = clone(dataset.prepare).fit(train.x).transform(dataset.x[:50])
    assert (prepared.shape, prepared.dtype) == ((50, *shape[1:]), np.float32)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"'mnist5': known .* retail-100\. Did you mean 'mnist5k'\?"
    ):
        load("mnist5")


# ---------------------------------------------------------------- shoppers


def test_shoppers_share_one_table_and_differ_in_classes():
    few, many = load("shoppers-2"), load("shoppers-100")
    assert (few.x == many.x).all()
    assert len({tuple(np.bincount(load(name).y)) for name in shoppers.NAMES}) == 5


def test_shoppers_are_the_same_in_every_process():
    code = (
        "from mlleaks_helpers.data import shoppers; import hashlib; "
        "print(hashlib.sha256(shoppers.baskets()).hexdigest(), "
        "hashlib.sha256(shoppers.labels(20)).hexdigest())"
    )
    here = (shoppers.baskets(), shoppers.labels(20))
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [hashlib.sha256(array).hexdigest() for array in here]


def test_no_class_of_shoppers_is_too_small_to_learn():
    for name in shoppers.NAMES:
        assert np.bincount(load(name).y).min() >= 20


# ---------------------------------------------------------------- preparing


def test_per_pixel_gives_mean_0_and_std_1_on_what_it_was_fitted_on():
    x = np.random.default_rng(0).integers(0, 256, (200, 4, 3, 2), dtype=np.uint8)
    prepared = PerPixel().fit(x).transform(x)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis=0), 1, atol=1e-5)


def test_per_pixel_only_centres_a_pixel_that_hardly_changes():
    x = np.full((100, 1, 1, 1), 7, np.uint8)
    x[0] = 9
    prepared = PerPixel().fit(x).transform(x)
    np.testing.assert_allclose(prepared.ravel(), x.ravel() - 7.02, atol=1e-5)


def test_per_pixel_applies_the_training_statistics_to_every_other_record():
    train, others = np.zeros((5, 2, 2, 1), np.uint8), np.full((5, 2, 2, 1), 200, np.uint8)
    per_pixel = PerPixel().fit(train)
    assert (per_pixel.transform(train) == 0).all()
    assert (per_pixel.transform(others) == 200).all()


def test_per_pixel_refuses_records_of_another_shape():
    per_pixel = PerPixel().fit(np.zeros((5, 2, 2, 1), np.uint8))
    with pytest.raises(ValueError, match=r"x has records of shape \(3, 3, 1\)"):
        per_pixel.transform(np.zeros((5, 3, 3, 1), np.uint8))


def test_loading_and_splitting_fits_nothing():
    prepare = split(load("digits")).target_train.prepare
    assert not hasattr(prepare, "mean_")


# ---------------------------------------------------------------- the cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MLLEAKS_DATA", str(folder))
    return folder


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


def test_retail_says_that_it_is_never_downloaded(cache):
    with pytest.raises(DataUnavailable, match=r"retail-10 is not in the cache .*retail\.npz"):
        load("retail-10")


@pytest.mark.parametrize("name, largest", [("digits", 16), ("mnist5k", 255), ("shoppers-2", 1)])
def test_random_records_look_like_nothing_but_fit(name, largest):
    dataset = load(name)
    noise = random_records(dataset, 500, seed=1)
    assert noise.shape == (500, *dataset.x.shape[1:]) and noise.dtype == np.uint8
    assert noise.min() == 0 and noise.max() == largest
    assert noise.mean() == pytest.approx(largest / 2, rel=0.02)
    np.testing.assert_array_equal(noise, random_records(dataset, 500, seed=1))
    assert (noise != random_records(dataset, 500, seed=2)).any()


def test_a_random_text_or_measurement_is_not_defined():
    with pytest.raises(ValueError, match="breast_cancer, with records of float32: random records"):
        random_records(load("breast_cancer"))


def test_any_set_in_the_cache_format_loads(cache):
    cache.mkdir()
    x = np.random.default_rng(0).integers(0, 2, (30, 600), dtype=np.uint8)
    np.savez(cache / "purchase-2.npz", x=x, y=np.arange(30) % 2, classes=["1", "2"])
    dataset = load("purchase-2")
    assert (dataset.x == x).all()
    assert not dataset.simulated


def test_news_loses_headers_footers_and_quotes(cache):
    cache.mkdir()
    text = "From: a@b.c\nSubject: hi\n\nA writes:\n> was it?\nIt was.\n\n--\nA. B., somewhere"
    posts = [{"target_name": group, "text": text} for group in ("sci.space", "alt.atheism")]
    with gzip.open(cache / "news.jsonl.gz", "wt") as lines:
        lines.write("\n".join(map(json.dumps, posts)))
    dataset = load("news")
    assert [text.strip() for text in dataset.x] == ["It was."] * 2
    assert dataset.classes == ("alt.atheism", "sci.space")
    assert dataset.y.tolist() == [1, 0]


@pytest.mark.parametrize("name", ["location", "news"])
@pytest.mark.parametrize("damage", ["empty", "nonsense", "cut short"])
def test_damaged_cache_file_is_named(cache, name, damage):
    cache.mkdir()
    path = cache / ("news.jsonl.gz" if name == "news" else f"{name}.npz")
    if name == "news":
        path.write_bytes(gzip.compress(json.dumps({"target_name": "a", "text": "b"}).encode()))
    else:
        np.savez(path, x=np.zeros((9, 446), np.uint8), y=np.zeros(9, int), classes=["1"])
    good = path.read_bytes()
    assert len(load(name))
    path.write_bytes({"empty": b"", "nonsense": b"abc" * 99, "cut short": good[:-20]}[damage])
    with pytest.raises(DataUnavailable, match=r"cache file .* is damaged") as caught:
        load(name)
    assert str(path) in str(caught.value)


def test_purchase_says_that_it_is_never_downloaded(cache):
    with pytest.raises(DataUnavailable, match=r"purchase-10 .* account, .* shoppers-10,"):
        load("purchase-10")


# ---------------------------------------------------------------- the official sources


def location_archive(n=60):
    """An archive in the format of the official one: class in quotes, then 446 bits."""
    rng = np.random.default_rng(0)
    rows = [
        ",".join([f'"{i % 30 + 1}"', *map(str, bits)])
        for i, bits in enumerate(rng.integers(0, 2, (n, 446)))
    ]
    text = "\n".join(rows).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("bangkok")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return packed.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every address; sends only the first `sent` bytes of it."""

    content = b""
    sent = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/dataset_location.tgz"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: self.server.sent])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(cache, monkeypatch):
    server = Server()
    server.content = location_archive()
    monkeypatch.setattr(sources, "LOCATION_URL", server.url)
    monkeypatch.setattr(sources, "LOCATION_SHA256", hashlib.sha256(server.content).hexdigest())
    yield server
    server.close()


def assert_unavailable(cache, *texts):
    with pytest.raises(DataUnavailable) as caught:
        load("location")
    message = str(caught.value)
    for text in ("location", str(cache / "location.npz"), sources.LOCATION_URL, "digits", *texts):
        assert text in message
    assert list(cache.iterdir()) == []


def test_download_fills_the_cache(cache, server):
    first = load("location")
    assert first.x.shape == (60, 446)
    assert first.y.tolist() == [i % 30 for i in range(60)]
    assert [path.name for path in cache.iterdir()] == ["location.npz"]
    server.close()
    again = load("location")
    assert (again.x == first.x).all()
    assert (again.y == first.y).all()


def test_official_archive(cache, server, monkeypatch):
    if not OFFICIAL_ARCHIVE.exists():
        pytest.skip("the official Location archive is not beside this repository")
    monkeypatch.undo()
    monkeypatch.setenv("MLLEAKS_DATA", str(cache))
    monkeypatch.setattr(sources, "LOCATION_URL", server.url)
    server.content = OFFICIAL_ARCHIVE.read_bytes()
    dataset = load("location")
    assert dataset.x.shape == (5010, 446)
    assert len(dataset.classes) == 30
    server.close()
    assert (load("location").x == dataset.x).all()


def test_download_with_another_hash_is_not_kept(cache, server):
    server.content = location_archive(n=61)
    assert_unavailable(cache, "hash")


def test_download_cut_in_the_middle_is_not_kept(cache, server):
    server.sent = len(server.content) // 2
    assert_unavailable(cache)
    server.sent = None
    assert len(load("location")) == 60


def test_no_network(cache, server):
    server.close()
    assert_unavailable(cache, "refused")


def test_a_fetch_that_breaks_off_while_writing_is_not_kept(cache, monkeypatch):
    def half(part):
        part.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(sources, "_fetch_adult", half)
    with pytest.raises(DataUnavailable, match=r"adult .*fetch_openml \(OSError: no space left\)"):
        load("adult")
    assert list(cache.iterdir()) == []


def test_keras_sets_keep_what_the_paper_used(cache, monkeypatch):
    keras_datasets = pytest.importorskip("keras").datasets
    train = (np.full((20, 32, 32, 3), 1, np.uint8), np.arange(20)[:, None] % 10)
    test = (np.full((10, 32, 32, 3), 2, np.uint8), np.arange(10)[:, None])
    monkeypatch.setattr(keras_datasets.cifar10, "load_data", lambda: (train, test))
    images = load("cifar10")
    assert images.x.shape == (20, 32, 32, 3)
    assert images.y.tolist() == list(range(10)) * 2

    grey = [(x[..., 0], y.ravel()) for x, y in (train, test)]
    monkeypatch.setattr(keras_datasets.mnist, "load_data", lambda: grey)
    assert load("mnist").x.shape == (30, 32, 32, 1)


def test_faces_from_the_official_source_have_no_names(cache, monkeypatch):
    images = np.linspace(0, 1, 80 * 64 * 64 * 3, dtype=np.float32).reshape(80, 64, 64, 3)
    faces = Bunch(
        images=images, target=np.arange(80) % 2, target_names=np.array(["A Name", "B Name"])
    )
    monkeypatch.setattr(sources, "fetch_lfw_people", lambda **options: faces)
    dataset = load("lfw")
    assert dataset.classes == ("person 00", "person 01")
    assert (dataset.x.min(), dataset.x.max()) == (0, 255)


def test_adult_from_the_official_source_has_the_cache_format(cache, packs, monkeypatch):
    pandas = pytest.importorskip("pandas")
    packs("adult")
    packed = load("adult")
    with np.load(cache / "adult.npz") as arrays:
        arrays = dict(arrays)
    frame = {}
    for i, column in enumerate(arrays["columns"]):
        codes = arrays["x"][:, i]
        if arrays["is_categorical"][i]:
            names = arrays[f"cat_{column}"].astype(object)
            names[names == "?"] = np.nan
            frame[column] = pandas.Categorical(names[codes])
        else:
            frame[column] = codes
    bunch = Bunch(
        data=pandas.DataFrame(frame),
        target=pandas.Series(arrays["classes"][arrays["y"]], dtype="category"),
    )
    monkeypatch.setattr(sources, "fetch_openml", lambda *args, **options: bunch)
    (cache / "adult.npz").unlink()
    fetched = load("adult")
    assert (fetched.x == packed.x).all()
    assert (fetched.y == packed.y).all()


def test_news_from_the_official_source(cache, monkeypatch):
    bunch = Bunch(
        data=["From: a@b.c\n\nOne text.", "From: a@b.c\n\nAnother text."],
        target=np.array([1, 0]),
        target_names=["alt.atheism", "sci.space"],
    )
    monkeypatch.setattr(sources, "fetch_20newsgroups", lambda **options: bunch)
    dataset = load("news")
    assert dataset.x.tolist() == ["One text.", "Another text."]
    assert dataset.y.tolist() == [1, 0]


# ---------------------------------------------------------------- imports


def test_lists_and_names_in_an_array_are_taken_as_they_come():
    mine = Dataset("mine", [[0.5], [1.5]], [0, 1], np.array(["no", "yes"]))
    assert mine.x.shape == (2, 1) and mine.y.tolist() == [0, 1] and mine.classes == ("no", "yes")


def test_binary_records_pass_through_unchanged():
    dataset = load("shoppers-2")
    assert isinstance(dataset.prepare, FunctionTransformer)
    assert (clone(dataset.prepare).fit_transform(dataset.x[:9]) == dataset.x[:9]).all()
