"""Files: whole or not at all, digests, and arrays that are read without pickle."""

import pickle
import zipfile

import numpy as np
import pytest

from mlleaks_helpers.files import load_arrays, replacing, sha256


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as part:
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [left.name for left in path.parent.iterdir()] == ["file.txt"]


def test_what_breaks_off_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="no space"), replacing(path) as part:
        part.write_text("half")
        raise OSError("no space")
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["file.txt"]


def test_sha256():
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# ---------------------------------------------------------------- arrays


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, x=np.eye(2), y=np.array([3, 4]), names=np.array(["u", "v"]))
    return path


@pytest.mark.parametrize(("arguments", "names"), [
    ((), "x y names"), ((("y",),), "y x names"), ((("x", "y"), ()), "x y"),
    ((("x",), ("names", "z")), "x names"), (((), ("z",)), ""),
])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_each_array_has_its_name(path, arguments, names, kind):
    got = load_arrays(kind(path), *arguments)
    assert set(got) == set(names.split())
    for name, values in (("x", [[1, 0], [0, 1]]), ("y", [3, 4]), ("names", ["u", "v"])):
        assert name not in got or got[name].tolist() == values


def test_compressed_arrays_are_read_too(path):
    np.savez_compressed(path, x=np.arange(9))
    assert load_arrays(path)["x"].tolist() == list(range(9))


def test_what_a_file_lacks_is_said(path):
    with pytest.raises(ValueError, match=(
            r"some.npz holds x, y, names, and wanted are x, labels, part: without labels, part,")):
        load_arrays(path, ("x", "labels", "part"))


def test_a_file_without_arrays(path):
    np.savez(path)
    with pytest.raises(ValueError, match="holds no array, and wanted are x"):
        load_arrays(path, ("x",))


def test_objects_are_not_unpickled(path):
    np.savez(path, x=np.eye(2), y=np.array([None, "a"], object))
    assert list(load_arrays(path, ("x",), ())) == ["x"]
    with pytest.raises(ValueError, match="some.npz holds y as Python objects, which can run code"):
        load_arrays(path, ("x", "y"))


def test_other_kinds_of_files_are_told_apart(path):
    with path.open("wb") as file:
        np.save(file, np.eye(2))
    with pytest.raises(ValueError, match="some.npz holds one array without a name"):
        load_arrays(path)
    path.write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(ValueError, match="some.npz is a pickle"):
        load_arrays(path)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("notes.txt", "hello")
    with pytest.raises(ValueError, match="holds notes.txt, which is no array"):
        load_arrays(path)


@pytest.mark.parametrize("damage", ["empty", "nonsense", "cut short", "cut shorter", "bit flipped"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_files_are_named(path, save, damage):
    save(path, x=np.random.default_rng(0).random(100))
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[300] ^= 255
    path.write_bytes({"empty": b"", "nonsense": b"abc" * 99, "cut short": good[:-20],
                      "cut shorter": good[:80], "bit flipped": bytes(flipped)}[damage])
    with pytest.raises(OSError, match=r"some.npz is damaged, or no .npz file \(.+\)"):
        load_arrays(path, ("x",))


def test_no_file_and_a_folder_are_other_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.npz"):
        load_arrays(tmp_path / "none.npz")
    with pytest.raises(IsADirectoryError, match="is a folder: an .npz file is wanted"):
        load_arrays(tmp_path)


def test_a_file_that_was_read_can_be_replaced(path):
    load_arrays(path)
    with replacing(path) as part:
        np.savez(part, x=np.zeros(3))
    assert load_arrays(path)["x"].tolist() == [0, 0, 0]
