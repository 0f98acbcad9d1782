"""Grades what was handed in: feedback for each student, and one table.

    python -m course.grade SUBMISSIONS [--assignment NAME] [--seed COURSE_SEED] [--out FOLDER]

SUBMISSIONS is a folder named as its assignment, or of such folders; in it lies one notebook,
archive or folder for each student. What has been graded is kept, so that a run that was cut off
goes on where it was, and one with another submission, seed or check grades only that anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from course import feedback
from course.assignment import Assignment, assignments, program
from course.contained import contained
from course.handed_in import HandedIn, digest, handed_in, notebook
from course.points import Points, Refused, Unable, total
from course.sandbox import Limits, Sandboxed, sweep
from mlleaks_helpers.interval import Interval

AT_ONCE = 2


@dataclass(frozen=True)
class Grade:
    """Of one submission: its points by question, and why it could not be read if so."""

    student: str
    key: str
    points: dict[str, Points]
    refused: str = ""

    @property
    def total(self) -> Points:
        return total(self.points.values())


class Grader:
    """One assignment with its hidden data, for any number of submissions."""

    def __init__(self, assignment: Assignment, seed: int, walls: bool = True,
                 limits: Limits | None = None):
        self.assignment, self.walls, self.limits = assignment, walls, limits
        self.code = assignment.digest(seed)
        self.master, self.questions = assignment.master, assignment.questions
        self.files, self.given = {"data.npz": assignment.data(seed)}, assignment.hidden(seed)

    def grade(self, handed: HandedIn) -> Grade:
        """The grade of that submission, whatever it is."""
        try:
            return self.judge(handed.student, handed.content())
        except Refused as refused:
            return self._none(handed.student, "", str(refused))

    def judge(self, student: str, content: bytes) -> Grade:
        """The grade of a notebook or archive of that content."""
        key = self.key(content)
        try:
            work = program(self.master, notebook(content))
        except Refused as refused:
            return self._none(student, key, str(refused))
        points = {}
        with Sandboxed(work, self.files, self.limits, self.walls) as submission:
            for question in self.questions:
                points[question.identity] = question.judge(submission, self.given)
                submission.forget()
        return Grade(student, key, points)

    def key(self, content: bytes) -> str:
        """Of everything that the grade depends on."""
        return digest(f"{digest(content)} {self.code} {self.walls} {self.limits}".encode())

    def _none(self, student, key, reason):
        return Grade(student, key, {question.identity: Points(0, question.points, reason)
                                    for question in self.questions}, reason)


def run(folder, grader: Grader, out) -> list[Grade]:
    """The grades of a folder, in the order of names; each is kept as soon as it is known."""
    sweep()
    out = Path(out)
    for name in ("kept", "feedback"):
        (out / name).mkdir(parents=True, exist_ok=True)

    def one(handed):
        kept = out / "kept" / f"{feedback.file_name(handed.student)}.json"
        try:
            grade = _kept(kept, grader.key(handed.content()))
        except Refused:
            grade = None
        if grade is None:
            grade = grader.grade(handed)
            _write(kept, json.dumps(asdict(grade), indent=1, default=float))
        _write(out / "feedback" / f"{feedback.file_name(handed.student)}.md",
               feedback.page(grader.assignment.name, grade))
        print(f"{feedback.plain(grade.student)}: {grade.total.points:g} of "
              f"{grade.total.out_of:g}", flush=True)
        return grade

    with ThreadPoolExecutor(AT_ONCE) as pool:
        grades = list(pool.map(one, handed_in(folder)))
    _write(out / "grades.csv", feedback.table(grades))
    return grades


def _kept(path, key):
    """The grade that is kept there for that key, or None."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["key"] != key:
            return None
        points = {name: _points(**one) for name, one in told["points"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Grade(told["student"], key, points, told["refused"])


def _points(estimate, **rest):
    return Points(**rest, estimate=estimate and Interval(**estimate))


def _write(path, text):
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="replace")
    part.replace(path)


def folders(submissions, name: str | None = None) -> list[tuple[Assignment, Path]]:
    """The assignments that a folder holds, each with the folder of its submissions.

    Raises ValueError where neither `name`, nor its own name, nor a folder in it names one.
    """
    submissions = Path(submissions).resolve()
    known = {one.name: one for one in assignments()}
    if (name or submissions.name) in known:
        return [(known[name or submissions.name], submissions)]
    inner = [(known[path.name], path) for path in sorted(submissions.iterdir())
             if path.name in known]
    if name or not inner:
        raise ValueError(f"name the folder of submissions, or folders in it, {', '.join(known)}; "
                         f"got {name or submissions.name}")
    return inner


def main(*arguments) -> int:
    parser = argparse.ArgumentParser(prog="python -m course.grade", description=__doc__)
    parser.add_argument("submissions")
    parser.add_argument("--assignment")
    parser.add_argument("--seed", type=int, default=os.environ.get("COURSE_SEED"))
    parser.add_argument("--out", default="_build/grades")
    told = parser.parse_args(arguments)
    if told.seed is None:
        parser.error("the seed with which the assignments were made is needed: COURSE_SEED=…")
    try:
        found, here = folders(told.submissions, told.assignment), contained()
    except (OSError, ValueError, RuntimeError) as error:
        parser.error(str(error))
    print(here)
    for assignment, folder in found:
        out = Path(told.out, assignment.name)
        try:
            run(folder, Grader(assignment, int(told.seed), here.walls), out)
        except Unable as error:
            print(f"{error}; what has been graded is kept: run it again", file=sys.stderr)
            return 1
        print(f"{out / 'grades.csv'} and {out / 'feedback'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
