"""The official sources: each array in its place, and downloads that go wrong."""

import hashlib
import http.server
import io
import runpy
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from mlleaks_helpers.data import SETS, DataUnavailable, fit_prepare, load, sources

PACKS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
OFFICIAL_ARCHIVE = PACKS / "upstream" / "dataset_location.tgz"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def location_bits(n=60):
    return np.random.default_rng(0).integers(0, 2, (n, 446))


def location_archive(n=60):
    """An archive in the format of the official one: class in quotes, then 446 bits."""
    rows = [",".join([f'"{i % 30 + 1}"', *map(str, bits)])
            for i, bits in enumerate(location_bits(n))]
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
    monkeypatch.setitem(SETS, "location", replace(SETS["location"], where=server.url))
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
    np.testing.assert_array_equal(first.x, location_bits())
    assert first.y.tolist() == [i % 30 for i in range(60)]
    assert first.classes == tuple(str(i) for i in range(1, 31))
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

    monkeypatch.setitem(SETS, "adult", replace(SETS["adult"], fetch=half))
    with pytest.raises(DataUnavailable, match=r"adult .*fetch_openml \(OSError: no space left\)"):
        load("adult")
    assert list(cache.iterdir()) == []


# ---------------------------------------------------------------- each array in its place


@pytest.fixture
def keras_sets(monkeypatch):
    """Stands in for `keras.datasets`; give it what a set's `load_data` gives."""
    datasets = Bunch()
    backend = Bunch(keras=Bunch(datasets=datasets))
    monkeypatch.setitem(sys.modules, "mlleaks_helpers.models.backend", backend)
    return lambda name, *parts: datasets.update({name: Bunch(load_data=lambda: parts)})


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_grey_images_are_those_of_both_parts(cache, keras_sets, name):
    x = np.arange(30 * 6, dtype=np.uint8).reshape(30, 2, 3)
    y = np.arange(30, dtype=np.uint8) * 7 % 10
    keras_sets(name, (x[:20], y[:20]), (x[20:], y[20:]))
    dataset = load(name)
    np.testing.assert_array_equal(dataset.x, x[..., None])
    np.testing.assert_array_equal(dataset.y, y)
    assert dataset.name == name and dataset.classes == tuple("0123456789")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_colour_images_are_those_of_the_training_part(cache, keras_sets, name):
    x = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    y = np.arange(30)[:, None] * 7 % 20
    keras_sets(name, (x[:20], y[:20]), (x[20:], y[20:]))
    dataset = load(name)
    np.testing.assert_array_equal(dataset.x, x[:20])
    np.testing.assert_array_equal(dataset.y, y[:20, 0])
    assert dataset.name == name and dataset.classes == tuple(map(str, range(20)))


def test_faces_from_the_official_source_have_no_names(cache, monkeypatch):
    asked = {}
    images = np.linspace(0, 1, 90 * 8 * 8 * 3, dtype=np.float32).reshape(90, 8, 8, 3)
    faces = Bunch(images=images, target=(np.arange(90) % 9 > 4).astype(int),
                  target_names=np.array(["A Name", "B Name"]))
    monkeypatch.setattr(sources, "fetch_lfw_people", lambda **how: asked.update(how) or faces)
    dataset = load("lfw")
    assert dataset.classes == ("person 00", "person 01")
    np.testing.assert_array_equal(dataset.x, np.rint(images * 255))
    np.testing.assert_array_equal(dataset.y, faces.target)
    middle = slice(61, 189)  # 128 of 250 pixels, at half size 64
    assert asked == {"min_faces_per_person": 40, "color": True, "slice_": (middle, middle),
                     "resize": 0.5}


def test_olivetti_from_the_official_source(cache, monkeypatch):
    images = np.linspace(1, 0, 80 * 16, dtype=np.float32).reshape(80, 4, 4)
    y = np.arange(80) * 3 % 40
    monkeypatch.setattr(sources, "fetch_olivetti_faces", lambda: Bunch(images=images, target=y))
    dataset = load("olivetti")
    np.testing.assert_array_equal(dataset.x, np.rint(images * 255)[..., None])
    np.testing.assert_array_equal(dataset.y, y)
    assert dataset.classes[0] == "person 00" and dataset.classes[39] == "person 39"


def test_adult_keeps_columns_in_order_and_numbers_categories_by_name(cache, monkeypatch):
    frame = pd.DataFrame({
        "age": [25, 38, 28], "work": pd.Categorical(["Private", None, "Local"]),
        "hours": [40, 50, 60], "sex": pd.Categorical(["Male", "Female", "Male"])})
    income = pd.Series(["<=50K", ">50K", ">50K"], dtype="category")
    bunch, asked = Bunch(data=frame, target=income), []
    monkeypatch.setattr(sources, "fetch_openml", lambda *a, **k: asked.append((a, k)) or bunch)
    dataset = load("adult")
    assert dataset.x.tolist() == [[25, 2, 40, 1], [38, 0, 50, 0], [28, 1, 60, 1]]
    assert dataset.x.dtype == np.float32
    assert dataset.y.tolist() == [0, 1, 1] and dataset.classes == ("<=50K", ">50K")
    with np.load(cache / "adult.npz") as arrays:
        assert arrays["is_categorical"].tolist() == [False, True, False, True]
    _, table = fit_prepare(dataset.prepare, dataset.x)
    assert table[:, :5].tolist() == [[0, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]
    assert asked == [(("adult",), {"version": 2, "as_frame": True, "parser": "pandas"})]


def test_adult_from_the_official_source_has_the_cache_format(cache, monkeypatch):
    if not (PACKS / "unpack.py").exists():
        pytest.skip("the packed copies of the paper's data are not beside this repository")
    runpy.run_path(str(PACKS / "unpack.py"))["main"](cache, "adult")
    packed = load("adult")
    with np.load(cache / "adult.npz") as arrays:
        arrays = dict(arrays)
    frame = {}
    for i, column in enumerate(arrays["columns"]):
        codes = arrays["x"][:, i]
        if arrays["is_categorical"][i]:
            names = arrays[f"cat_{column}"].astype(object)
            names[names == "?"] = np.nan
            frame[column] = pd.Categorical(names[codes])
        else:
            frame[column] = codes
    bunch = Bunch(data=pd.DataFrame(frame),
                  target=pd.Series(arrays["classes"][arrays["y"]], dtype="category"))
    monkeypatch.setattr(sources, "fetch_openml", lambda *args, **options: bunch)
    (cache / "adult.npz").unlink()
    fetched = load("adult")
    assert (fetched.x == packed.x).all()
    assert (fetched.y == packed.y).all()


def test_news_from_the_official_source(cache, monkeypatch):
    asked = {}
    bunch = Bunch(
        data=["From: a@b.c\n\nOne text.", "From: a@b.c\n\nAnother text.", "\n\nÜ"],
        target=np.array([1, 0, 1]),
        target_names=["alt.atheism", "sci.space"],
    )
    monkeypatch.setattr(sources, "fetch_20newsgroups", lambda **how: asked.update(how) or bunch)
    dataset = load("news")
    assert dataset.x.tolist() == ["One text.", "Another text.", "Ü"]
    assert dataset.y.tolist() == [1, 0, 1] and dataset.classes == ("alt.atheism", "sci.space")
    assert asked == {"subset": "all", "shuffle": False}
