"""Exercises: one master gives the starter with its holes, the solutions, and the proof of both.

    python -m tools.exercises starter  MASTER   a page and a notebook to work in
    python -m tools.exercises solution MASTER   the same, solved
    python -m tools.exercises check MASTER …    run each, its holes, and its wrong answers

A master is a notebook with nbgrader's markers and metadata (schema 3). Beside nbgrader's own, a
cell with a solution names in `wrong` the answers that its check must refuse: `source`, a body in
place of the solution's, and `hint`, a part of what the check then says. Cells tagged `answer` are
for the solutions only.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

from tools.lessons import cells, read, source, tags, written

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
HOLE = re.compile(rf"^(?P<indent>[ \t]*){BEGIN}[ \t]*\n(?P<body>.*?)^[ \t]*{END}[ \t]*(?:\n|\Z)",
                  re.MULTILINE | re.DOTALL)
TITLE = re.compile(r"(?:\([\w-]+\)=\n)?# Exercises (\d+) · \S.*")
EXERCISE = re.compile(r"^## (\d+)\.(\d+) \S.*", re.MULTILINE)
TAKES = re.compile(r"^\*(\d+) minutes · importance: (high|medium|low)\*$", re.MULTILINE)


# ---------------------------------------------------------------- what is made


def starter(master) -> dict:
    """The master with holes, without answers."""
    made = _without_outputs(master)
    made["cells"] = [cell for cell in made["cells"] if "answer" not in tags(cell)]
    for cell in cells(made, "code"):
        cell["source"] = filled(source(cell), STUB)
    return _with_line(made)


def solution(master) -> dict:
    """The master as it was meant: without markers, and not executed yet."""
    made = _without_outputs(master)
    for cell in made["cells"]:
        text = source(cell)
        if cell["cell_type"] == "code":
            cell["source"] = HOLE.sub(lambda hole: hole["body"], text).rstrip("\n")
        else:
            text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
            cell["source"] = re.sub(r"\A# Exercises\b", "# Solutions", text)
    return _with_line(made)


def filled(code: str, body: str) -> str:
    """Some code with `body` in place of what lies between its markers, indented as they are."""
    return HOLE.sub(lambda hole: textwrap.indent(textwrap.dedent(body).strip("\n") + "\n",
                                                 hole["indent"]), code).rstrip("\n")


def minutes(notebook) -> int:
    return sum(int(found[1]) for cell in cells(notebook, "markdown")
               for found in TAKES.finditer(source(cell)))


def _without_outputs(master):
    made = copy.deepcopy(master)
    for cell in made["cells"]:
        cell["source"] = source(cell)
        for hidden in ("execution", "wrong"):
            cell["metadata"].pop(hidden, None)
        cell["metadata"].get("nbgrader", {}).pop("wrong", None)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return made


def _with_line(made):
    """The page says under its title what it takes."""
    made["cells"].insert(1, {"cell_type": "markdown", "id": "overview", "metadata": {},
                             "source": ":::{work}\n:::"})
    return made


# ---------------------------------------------------------------- what is wrong


def faults(master, number: int) -> Iterator[str]:
    """What is wrong with the master of that lesson, in words; it is run where its form is sound."""
    found = list(form(master, number))
    yield from found or behaviour(master)


def form(master, number):
    """Where a master leaves the form of a master, in words."""
    texts = [source(cell) for cell in cells(master, "markdown")]
    title = TITLE.match(texts[0]) if texts else None
    if not title or int(title[1]) != number:
        yield f"its title is not “# Exercises {number} · …”"
    numbers = [tuple(map(int, found)) for text in texts for found in EXERCISE.findall(text)]
    if numbers != [(number, place) for place in range(1, len(numbers) + 1)] or not numbers:
        yield f"its exercises are not “## {number}.1 …”, “## {number}.2 …” and so on"
    if len(numbers) != sum(len(TAKES.findall(text)) for text in texts):
        yield "an exercise has no line such as “*15 minutes · importance: high*”"
    identities = [nbgrader(cell)["grade_id"] for cell in master["cells"] if nbgrader(cell)]
    for identity in sorted({one for one in identities if identities.count(one) > 1}):
        yield f"two cells have the grade_id {identity}"
    for cell in cells(master, "code"):
        yield from _form_of_code(cell)
    holes = [is_hole(cell) for cell in master["cells"]]
    checks = [is_check(cell) for cell in master["cells"]]
    if any(holes[place] and not any(checks[place:]) for place in range(len(holes))):
        yield "a solution has no check after it"


def _form_of_code(cell):
    told, code = nbgrader(cell), source(cell)
    name = told.get("grade_id", repr(code.split("\n")[0][:40]))
    if cell.get("outputs") or cell.get("execution_count") is not None:
        yield f"{name}: outputs are not stripped"
    if is_hole(cell) != (BEGIN in code) or len(HOLE.findall(code)) != code.count(BEGIN) \
            or code.count(BEGIN) > 1 or code.count(BEGIN) != code.count(END):
        yield f"{name}: a solution has one pair of markers, and nothing else has one"
        return
    if told.get("schema_version", 3) != 3 or (is_check(cell) and not told.get("points", 0) > 0):
        yield f"{name}: metadata as nbgrader's schema 3 has them, with points for a check"
    wrong = told.get("wrong", [])
    if is_hole(cell) and not wrong:
        yield f"{name}: no wrong answer"
    if any(not str(one.get(part, "")).strip() for one in wrong for part in ("source", "hint")):
        yield f"{name}: a wrong answer has a source and a hint"
        return
    try:
        tree = ast.parse(code)
        for one in wrong:
            ast.parse(filled(code, one["source"]))
    except SyntaxError as error:
        yield f"{name}: {error.msg} in {(error.text or '').strip()!r}"
        return
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if is_check(cell) and (not asserts or not all(node.msg for node in asserts)):
        yield f"{name}: a check is made of asserts, each with a hint"


def behaviour(master):
    """What a run of the master shows: holes that pass, solutions that fail, wrong ones that do not.

    Every cell runs once as it is, and from each hole to its check once more for each body.
    """
    code = list(cells(master, "code"))
    names = {"__name__": "__main__", "display": lambda *_, **__: None}
    for place, cell in enumerate(code):
        if is_hole(cell):
            yield from _refused(code[place:_end_of_check(code, place)], names)
        if error := _run(source(cell), names):
            yield f"{_name(cell)}: its solution fails: {error!r}"
            return


def _refused(part, names):
    """What is wrong with the checks of a hole, whose cell is the first of `part`."""
    told = nbgrader(part[0])
    stub = {"source": STUB, "hint": ""}
    for number, wrong in enumerate([stub, *told["wrong"]]):
        before, error, where = dict(names), None, part[0]
        for where in part:
            text = filled(source(where), wrong["source"]) if where is part[0] else source(where)
            if error := _run(text, names):
                break
        names.clear()
        names.update(before)
        who = f"{_name(part[0])}: {f'wrong answer {number}' if number else 'the stub'}"
        if error is None:
            yield f"{who} passes"
        elif number == 0:
            if not isinstance(error, (NotImplementedError, AssertionError)):
                yield f"{who} fails with {error!r}"
        elif not isinstance(error, AssertionError) or not is_check(where):
            yield f"{who} fails with {error!r}, not in its check"
        elif wrong["hint"] not in str(error):
            yield f"{who} is told {str(error)!r}, without {wrong['hint']!r}"


def _end_of_check(code, place):
    end = next(later for later in range(place, len(code)) if is_check(code[later])) + 1
    while end < len(code) and is_check(code[end]):
        end += 1
    return end


def _run(text, names):
    """The exception that some code ends with, or None."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "<cell>", "exec"), names)
    except Exception as error:
        return error
    return None


def nbgrader(cell):
    return cell["metadata"].get("nbgrader", {})


def is_hole(cell):
    return bool(nbgrader(cell).get("solution"))


def is_check(cell):
    return bool(nbgrader(cell).get("grade"))


def _name(cell):
    return nbgrader(cell).get("grade_id") or repr(source(cell).split("\n")[0][:40])


def main(what, *paths) -> int:
    if what == "check":
        bad = 0
        for path in map(Path, paths):
            start = time.perf_counter()
            found = list(faults(read(path), int(path.name[:2])))
            bad += len(found)
            sound = f"sound, {time.perf_counter() - start:.0f} s"
            for said in found or [sound]:
                print(f"{path.name}: {said}", flush=True)
        return bool(bad)
    made = {"starter": starter, "solution": solution}[what](read(paths[0]))
    print(written(made), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
