"""The assignments, solved in this process: for their tests."""

import contextlib
import io
import warnings
from functools import cache
from pathlib import Path

from course.assignment import assignments
from course.submission import Submission
from tools.exercises import STUB, filled, is_hole, nbgrader
from tools.lessons import cells, source

ALL = {one.name: one for one in assignments()}
CELLS = {name: list(cells(one.master, "code")) for name, one in ALL.items()}
QUESTIONS = {name: {one.identity: one for one in made.questions} for name, made in ALL.items()}


@cache
def data(name, seed):
    return ALL[name].data(seed)


@cache
def hidden(name, seed):
    return ALL[name].hidden(seed)


def holes(name):
    """{grade_id: cell} of what students fill in."""
    return {nbgrader(cell)["grade_id"]: cell for cell in CELLS[name] if is_hole(cell)}


def stub(name):
    return dict.fromkeys(holes(name), STUB)


@contextlib.contextmanager
def desk(name, seed, folder):
    """In a folder with the visible data, silently."""
    (Path(folder) / "data.npz").write_bytes(data(name, seed))
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), \
            warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def solved(name, folder, bodies=None):
    """The functions of that assignment, its holes filled with `bodies` where named, by grade_id.

    Of the other cells those are run that come before the first hole.
    """
    names, bodies = {"__name__": "__main__"}, bodies or {}
    first = next(place for place, cell in enumerate(CELLS[name]) if is_hole(cell))
    with desk(name, 0, folder):
        for place, cell in enumerate(CELLS[name]):
            if place < first or is_hole(cell):
                text = source(cell)
                body = bodies.get(nbgrader(cell).get("grade_id"))
                exec(text if body is None else filled(text, body), names)
    return Submission(names)


def graded(name, submission, seed, only=None):
    """{identity: Points} of every question, or of those in `only`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {identity: one.judge(submission, hidden(name, seed))
                for identity, one in QUESTIONS[name].items() if only is None or identity in only}
