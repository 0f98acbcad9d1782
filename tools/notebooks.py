"""Notebooks that work alone: what JupyterLab opens, what the download button gives.

    python -m tools.notebooks SOURCE MADE     of every notebook below SOURCE, executed or starter
    python -m tools.notebooks --lend MADE LAB a copy to work in; what a reader changed is left alone

Numbers are filled in, directives and roles become plain Markdown, cells that only glued are gone,
and a first cell says what this is and where the helpers come from. `repository_url` in
`_config.yml` names a published copy, from which a hosted notebook installs them.
"""

from __future__ import annotations

import ast
import base64
import builtins
import hashlib
import importlib.util
import json
import mimetypes
import posixpath
import re
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tools.exercises import minutes
from tools.form import Names, parsed
from tools.lessons import FENCE, cells, facts, read, source, tags, takes

ROOT = Path(__file__).resolve().parent.parent
FOLDS = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
LABEL = re.compile(r"^\(([\w-]+)\)=[ \t]*\n?", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")
CHOICE = re.compile(r"^[-*] (?:\(([ x])\) )?", re.MULTILINE)
PARAGRAPH = "\n\n"
CALLOUTS = {"note", "tip", "warning", "important", "hint", "caution", "danger", "seealso"}
NOTHING = {"toctree", "tableofcontents", "bibliography", "glossary", "contents"}

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
*A notebook of The ML-Leaks Book, to be run and changed. It needs Python 3.11 to 3.13 and the
book's helpers, `mlleaks_helpers`: {where}. No GPU and no download of data.*"""
INSTALLED = "the next cell installs them where they are missing"
TO_INSTALL = "install them with `pip install '.[keras]'` in the book's folder, or from its wheel"


# ---------------------------------------------------------------- a book's pages


@dataclass
class Book:
    """What the pages of a folder are called, and where their labels lead."""

    folder: Path
    url: str = ""
    titles: dict = field(default_factory=dict)      # {page: title}
    labels: dict = field(default_factory=dict)      # {label: (page, title or None)}

    def __post_init__(self):
        self.folder = Path(self.folder)
        for path in sorted(self.folder.rglob("*")):
            if path.suffix not in {".md", ".ipynb"}:
                continue
            page = path.relative_to(self.folder).with_suffix("").as_posix()
            text = path.read_text(encoding="utf-8") if path.suffix == ".md" else "\n\n".join(
                map(source, cells(read(path), "markdown")))
            title = re.search(r"^# (.*)", text, re.MULTILINE)
            self.titles[page] = title[1].strip() if title else page
            for found in re.finditer(r"^\(([\w-]+)\)=\s*(?:#+ (.*))?", text, re.MULTILINE):
                self.labels[found[1]] = page, found[2]

    @property
    def notebooks(self):
        return sorted(path.relative_to(self.folder).with_suffix("").as_posix()
                      for path in self.folder.rglob("*.ipynb"))

    def references(self):
        """{key: (authors, year, address)} out of the bibliography."""
        found = {}
        for path in self.folder.glob("*.bib"):
            for entry in re.split(r"^@\w+\{", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
                fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\}", entry, re.MULTILINE))
                names = [name.split(",")[0].strip("{} ") for name in
                         fields.get("author", "").split(" and ")]
                who = names[0] + (" et al." if len(names) > 2 else
                                  f" and {names[1]}" if len(names) > 1 else "")
                link = fields.get("url") or (
                    f"https://doi.org/{fields['doi']}" if "doi" in fields else
                    f"https://arxiv.org/abs/{fields['eprint']}" if "eprint" in fields else "")
                found[entry.split(",")[0].strip()] = who, fields.get("year", ""), link
        return found


# ---------------------------------------------------------------- a notebook


def made(notebook, page: str, book: Book) -> dict:
    """The notebook of that page, to work with alone."""
    text = Plain(notebook, page, book)
    kept = [text.cell(cell) if cell["cell_type"] == "markdown" else _code(cell)
            for cell in _needed(notebook)]
    where, code = ((INSTALLED, FROM_REPOSITORY.format(url=book.url)) if book.url else
                   (TO_INSTALL, FROM_FOLDER))
    start = [_cell("markdown", "start", START.format(where=where)),
             _cell("code", "start-code", code.strip())]
    metadata = {name: notebook["metadata"][name] for name in ("kernelspec", "language_info")
                if name in notebook["metadata"]}
    return {"cells": start + kept, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind, identity, text):
    made = {"cell_type": kind, "id": identity, "metadata": {}, "source": text}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _code(cell):
    metadata = {name: value for name, value in cell["metadata"].items() if name != "execution"}
    if tags(cell) & FOLDS:
        metadata["jupyter"] = {"source_hidden": True}
        metadata["tags"] = sorted(tags(cell) - FOLDS)
    metadata = {name: value for name, value in metadata.items() if name != "tags" or value}
    return {**_cell("code", cell["id"], without_glue(source(cell))), "metadata": metadata}


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


# ---------------------------------------------------------------- plain Markdown


class Plain:
    """Turns the Markdown of a page's cells into what any notebook shows."""

    def __init__(self, notebook, page, book):
        self.notebook, self.page, self.book = notebook, page, book
        self.numbers = glued(notebook)
        self.references = book.references()
        self.attached = {}

    def cell(self, cell):
        self.attached = {}
        made = _cell("markdown", cell["id"], self.text(source(cell)).strip("\n"))
        return made | ({"attachments": self.attached} if self.attached else {})

    def text(self, text: str) -> str:
        out, prose, lines = [], [], text.split("\n")

        def flush():
            out.extend(self.inline("\n".join(prose)).split("\n") if prose else [])
            prose.clear()

        while lines:
            line = lines.pop(0)
            found = FENCE.fullmatch(line)
            if not found or (found[2] is None and found[1][0] == ":"):
                prose.append(line)
                continue
            flush()
            inside = []
            while lines and not _closes(line := lines.pop(0), found[1]):
                inside.append(line)
            indent = re.match(" *", found[0])[0]
            body = textwrap.dedent("\n".join(inside))
            block = (f"{found[1]}{found[3]}\n{body}\n{found[1]}" if found[2] is None else
                     self.directive(found[2], found[3].strip(), body))
            out += [textwrap.indent(block, indent)] if block else []
        flush()
        return "\n".join(out)

    def directive(self, name, argument, body):
        options = {}
        while found := re.match(r":([\w-]+):[ \t]*(.*)(?:\n|\Z)", body):
            options[found[1]], body = found[2], body[found.end():]
        body = body.strip("\n")
        make = getattr(self, f"_{name.replace('-', '_')}", None)
        if make:
            return make(argument, options, body)
        if name in NOTHING:
            return ""
        text = self.text(body)
        if "dropdown" in (name, *options.get("class", "").split()):
            return details(self.inline(argument), text)
        title = argument or (name.capitalize() if name in CALLOUTS else "")
        plain = PARAGRAPH.join(filter(None, [title and f"**{self.inline(title)}**", text]))
        return quoted(plain) if name in {"admonition", *CALLOUTS} else plain

    def _lesson(self, argument, options, body):
        practice = f"exercises/{self.page}"
        link = (f" · [practice]({self.relative(practice)})"
                if practice in self.book.notebooks else "")
        return f"*{takes(facts(self.notebook))}*{link}"

    def _work(self, argument, options, body):
        folder, name = posixpath.split(self.page)
        other = "solutions" if folder == "exercises" else "exercises"
        return (f"*{minutes(self.notebook)} minutes in all* · {self.link(f'/{name}', 'lesson')} · "
                f"{self.link(f'/{other}/{name}', other)}")

    def _predict(self, argument, options, body):
        number = f"\n\nWrite down {options['number']}." if "number" in options else ""
        return quoted(f"**Your prediction.** {self.text(body)}{number}")

    def _predicted(self, argument, options, body):
        return quoted(f"**What you predicted.** {self.text(body)}")

    def _threat(self, argument, options, body):
        struck = {name.strip() for name in options.get("struck", "").split(",")}
        lines = [f"- ~~{line}~~" if name in struck else f"- {line}"
                 for name, line in card().items()]
        told = f"**{argument}: what she needs.** {self.text(body)}"
        return quoted("\n".join([told, "", *lines]))

    def _quiz(self, argument, options, body):
        first = CHOICE.search(body)
        question, rest = body[:first.start()].strip(), body[first.start():]
        choices, answers = [], []
        for right, item in zip(*[iter(CHOICE.split(rest)[1:])] * 2, strict=True):
            choice, _, reply = item.strip().partition("\n\n")
            reply = textwrap.dedent(reply.replace("\n  ", "\n").removeprefix("  "))
            choices.append(f"- {self.inline(choice)}")
            verdict = "Right." if right == "x" else "Not quite."
            answers.append(f"**{self.inline(choice)}** {verdict} {self.text(reply)}")
        asked = quoted("\n".join([f"**Quiz.** {self.text(question)}", "", *choices]))
        return f"{asked}\n\n{details('Answers', PARAGRAPH.join(answers))}"

    def _image(self, argument, options, body):
        return f"![{options.get('alt', '')}]({self.attach(argument)})\n\n{self.text(body)}".strip()

    _figure = _image

    def _math(self, argument, options, body):
        return f"$$\n{body or argument}\n$$"

    def _code_block(self, argument, options, body):
        return f"```{argument}\n{body}\n```"

    _code = _code_block

    def inline(self, text):
        text = LABEL.sub("", text)
        text = ROLE.sub(lambda found: self.role(found[1], found[2]), text)
        text = IMAGE.sub(lambda found: f"![{found[1]}]({self.attach(found[2])})", text)
        return LINK.sub(lambda found: self.link(
            posixpath.splitext(found[2])[0], found[1], found[3] or ""), text)

    def role(self, role, content):
        shown = re.fullmatch(r"(.*?)\s*<([^<>]+)>", content, re.DOTALL)
        text, target = (shown[1], shown[2]) if shown else (None, content)
        if role.startswith("glue"):
            return self.number(content)
        if role.startswith("cite"):
            return self.cited(role, content)
        if role == "doc":
            return self.link(target, text)
        if role in {"ref", "numref"}:
            page, title = self.book.labels.get(target, (None, None))
            return self.link(f"/{page}", text or title or target)
        return f"${content}$" if role == "math" else text or content

    def number(self, key):
        name, _, form = key.partition(":")
        if name not in self.numbers:
            raise ValueError(f"{self.page}: {{glue}} {name!r} is not among the numbers that its "
                             "cells glue")
        return f"{float(self.numbers[name]):{form}}" if form else self.numbers[name]

    def cited(self, role, content):
        told = []
        for key in content.split(","):
            if key.strip() not in self.references:
                raise ValueError(f"{self.page}: {key.strip()!r} is not in the bibliography")
            who, year, link = self.references[key.strip()]
            words = f"{who} ({year})" if role.startswith("cite:t") else f"{who}, {year}"
            told.append(f"[{words}]({link})" if link else words)
        return ", ".join(told) if role.startswith("cite:t") else f"({'; '.join(told)})"

    def link(self, target, text=None, anchor=""):
        """To another of these notebooks; to other pages there is none."""
        page = posixpath.normpath(posixpath.join("/", posixpath.dirname(self.page), target))[1:]
        text = text or self.book.titles.get(page, target)
        return f"[{text}]({self.relative(page)})" if page in self.book.notebooks else text

    def relative(self, page):
        return posixpath.relpath(page, posixpath.dirname(self.page) or ".") + ".ipynb"

    def attach(self, name):
        path = self.book.folder / posixpath.dirname(self.page) / name
        kind = mimetypes.guess_type(path.name)[0]
        self.attached[path.name] = {kind: base64.b64encode(path.read_bytes()).decode()}
        return f"attachment:{path.name}"


def _closes(line, fence):
    return re.fullmatch(rf" *{re.escape(fence[0])}{{{len(fence)},}}\s*", line)


def quoted(text):
    return "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))


def details(summary, body):
    return f"<details><summary>{summary}</summary>\n\n{body.strip()}\n\n</details>"


def card() -> dict[str, str]:
    """The lines of the threat-model card, where the site has them."""
    spec = importlib.util.spec_from_file_location("practice", ROOT / "book/_ext/practice.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CARD


def glued(notebook) -> dict[str, str]:
    """The numbers that a notebook's cells glued when they ran, as the page shows them."""
    found = {}
    for cell in cells(notebook, "code"):
        for output in cell.get("outputs", ()):
            scrap = output.get("metadata", {}).get("scrapbook")
            if scrap:
                data = output["data"][scrap["mime_prefix"] + "text/plain"]
                text = "".join(data)
                found[scrap["name"]] = (ast.literal_eval(text) if re.match("['\"]", text) else text)
    return found


# ---------------------------------------------------------------- all of them


def make(folder, target) -> None:
    """Of every notebook below `folder`; what is no longer there leaves `target`."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    url = config["sphinx"]["config"].get("repository_url") or ""
    book, target = Book(folder, url), Path(target)
    for page in book.notebooks:
        path = target / f"{page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_json(made(read(book.folder / f"{page}.ipynb"), page, book)),
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


def _json(notebook):
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(*arguments) -> None:
    if arguments[0] == "--lend":
        for name in lend(*arguments[1:]):
            print(f"yours, left as it is: {name}")
    else:
        make(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
