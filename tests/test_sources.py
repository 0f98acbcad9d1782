"""The official sources: each array in its place, and downloads that go wrong."""

import hashlib
import http.server
import io
import re
import runpy
import sys
import tarfile
import threading
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
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
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
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


# ---------------------------------------------------------------- archives with a git blob


def packed(files):
    """A .tgz of some texts by name, and of folders where there is None."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if text is None else tarfile.REGTYPE
            member.size = len(text or "")
            archive.addfile(member, io.BytesIO((text or "").encode()))
    return content.getvalue()


def lines(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def some_records(n, bits):
    rng = np.random.default_rng(n)
    return rng.integers(0, 2, (n, bits)), rng.permutation(np.arange(n) % 100 + 1)


BOUGHT, KIND = some_records(120, 600)
STAYS, TREATED = some_records(110, 69)  # of 6,169 bits: packing those takes long
PURCHASE = {"dataset_purchase": lines(np.column_stack([KIND, BOUGHT]))}
TEXAS = {"texas": None, "texas/100": None, "texas/100/feats": lines(STAYS),
         "texas/100/labels": lines(TREATED[:, None])}


def changed(row, column, value):
    table = np.column_stack([KIND, BOUGHT])
    table[row, column] = value
    return {"dataset_purchase": lines(table)}


@pytest.fixture
def serve(cache, monkeypatch):
    """Serves an archive, whose hash and size `sources` then expects."""
    server = Server()

    def serve(name, content):
        file = f"dataset_{name}.tgz"
        url = server.url.replace("dataset_location.tgz", file)
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        small = {"purchase": {"records": 120}, "texas": {"records": 110, "bits": 69}}[name]
        monkeypatch.setattr(sources, name.upper(), replace(
            getattr(sources, name.upper()), url=url, blob=blob, **small))
        server.content = content
        return server

    yield serve
    server.close()


def refused(cache, name):
    with pytest.raises(DataUnavailable) as caught:
        load(name)
    assert list(cache.iterdir()) == [] and str(cache / f"{name}.npz") in str(caught.value)
    return str(caught.value)


def files_in(cache):
    return sorted(path.name for path in cache.iterdir())


def test_what_is_expected_of_the_official_archives():
    folder = "https://github.com/privacytrustlab/datasets/raw/master"
    for archive, expected in (
        (sources.PURCHASE, (f"{folder}/dataset_purchase.tgz",
                            "3efa7476ad5ed7ac3e558d28585a186b38fc5f19", 197_324, 600, 100)),
        (sources.TEXAS, (f"{folder}/dataset_texas.tgz",
                         "966f7ff40b24cf5912ff84759aab9adb8c25f30e", 67_330, 6_169, 100)),
    ):
        assert astuple(archive) == expected
    assert SETS["texas-100"].where == sources.TEXAS.url
    assert {SETS[f"purchase-{k}"].where for k in (2, 10, 20, 50, 100)} == {sources.PURCHASE.url}


@pytest.mark.parametrize(("content", "blob"), [
    (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    (b"hello world\n", "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"),
    (b"b" * 3_000_000, hashlib.sha1(b"blob 3000000\0" + b"b" * 3_000_000).hexdigest())])
def test_a_files_hash_is_gits(tmp_path, content, blob):
    (tmp_path / "file").write_bytes(content)
    assert sources.git_blob(tmp_path / "file") == blob


def test_the_hash_of_the_official_location_archive_is_gits():
    if not OFFICIAL_ARCHIVE.exists():
        pytest.skip("the official Location archive is not beside this repository")
    assert sources.git_blob(OFFICIAL_ARCHIVE) == "0cfc2caa0c8c8569cd68a5d4ab369a98c1f98447"


@pytest.mark.parametrize(("name", "files", "x", "y"), [
    ("purchase", PURCHASE, BOUGHT, KIND), ("texas", TEXAS, STAYS, TREATED)])
def test_an_archive_is_asked_for_once(cache, serve, name, files, x, y):
    server = serve(name, packed(files))
    first = load(f"{name}-100")
    np.testing.assert_array_equal(first.x, x)
    np.testing.assert_array_equal(first.y, y - 1)
    assert first.x.dtype == np.uint8 and (first.name, first.largest) == (f"{name}-100", 1)
    assert first.classes == tuple(map(str, range(1, 101))) and not first.simulated
    assert files_in(cache) == [f"{name}-100.npz"]
    assert server.asked == [f"/dataset_{name}.tgz"]
    server.close()
    again = load(f"{name}-100")
    assert (again.x == first.x).all() and (again.y == first.y).all()


@pytest.mark.parametrize("files", [
    {"purchase/purchase.csv": PURCHASE["dataset_purchase"]},
    {"._dataset_purchase": "of a Mac", **PURCHASE, "README.txt": "some words"},
    {"folder": None, "folder/table": PURCHASE["dataset_purchase"].replace("\n", "\r\n")},
    {"quoted": "".join(f'"{line.replace(",", chr(34) + ",", 1)}\n'
                       for line in PURCHASE["dataset_purchase"].splitlines())}])
def test_purchases_table_may_have_another_name(cache, serve, files):
    serve("purchase", packed(files))
    np.testing.assert_array_equal(load("purchase-100").x, BOUGHT)
    np.testing.assert_array_equal(load("purchase-100").y, KIND - 1)


@pytest.mark.parametrize("files", [
    {"feats.txt": TEXAS["texas/100/feats"], "labels.txt": TEXAS["texas/100/labels"]},
    {"texas/10/feats": lines(STAYS[:9]), "texas/10/labels": lines(TREATED[:9, None]), **TEXAS,
     "texas/100/._feats": "of a Mac", "texas/100/feats-in-words": "some words" * 9_999},
    dict(reversed(TEXAS.items()))])
def test_texas_tables_may_lie_elsewhere(cache, serve, files):
    serve("texas", packed(files))
    np.testing.assert_array_equal(load("texas-100").x, STAYS)
    np.testing.assert_array_equal(load("texas-100").y, TREATED - 1)


@pytest.mark.parametrize("name", ["purchase-100", "purchase-20", "texas-100"])
def test_an_archive_with_another_hash_is_not_kept(cache, serve, name):
    archive = name.split("-")[0]
    server = serve(archive, packed(PURCHASE if archive == "purchase" else TEXAS))
    expected = getattr(sources, archive.upper())
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])
    got = hashlib.sha1(f"blob {len(server.content)}\0".encode() + server.content).hexdigest()
    message = refused(cache, name)
    for text in (SETS[name].where, f"dataset_{archive}.tgz has", f"hash {got}",
                 f"wanted is {expected.blob}", "digits"):
        assert text in message


@pytest.mark.parametrize("length", ["said", "not said"])
def test_an_archive_cut_in_the_middle_is_not_kept(cache, serve, length):
    server = serve("purchase", packed(PURCHASE))
    whole, half = server.content, server.content[: len(server.content) // 2]
    if length == "said":
        server.sent = len(half)
    else:
        server.content = half
    refused(cache, "purchase-100")
    server.content, server.sent = whole, None
    assert len(load("purchase-100")) == 120


def test_no_network_for_an_archive(cache, serve):
    serve("purchase", packed(PURCHASE)).close()
    assert "refused" in refused(cache, "purchase-10")


@pytest.mark.parametrize(("files", "message"), [
    ({"dataset_purchase": lines(np.column_stack([KIND, BOUGHT])[:-1])},
     "holds 119 records of 600 bits and 119 labels, and wanted are 120 of 600"),
    ({"dataset_purchase": lines(np.column_stack([KIND, BOUGHT])[:, :-1])}, "120 records of 599 b"),
    ({"dataset_purchase": lines(BOUGHT)}, "120 records of 599 bits"),
    (changed(7, 30, 2), "values up to 2 and labels from 1 to 100, and wanted are bits and labels"),
    (changed(7, 0, 0), "labels from 0 to 100"), (changed(7, 0, 101), "labels from 1 to 101"),
    ({"dataset_purchase": lines(np.column_stack([np.minimum(KIND, 99), BOUGHT]))}, "from 1 to 99"),
    (changed(7, 0, 300), "300"), (changed(7, 9, -1), "-1"),
    ({"dataset_purchase": PURCHASE["dataset_purchase"][:-2] + "?\n"}, "'\\?'"),
    ({"dataset_purchase": PURCHASE["dataset_purchase"] + "1,0\n"}, "columns changed from 601 to 2"),
    ({"dataset_purchase": None}, r"dataset_purchase.tgz holds \[\], and wanted is a file")])
def test_another_layout_of_purchase_is_not_kept(cache, serve, files, message):
    serve("purchase", packed(files))
    assert re.search(message, refused(cache, "purchase-100"))


@pytest.mark.parametrize(("change", "message"), [
    ({"texas/100/labels": lines(TREATED[:-1, None])},
     "holds 110 records of 69 bits and 109 labels, and wanted are 110 of 69"),
    ({"texas/100/feats": lines(STAYS[:-1])}, "holds 109 records"),
    ({"texas/100/feats": lines(STAYS[:, 1:])}, "records of 68 bits"),
    ({"texas/100/feats": lines(STAYS + 1)}, "values up to 2"),
    ({"texas/100/labels": lines(TREATED[:, None] - 1)}, "labels from 0 to 99"),
    ({"texas/100/labels": None}, r"dataset_texas.tgz holds \['texas/100/feats'\], .* labels")])
def test_another_layout_of_texas_is_not_kept(cache, serve, change, message):
    serve("texas", packed(TEXAS | change))
    assert re.search(message, refused(cache, "texas-100"))


def test_what_is_no_archive_is_not_kept(cache, serve):
    serve("purchase", b"<html>Sign in</html>")
    assert "ReadError" in refused(cache, "purchase-100")


# ---------------------------------------------------------------- Purchase in fewer groups


def baskets(groups, n=240, seed=0):
    """Baskets of `groups` shops that share no item, and whose they are."""
    rng = np.random.default_rng(seed)
    shop = rng.permutation(np.arange(n) % groups)
    width = 600 // groups
    x = np.zeros((n, 600), np.uint8)
    for row, at in enumerate(shop * width):
        x[row, at: at + width] = rng.random(width) < 0.8
    return x, shop


def test_fewer_groups_are_those_that_k_means_finds(cache):
    cache.mkdir()
    x, shop = baskets(2)
    np.savez(cache / "purchase-100.npz", x=x, y=np.arange(240) % 100)
    dataset = load("purchase-2")
    np.testing.assert_array_equal(dataset.x, x)
    assert dataset.y.tolist() in (shop.tolist(), (1 - shop).tolist())
    assert dataset.classes == ("1", "2")


@pytest.mark.parametrize("k", [2, 10, 20, 50])
def test_groups_are_of_the_same_rows_and_the_same_each_time(cache, k):
    cache.mkdir()
    x = np.random.default_rng(1).integers(0, 2, (300, 600), dtype=np.uint8)
    np.savez(cache / "purchase-100.npz", x=x, y=np.arange(300) % 100)
    dataset = load(f"purchase-{k}")
    np.testing.assert_array_equal(dataset.x, x)
    expected = KMeans(k, init="k-means++", n_init=1, max_iter=300, random_state=0)
    np.testing.assert_array_equal(dataset.y, expected.fit(x.astype(np.float32)).labels_)
    assert len(dataset.classes) == len(np.unique(dataset.y)) == k
    (cache / f"purchase-{k}.npz").unlink()
    np.testing.assert_array_equal(load(f"purchase-{k}").y, dataset.y)


def test_one_download_serves_every_number_of_groups(cache, serve):
    server = serve("purchase", packed(PURCHASE))
    for k in (10, 100, 2):
        np.testing.assert_array_equal(load(f"purchase-{k}").x, BOUGHT)
    assert server.asked == ["/dataset_purchase.tgz"]
    assert files_in(cache) == [f"purchase-{k}.npz" for k in (10, 100, 2)]
    assert load("purchase-100").y.tolist() == (KIND - 1).tolist()


def test_groups_of_a_damaged_file_are_not_made(cache):
    cache.mkdir()
    (cache / "purchase-100.npz").write_bytes(b"nonsense")
    with pytest.raises(DataUnavailable, match=r"purchase-20 .*purchase-100.npz is damaged"):
        load("purchase-20")
    assert files_in(cache) == ["purchase-100.npz"]


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
