"""The same checks inside other autograders.

    python -m course.adapters gradescope ASSIGNMENT SUBMISSION    results.json, also for otter
    python -m course.adapters nbgrader ASSIGNMENT                 a source for nbgrader
    SUBMISSION=… ASSIGNMENT=… python -m pytest course/test_submission.py

All of them read COURSE_SEED from the environment. Only nbgrader calls a student's functions in
the process that knows the hidden data; use it with its own containers.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path

from course import feedback
from course.assignment import Assignment, assignments
from course.contained import contained
from course.grade import Grade, Grader
from course.handed_in import HandedIn
from course.submission import Submission
from tools.exercises import is_check, is_hole, nbgrader
from tools.lessons import source, written

HIDDEN = """\
### BEGIN HIDDEN TESTS
from course.adapters import points_of
points_of("{assignment}", "{question}", globals())
### END HIDDEN TESTS"""


def named(name: str) -> Assignment:
    """The assignment of that name. Raises ValueError for another."""
    known = {one.name: one for one in assignments()}
    if name not in known:
        raise ValueError(f"assignment must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def graded(name: str, path) -> Grade:
    """One submission, graded behind whatever walls there are."""
    grader = Grader(named(name), seed(), contained().walls)
    return grader.grade(HandedIn(Path(path).stem, Path(path)))


def results(grade: Grade) -> dict:
    """What Gradescope reads as results.json: students see each question's points and hint."""
    tests = [{"name": name, "score": one.points, "max_score": one.out_of, "visibility": "visible",
              "output": one.message + (f"\n{one.estimate}" if one.estimate else "")}
             for name, one in grade.points.items()]
    return {"score": grade.total.points, "output": feedback.plain(grade.refused), "tests": tests,
            "stdout_visibility": "hidden"}


def points_of(name: str, question: str, names: dict) -> float:
    """The points of one question for the functions in `names`; nbgrader's hidden tests call it,
    and nbgrader takes the number that a check ends with for its points.

    Raises AssertionError with the hint where there are none.
    """
    assignment = named(name)
    one, = (one for one in assignment.questions if one.identity == question)
    found = one.judge(Submission(names), assignment.hidden(seed()))
    assert found.points > 0, found.message
    return found.points


def source_version(assignment: Assignment) -> dict:
    """The master as nbgrader's source: each check is followed by the hidden one of its question."""
    made, question = copy.deepcopy(assignment.master), None
    for cell in made["cells"]:
        nbgrader(cell).pop("wrong", None)
        if is_hole(cell):
            question = nbgrader(cell)["grade_id"]
        elif is_check(cell) and question in {one.identity for one in assignment.questions}:
            cell["source"] = source(cell) + "\n" + HIDDEN.format(assignment=assignment.name,
                                                                  question=question)
            question = None
    return made


def seed() -> int:
    """COURSE_SEED. Raises ValueError where it is not set."""
    if not os.environ.get("COURSE_SEED"):
        raise ValueError("set COURSE_SEED to the seed with which the assignments were made")
    return int(os.environ["COURSE_SEED"])


def main(what, name, *paths) -> int:
    if what == "nbgrader":
        print(written(source_version(named(name))), end="")
    elif what == "gradescope":
        print(json.dumps(results(graded(name, *paths)), indent=1))
    else:
        raise SystemExit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
