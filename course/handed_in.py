"""Submissions as they lie in a folder: notebooks, or archives with one; read, never unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from course.points import Refused

LARGEST = 20 * 2**20    # bytes of a notebook, and of an archive
MOST = 500              # files in an archive
KINDS = (".ipynb", ".zip")
IGNORED = ("__MACOSX", ".ipynb_checkpoints")


@dataclass(frozen=True)
class HandedIn:
    """One student's file or folder."""

    student: str
    path: Path

    def content(self) -> bytes:
        """The bytes of what was handed in. Raises Refused for what is no ordinary, small file."""
        try:
            return self._content(self.path)
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror}") from None

    def _content(self, path):
        if not path.is_symlink() and path.is_dir():
            inside = [one for one in sorted(path.iterdir())
                      if one.suffix.lower() in KINDS and not _ignored(one.name)]
            if len(inside) != 1:
                raise Refused(f"one notebook or archive is needed, got {len(inside)}")
            path, = inside
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Refused("not an ordinary file: links and devices are not followed")
        if found.st_size > LARGEST:
            raise Refused(f"larger than {LARGEST >> 20} MB; clear the outputs of the notebook")
        return path.read_bytes()


def handed_in(folder) -> list[HandedIn]:
    """One for each file or folder in `folder`, whatever it is, by name; not for hidden ones."""
    paths = [path for path in sorted(Path(folder).iterdir()) if not _ignored(path.name)]
    names = [path.stem if path.suffix.lower() in KINDS else path.name for path in paths]
    found = [HandedIn(path.name if names.count(name) > 1 else name, path)
             for name, path in zip(names, paths, strict=True)]
    return sorted(found, key=lambda one: one.student)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def notebook(content: bytes) -> dict:
    """The notebook of that content, an archive's if it is one. Raises Refused, with the reason."""
    if content[:2] == b"PK":
        content = _of_archive(content)
    if not content.strip():
        raise Refused("the file is empty")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused("the notebook is damaged: it is not JSON") from None
    if not _is_notebook(found):
        raise Refused("the file is not a notebook")
    return found


def _of_archive(content):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            if len(listed) > MOST:
                raise Refused(f"the archive holds more than {MOST} files")
            for one in listed:
                if one.filename.startswith(("/", "\\")) or ".." in Path(one.filename).parts:
                    raise Refused("the archive holds a file outside its own folder")
                if stat.S_ISLNK(one.external_attr >> 16):
                    raise Refused("the archive holds a link")
            inside = [one for one in listed if one.filename.lower().endswith(".ipynb")
                      and not _ignored(one.filename)]
            if len(inside) != 1:
                raise Refused(f"the archive must hold one notebook, got {len(inside)}")
            if inside[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused("the archive is packed in an unusual way")
            with archive.open(inside[0]) as file:
                found = file.read(LARGEST + 1)
    except Refused:
        raise
    except Exception:       # a damaged archive has many ways to say so
        raise Refused("the archive is damaged") from None
    if len(found) > LARGEST:
        raise Refused(f"the notebook in the archive is larger than {LARGEST >> 20} MB")
    return found


def _ignored(name):
    return any(part in IGNORED or part.startswith(".") for part in Path(name).parts)


def _is_notebook(found):
    """Whether it has cells with a kind, text and metadata, as everything here reads them."""
    return isinstance(found, dict) and isinstance(found.get("cells"), list) and all(
        isinstance(cell, dict) and isinstance(cell.get("cell_type"), str)
        and isinstance(cell.get("metadata"), dict) and _is_text(cell.get("source"))
        and isinstance(cell["metadata"].get("nbgrader", {}), dict)
        and isinstance(cell["metadata"].get("nbgrader", {}).get("grade_id", ""), str)
        for cell in found["cells"])


def _is_text(source):
    return isinstance(source, str) or (
        isinstance(source, list) and all(isinstance(line, str) for line in source))
