"""Notebooks that work alone: what JupyterLab opens, what the download button gives.

    python -m tools.notebooks SOURCE MADE     of every notebook below SOURCE, executed or starter
    python -m tools.notebooks --lend MADE LAB a copy to work in; what a reader changed is left alone

Numbers are filled in, directives and roles become plain Markdown, cells that only glued are gone,
and a first cell says what this is and where the helpers come from. `repository_url` in
`_config.yml` names a published copy, from which a hosted notebook installs them.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import re
import sys
from pathlib import Path

import yaml

from tools.form import Names, parsed
from tools.lessons import FOLDED, read, source, tags, written
from tools.plain import Book, Plain

ROOT = Path(__file__).resolve().parent.parent
FROM_REPOSITORY = """\
try:
    import mlleaks_helpers
except ModuleNotFoundError:
    %pip install --quiet "mlleaks-helpers[keras] @ git+{url}"
"""
FROM_FOLDER = """\
try:
    import mlleaks_helpers
except ModuleNotFoundError:
    raise ModuleNotFoundError("install the helpers first: in the folder of the book, "
                              "run  pip install '.[keras]'") from None
"""
START = """\
*A notebook of The ML-Leaks book, to be run and changed. It needs Python 3.11 to 3.13 and the
book's helpers, `mlleaks_helpers`: {where}. No GPU and no download of data.*"""
INSTALLED = "the next cell installs them where they are missing"
TO_INSTALL = "install them with `pip install '.[keras]'` in the book's folder, or from its wheel"


# ---------------------------------------------------------------- a notebook


def made(notebook, page: str, book: Book) -> dict:
    """The notebook of that page, to work with alone."""
    text = Plain(notebook, page, book)
    kept = [text.cell(cell) if cell["cell_type"] == "markdown" else _code(cell)
            for cell in _needed(notebook)]
    where, code = ((INSTALLED, FROM_REPOSITORY.format(url=book.url)) if book.url else
                   (TO_INSTALL, FROM_FOLDER))
    start = [new_cell("markdown", "start", START.format(where=where)),
             new_cell("code", "start-code", code.strip())]
    metadata = {name: notebook["metadata"][name] for name in ("kernelspec", "language_info")
                if name in notebook["metadata"]}
    return {"cells": start + kept, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def new_cell(kind, identity, text):
    made = {"cell_type": kind, "id": identity, "metadata": {}, "source": text}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _code(cell):
    metadata = {name: value for name, value in cell["metadata"].items() if name != "execution"}
    if tags(cell) & FOLDED:
        metadata["jupyter"] = {"source_hidden": True}
        metadata["tags"] = sorted(tags(cell) - FOLDED)
    metadata = {name: value for name, value in metadata.items() if name != "tags" or value}
    return {**new_cell("code", cell["id"], without_glue(source(cell))), "metadata": metadata}


def _needed(notebook):
    """The cells without those removed ones that nothing later needs."""
    wanted, found = set(), []
    for cell in reversed(notebook["cells"]):
        if cell["cell_type"] == "code":
            reader = Names(dir(builtins))
            reader.run(parsed(source(cell)))
            touched = reader.stored | _changed(source(cell))
            if "remove-cell" in tags(cell) and not touched & wanted:
                continue
            wanted |= set(reader.missing)
        found.append(cell)
    return reversed(found)


def _changed(code):
    """Names whose items or attributes the code sets."""
    changed = set()
    for node in ast.walk(parsed(code)):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            while isinstance(node, (ast.Subscript, ast.Attribute)):
                node = node.value
            changed |= {node.id} if isinstance(node, ast.Name) else set()
    return changed


def without_glue(code: str) -> str:
    """The same without myst-nb, which only the site needs."""
    code = re.sub(r"^from myst_nb import glue\n*", "", code, flags=re.MULTILINE)
    if not re.search(r"\bglue\(", code):
        return code
    lines = code.split("\n")
    for node in reversed(parsed(code).body):
        called = node.value.func if isinstance(node, ast.Expr) and isinstance(
            node.value, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "glue":
            del lines[node.lineno - 1:node.end_lineno]
    code = "\n".join(lines).strip("\n")
    if re.search(r"\bglue\(", code):
        code = "def glue(*_, **__):\n    \"\"\"For the site only.\"\"\"\n\n\n" + code
    return code


# ---------------------------------------------------------------- all of them


def make(folder, target) -> None:
    """Of every notebook below `folder`; what is no longer there leaves `target`."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    url = config["sphinx"]["config"].get("repository_url") or ""
    book, target = Book(folder, url), Path(target)
    for page in book.notebooks:
        path = target / f"{page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(made(read(book.folder / f"{page}.ipynb"), page, book)),
                        encoding="utf-8")
    if url:
        (target / "requirements.txt").write_text(f"mlleaks-helpers[keras] @ git+{url}\n")
    for path in target.rglob("*.ipynb"):
        if path.relative_to(target).with_suffix("").as_posix() not in book.notebooks:
            path.unlink()


def lend(folder, target) -> list[str]:
    """Copies notebooks to work in; returns those that a reader has changed, which stay as they are.

    What was lent is remembered in `.lent.json`: a file that is still as it was lent is replaced.
    """
    folder, target = Path(folder), Path(target)
    target.mkdir(parents=True, exist_ok=True)
    memory = target / ".lent.json"
    lent = json.loads(memory.read_text()) if memory.exists() else {}
    kept = []
    for path in sorted(folder.rglob("*.ipynb")):
        name, new = path.relative_to(folder).as_posix(), path.read_bytes()
        old = (target / name).read_bytes() if (target / name).exists() else None
        if old is not None and old != new and _digest(old) != lent.get(name):
            kept.append(name)
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(new)
        lent[name] = _digest(new)
    memory.write_text(json.dumps(lent, indent=1))
    return kept


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def main(*arguments) -> None:
    if arguments[0] == "--lend":
        for name in lend(*arguments[1:]):
            print(f"yours, left as it is: {name}")
    else:
        make(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
