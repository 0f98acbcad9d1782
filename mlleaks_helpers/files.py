"""Files: written whole or not at all, read without pickle, told apart by their digest."""

import hashlib
import os
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def replacing(path: Path):
    """Give a file to write; it becomes `path` only if the block ends without an exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        part = Path(folder) / path.name
        yield part
        os.replace(part, path)


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def load_arrays(path: str | Path, wanted: tuple[str, ...] = (),
                also: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by their names, read without pickle.

    wanted  names that must be there
    also    names that are read if they are there; by default all that the file holds

    Raises OSError for a file that is not there, cannot be opened or is damaged, and ValueError for
    one that can be read and holds something else: what it holds, and what is wanted.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: an .npz file is wanted")
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x93NUMPY"):
        raise ValueError(f"{path} holds one array without a name: write it with np.savez")
    if start.startswith(b"\x80"):
        raise ValueError(f"{path} is a pickle, which can run code when it is read: write its "
                         "arrays with np.savez")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = file.files
            missing = [name for name in wanted if name not in names]
            if not missing:
                chosen = names if also is None else [
                    *wanted, *(name for name in also if name in names)]
                return {name: _array(file, name, path) for name in chosen}
    except _NotPlain:
        raise
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile,
            zlib.error) as error:
        said = f"{type(error).__name__}: {error}" if start else "it is empty"
        raise OSError(f"{path} is damaged, or no .npz file ({said})") from error
    raise ValueError(f"{path} holds {_listed(names)}, and wanted are {_listed(wanted)}: without "
                     f"{_listed(missing)}, or under another name, it cannot be used")


class _NotPlain(ValueError):
    pass


def _array(file, name: str, path: Path) -> np.ndarray:
    try:
        array = file[name]
    except ValueError as error:
        if "pickle" in str(error):
            raise _NotPlain(f"{path} holds {name} as Python objects, which can run code when they "
                            "are read: make it an array of numbers or str") from None
        raise
    if not isinstance(array, np.ndarray):
        raise _NotPlain(f"{path} holds {name}, which is no array: write the file with np.savez")
    return array


def _listed(names) -> str:
    return ", ".join(names) or "no array"
