"""What a lesson takes: words, lines of code, minutes to read and seconds to run.

    python -m tools.lessons book/*.ipynb    print a table

A reader takes a hundred words of such prose, or six lines of code, a minute. Nowhere else is that
said, and no page says its minutes in words of its own.
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

WORDS_A_MINUTE, LINES_A_MINUTE = 100, 6
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
CHECKS = re.compile(r"(?<![\w.])check\(")

CARD = {    # what an adversary may need, on every threat card in this order
    "answers": "the target's posteriors",
    "labels": "the true label of each record she asks about",
    "structure": "the target's structure and recipe",
    "same": "labelled data of the target's distribution",
    "many": "many shadow models",
    "shadow": "any shadow model at all",
    "data": "any data at all",
}

TITLED = {"admonition", "dropdown", "threat"}      # directives whose argument is read
FENCE = re.compile(r" *(`{3,}|:{3,})(?:\{([\w-]+)\})?(.*)")
WORD = re.compile(r"[^\W\d_][\w’'-]*")
NOT_PROSE = [re.compile(pattern, re.MULTILINE | re.DOTALL) for pattern in (
    r"^ *:[\w-]+:[^\n]*$",                                  # options of directives
    r"^\([\w-]+\)=$|^ *- \([ x]\)",                         # labels; marks of choices
    r"\$\$.*?\$\$|\$[^$\n]*(?:\n[^$\n]+)?\$",
    r"\{[\w:-]+\}`[^`]*`|`[^`]*`",                          # roles, and code in a line
    r"<[^>]*>|\]\([^)]*\)|^%[^\n]*$",
)]


@dataclass(frozen=True)
class Facts:
    """Of a notebook; `seconds` is None where it was not executed."""

    words: int
    visible: int
    folded: int
    median: float
    longest: int
    verdicts: int
    minutes: int
    seconds: float | None


def facts(notebook) -> Facts:
    """Of a notebook, as JSON gives it or nbformat reads it."""
    text = "\n\n".join(map(source, cells(notebook, "markdown")))
    code = list(cells(notebook, "code"))
    visible = [lines(cell) for cell in code if not is_folded(cell) and lines(cell)]
    words = count(text)
    return Facts(
        words=words, visible=sum(visible),
        folded=sum(lines(cell) for cell in code if is_folded(cell)),
        median=statistics.median(visible or [0]), longest=max(visible, default=0),
        verdicts=sum(len(CHECKS.findall(source(cell))) for cell in code),
        minutes=math.ceil(words / WORDS_A_MINUTE + sum(visible) / LINES_A_MINUTE),
        seconds=seconds(code))


def cells(notebook, kind):
    return (cell for cell in notebook["cells"] if cell["cell_type"] == kind)


def source(cell) -> str:
    return "".join(cell["source"])


def tags(cell) -> set[str]:
    return set(cell["metadata"].get("tags", ()))


def is_folded(cell) -> bool:
    """Whether a reader has to open the cell to see its code, or cannot."""
    return bool(FOLDED & tags(cell))


def lines(cell) -> int:
    return sum(bool(line.strip()) for line in source(cell).split("\n"))


def count(text: str) -> int:
    """Words of prose in some Markdown, those of directives included: no code, role or formula."""
    text = without_code(text)
    for pattern in NOT_PROSE:
        text = pattern.sub(" ", text)
    return len(WORD.findall(text))


def without_code(text: str) -> str:
    """Some Markdown without its blocks of code and the fences of directives; titles stay."""
    kept, opened, code = [], [], None
    for line in text.split("\n"):
        found = FENCE.fullmatch(line)
        fence, directive, rest = found.groups() if found else (None, None, "")
        if code:
            code = None if line.strip() == code else code
        elif directive:
            opened.append(fence)
            kept.append(rest if directive in TITLED else "")
        elif fence and opened and line.strip() == opened[-1]:
            opened.pop()
        elif fence and fence[0] == "`":
            code = fence
        else:
            kept.append(line)
    return "\n".join(kept)


def times(code) -> list[str]:
    """When cells were executed, from start to answer, as nbclient noted it."""
    return [time for cell in code for time in cell["metadata"].get("execution", {}).values()]


def seconds(code) -> float | None:
    """From the first cell's start to the last one's answer."""
    noted = list(map(datetime.fromisoformat, times(code)))
    return (max(noted) - min(noted)).total_seconds() if noted else None


def takes(found: Facts) -> str:
    """“9 minutes to read · 4 s to run on 2 CPU cores, no GPU, no download”."""
    read_in = f"{found.minutes} minute{'s' * (found.minutes != 1)} to read"
    if found.seconds is None:
        return read_in
    return (f"{read_in} · {max(1, round(found.seconds))} s to run on {os.cpu_count()} CPU cores, "
            "no GPU, no download")


def read(path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def written(notebook) -> str:
    """A notebook as it is stored."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


HEADER = ["words", "visible lines", "folded", "median cell", "longest", "verdicts",
          "minutes", "seconds"]


def row(found: Facts) -> list[str]:
    """The facts as texts, in the order of `HEADER`."""
    ran = "–" if found.seconds is None else f"{found.seconds:.0f}"
    return [f"{found.words:,}", *map(str, (found.visible, found.folded)), f"{found.median:g}",
            *map(str, (found.longest, found.verdicts, found.minutes)), ran]


def main(paths) -> None:
    for name, texts in [("", HEADER), *((Path(path).stem, row(facts(read(path))))
                                        for path in paths)]:
        print(f"{name:36.36}", *(f"{text:>{max(len(head), 6)}}"
                                 for text, head in zip(texts, HEADER, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
