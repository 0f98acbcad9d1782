"""What students get: for each assignment an archive that works alone.

    python -m course.release [--seed COURSE_SEED] [--out FOLDER]

It holds the notebook with its holes, the data made from the seed, the helpers' code, what to
install, and a page that says how to begin. No solution, no hidden check, no output.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

import mlleaks_helpers
from course.assignment import GUESSED, Assignment, assignments
from tools import exercises
from tools.lessons import cells, source, written
from tools.notebooks import new_cell
from tools.plain import Book, Plain

ROOT = Path(__file__).resolve().parent.parent
HEADING = re.compile(r"^## (?P<title>\S.*)$", re.MULTILINE)
TAKES = re.compile(r"^\*(?P<minutes>\d+) minutes\b.*\*$", re.MULTILINE)
START = """\
*Run this cell first. On Colab, open the folder symbol on the left before and upload
`{name}.zip` there; elsewhere unpack the archive and open this notebook in its folder.*"""
UNPACK = """\
import zipfile
from pathlib import Path

if not Path("data.npz").exists():
    zipfile.ZipFile("{name}.zip").extractall()
import mlleaks_helpers"""
GUIDE = """\
# {title}

{total:g} points, about {hours} of work:

| question | minutes | points |
|---|---|---|
{questions}

## Begin

Unpack `{name}.zip` into a folder of its own.

- **JupyterLab**, with Python 3.11 to 3.13: in that folder run
  `python -m pip install -r requirements.txt`, then `jupyter lab {name}.ipynb`.
- **In the book's folder**: unpack it below `lab/`, which `make lab` opens.
- **Colab**: open `{name}.ipynb`, upload `{name}.zip` with the folder symbol on the left, and
  run the first cell.

No GPU, no account, no download of data.

## Work

- Write your solution where it says `# YOUR CODE HERE`, instead of the line below it. Keep the
  names of functions and their arguments.
- The cell after it checks your function on *your* data and gives hints. You are graded by checks
  on *other* data, made for this course: a function that knows the answers of yours earns nothing
  there.
- Each call of a function has half a minute. Of cells that you add, imports, functions and
  constants count; a function must not need what other cells compute.
- Graded is what functions return, never how well a model of yours has been trained.

## Hand in

Restart the kernel, run everything, save, and hand in `{name}.ipynb` alone. Do not copy or delete
the cells in which you wrote: they are known by a name that you do not see.
"""


def release(assignment: Assignment, seed: int, out) -> Path:
    """Writes the folder and the archive of an assignment into `out`; returns the archive."""
    folder = Path(out) / assignment.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    notebook = student_version(assignment)
    (folder / f"{assignment.name}.ipynb").write_text(written(notebook), encoding="utf-8")
    (folder / "data.npz").write_bytes(assignment.data(seed))
    (folder / "requirements.txt").write_text(requirements(notebook))
    (folder / "GUIDE.md").write_text(guide(assignment), encoding="utf-8")
    _copy_helpers(folder / "mlleaks_helpers")
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():      # all of one date: the same content gives the same archive
                name = path.relative_to(folder).as_posix()
                info = zipfile.ZipInfo(name)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                file.writestr(info, path.read_bytes())
    return archive


def student_version(assignment: Assignment) -> dict:
    """The notebook with its holes, in plain Markdown, with a first cell that finds the data."""
    made = exercises.starter(assignment.master)
    made["cells"] = [one for one in made["cells"] if one["id"] != "overview"]
    text = Plain(made, assignment.name, Book(ROOT / "book"))
    kept = [text.cell(one) if one["cell_type"] == "markdown" else one for one in made["cells"]]
    start = [new_cell("markdown", "start", START.format(name=assignment.name)),
             new_cell("code", "start-code", UNPACK.format(name=assignment.name))]
    return made | {"cells": [kept[0], *start, *kept[1:]]}


def requirements(notebook) -> str:
    """What the notebook and the helpers beside it need from a package index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = "\n".join(source(one) for one in cells(notebook, "code"))
    keras = project["optional-dependencies"]["keras"] if "mlleaks_helpers.models" in text else []
    return "\n".join([*project["dependencies"], *keras, "jupyterlab"]) + "\n"


def guide(assignment: Assignment) -> str:
    """The page that comes with it: what it asks, how to begin, how to hand in."""
    master = assignment.master
    tasks = list(asked(master))
    title = re.search(r"^# (.*)", source(master["cells"][0]), re.MULTILINE)
    minutes = sum(task[1] for task in tasks)
    rows = [f"| {name} | {takes or ''} | {points:g} |" for name, takes, points in tasks]
    return GUIDE.format(name=assignment.name, title=title[1] if title else assignment.name,
                        hours=_hours(minutes), questions="\n".join(rows),
                        total=sum(task[2] for task in tasks))


def asked(master):
    """(title, minutes, points) of each section of a master that has a hole or a time."""
    found = []
    for one in master["cells"]:
        text = source(one)
        if one["cell_type"] == "markdown":
            for part in re.split(r"^(?=## )", text, flags=re.MULTILINE):
                heading, takes = HEADING.match(part), TAKES.search(part)
                if heading:
                    found.append([heading["title"], 0, 0])
                if takes and found:
                    found[-1][1] += int(takes["minutes"])
        elif exercises.is_check(one) and found:
            found[-1][2] += exercises.nbgrader(one)["points"]
    return (tuple(one) for one in found if one[1] or one[2])


def _hours(minutes):
    return f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 30) / 2:g} hours"


def _copy_helpers(folder):
    """The helpers without what the book recorded, which is large and no assignment reads."""
    shutil.copytree(Path(mlleaks_helpers.__file__).parent, folder, ignore=shutil.ignore_patterns(
        "__pycache__", "recordings", "references", "canaries.npz"))


def main(*arguments) -> int:
    parser = argparse.ArgumentParser(prog="python -m course.release", description=__doc__)
    parser.add_argument("--seed", type=int, default=os.environ.get("COURSE_SEED"))
    parser.add_argument("--out", default="_build/assignments")
    told = parser.parse_args(arguments)
    fresh = GUESSED + secrets.randbelow(GUESSED)
    if told.seed is None:
        parser.error("a course has a seed of its own, which only its teachers know; this one was "
                     f"drawn just now: COURSE_SEED={fresh}")
    for assignment in assignments():
        print(release(assignment, int(told.seed), told.out))
    if int(told.seed) < GUESSED:
        print(f"COURSE_SEED={told.seed} can be found by trying: the code is public, and data.npz "
              f"says when it is right. For a course take a long one, such as {fresh}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
