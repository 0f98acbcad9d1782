"""What the build measured: seconds and minutes a page, the versions and the machine.

    python -m tools.status _build/source > _build/status.md
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from mlleaks_helpers.tables import lines
from tools.lessons import (
    HEADER,
    LINES_A_MINUTE,
    WORDS_A_MINUTE,
    cells,
    facts,
    read,
    row,
    times,
)

PACKAGES = {"Keras": ["keras"], "TensorFlow": ["tensorflow-cpu", "tensorflow"],
            "NumPy": ["numpy"], "scikit-learn": ["scikit-learn"]}


def page(folder) -> str:
    """The machine and the tables, in Markdown, of the executed notebooks below a folder."""
    folder = Path(folder)
    found = {path.relative_to(folder).with_suffix("").as_posix(): read(path)
             for path in sorted(folder.rglob("*.ipynb"))}
    told = {name: facts(notebook) for name, notebook in found.items()}
    ran = {name: one for name, one in told.items() if one.seconds is not None}
    lessons = [name for name in ran if name[:2].isdigit()]
    machine = [("executed", day(found.values())), ("Python", platform.python_version()),
               *((name, version(names)) for name, names in PACKAGES.items()),
               ("processors", f"{os.cpu_count()} ({platform.machine()})"),
               ("all pages", f"{sum(one.seconds for one in ran.values()):,.0f} s")]
    return "\n".join([
        "", "## The machine", "", *table(["", ""], machine),
        "", "## Lessons", "",
        f"A reader takes {WORDS_A_MINUTE} words, or {LINES_A_MINUTE} visible lines, a minute.",
        "", *table(["lesson", *HEADER], [(link(name), *row(ran[name])) for name in lessons]),
        "", "## Other pages", "", *table(["page", "seconds"], [
            (link(name), f"{one.seconds:.0f}") for name, one in ran.items()
            if name not in lessons]), ""])


def day(notebooks) -> str:
    """The day on which the last cell of all was executed, in UTC."""
    noted = [time for notebook in notebooks for time in times(cells(notebook, "code"))]
    return max(noted)[:10] if noted else "–"


def version(names) -> str:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def link(name) -> str:
    return f"{{doc}}`/{name}`"


def table(head, rows):
    return lines(head, rows, ["---", *["--:"] * (len(head) - 1)])


if __name__ == "__main__":
    print(page(sys.argv[1]))
