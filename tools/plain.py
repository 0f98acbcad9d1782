"""The book's Markdown as any notebook shows it: directives and roles in plain words."""

from __future__ import annotations

import ast
import base64
import mimetypes
import posixpath
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from tools.exercises import minutes
from tools.game import rounds, tally
from tools.lessons import CARD, FENCE, cells, facts, read, source, takes

ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
LABEL = re.compile(r"^\(([\w-]+)\)=[ \t]*\n?", re.MULTILINE)
IMAGE = re.compile(r"!\[([^\]]*)\]\((?!\w+:)([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")
CHOICE = re.compile(r"^[-*] (?:\(([ x])\) )?", re.MULTILINE)
PARAGRAPH = "\n\n"
CALLOUTS = {"note", "tip", "warning", "important", "hint", "caution", "danger", "seealso"}
NOTHING = {"toctree", "tableofcontents", "bibliography", "glossary", "contents"}


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
        told = {"cell_type": "markdown", "id": cell["id"], "metadata": {},
                "source": self.text(source(cell)).strip("\n")}
        return told | ({"attachments": self.attached} if self.attached else {})

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
                 for name, line in CARD.items()]
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

    def _play(self, argument, options, body):
        try:
            played = rounds(self.number(argument))
        except ValueError as error:
            raise ValueError(f"{self.page}: {error}") from error
        table = ["| record | largest posterior |", "|--:|--:|",
                 *(f"| {number} | {one.shown} |" for number, one in enumerate(played, 1))]
        answers = [f"{number}. {one.answer}" for number, one in enumerate(played, 1)]
        asked = quoted("\n".join([f"**The game.** {self.text(body)}", "", *table]))
        told = "\n".join([*answers, "", f"Of these, {tally(played)}."])
        return f"{asked}\n\n{details('Answers', told)}"

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
