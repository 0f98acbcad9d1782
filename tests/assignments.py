"""The assignments, solved in this process: for their tests."""

import contextlib
import importlib
import io
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from course.submission import Submission
from tools.exercises import STUB, filled
from tools.lessons import cells, read, source

FOLDER = Path(__file__).resolve().parent.parent / "course/assignments"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/master.ipynb"))
OWN = "own-"  # cells that train a model of the student's own


@cache
def master(name):
    return read(FOLDER / name / "master.ipynb")


@cache
def part(name, what):
    return importlib.import_module(f"course.assignments.{name}.{what}")


def told(cell):
    return cell["metadata"].get("nbgrader", {})


def holes(name):
    return {told(cell)["grade_id"]: cell for cell in cells(master(name), "code")
            if told(cell).get("solution")}


@contextlib.contextmanager
def desk(name, seed):
    """A folder with the visible data, and in it the process."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", **part(name, "given").visible(seed))
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def solved(name, seed, bodies=None, *, checks=False):
    """The functions of that assignment, its holes filled with `bodies` where named, by grade_id.

    Without `checks` only what a function may need is run: what is given, and the holes.
    """
    names = {"__name__": "__main__"}
    with desk(name, seed), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cell in cells(master(name), "code"):
            identity = told(cell).get("grade_id")
            if (not checks and told(cell).get("grade")) or cell["id"].startswith(OWN):
                continue
            body = (bodies or {}).get(identity)
            text = source(cell) if body is None else filled(source(cell), body)
            exec(compile(text, identity or cell["id"], "exec"), names)
    return Submission(names)


def stub(name):
    return {identity: STUB for identity in holes(name)}


def graded(name, submission, seed, only=None):
    """{identity: Points} of every question, or of those in `only`."""
    given = part(name, "given").hidden(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {one.identity: one.judge(submission, given) for one in part(name, "checks").QUESTIONS
                if only is None or one.identity in only}
