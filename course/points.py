"""Points, and the questions that give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from mlleaks_helpers.interval import Interval


class Refused(Exception):
    """A submission gave no answer that could be judged; the message tells its author why."""


class Unable(Exception):
    """This machine could not run a submission, whatever it is."""


@dataclass(frozen=True)
class Points:
    """What one question earned. Raises ValueError unless 0 ≤ points ≤ out_of and 0 < out_of.

    `message` is read by the student: a hint, and never a hidden answer. `estimate`: the measured
    value and its interval, where the points rest on one.
    """

    points: float
    out_of: float
    message: str
    estimate: Interval | None = None

    def __post_init__(self):
        if not (isfinite(self.out_of) and self.out_of > 0 and 0 <= self.points <= self.out_of):
            raise ValueError(f"points must lie between 0 and out_of, got {self}")
        for name in ("points", "out_of"):       # NumPy's numbers are no JSON
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True)
class Question:
    """One graded question.

    `identity` is the grade_id of the cell that the student fills in, `points` what it is worth,
    `check` a plain function `check(submission, given) -> Points` with `out_of == points`: it calls
    the student's functions with `submission.call(name, *arguments)` and compares what they return
    with what `given`, a dict of arrays, says. `Refused` may be raised anywhere in it.
    """

    identity: str
    points: float
    check: Callable

    def judge(self, submission, given: dict) -> Points:
        """The points of that submission; 0 with the reason where it cannot be judged.

        What a check cannot read is the student's answer, so its errors cost points too.
        Raises Unable if it could not be run, and ValueError if the check gives points out of
        another number than its own.
        """
        try:
            found = self.check(submission, given)
        except Refused as refused:
            return Points(0, self.points, str(refused))
        except Unable:
            raise
        except Exception as error:
            return Points(0, self.points, "the check could not read what was returned: "
                                          f"{type(error).__name__}")
        if found.out_of != self.points:
            raise ValueError(f"{self.identity} is worth {self.points} points, its check gave "
                             f"{found}")
        return found


def total(found) -> Points:
    """All of several `Points` together."""
    found = list(found)
    return Points(sum(one.points for one in found), sum(one.out_of for one in found), "total")
