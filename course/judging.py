"""What checks have in common: parts of a question, and what a right answer may look like."""

from __future__ import annotations

import numpy as np
from scipy import stats

from course.points import Points, Refused
from mlleaks_helpers.interval import Interval
from mlleaks_helpers.metrics import tpr_at_fpr


class Marks:
    """The points of one question, part by part; what a part refuses costs that part alone."""

    def __init__(self, out_of: float):
        self.out_of, self.points, self.hints = out_of, 0.0, []

    def part(self, points: float, judge, hint: str) -> float:
        """Give the share of `points` that `judge()` says, True for all; otherwise keep the hint.

        A part that is worth nothing, because another failed, is not judged.
        """
        if not points:
            return 0.0
        try:
            share = float(judge())
        except Refused as refused:
            share, hint = 0.0, str(refused)
        self.points += points * share
        if share < 1 and hint not in self.hints:
            self.hints.append(hint)
        return share

    def total(self, estimate: Interval | None = None) -> Points:
        return Points(round(self.points, 2), self.out_of, " ".join(self.hints) or "All right.",
                      estimate)


def near(found, wanted, within=1e-3) -> bool:
    """Whether two numbers or arrays agree, to so many; arrays of other shapes do not."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    return found.shape == wanted.shape and bool(np.all(np.abs(found - wanted) <= within))


def decided(submission, name, *arguments, n: int) -> np.ndarray:
    """Who is called a member, (n,) bool; 0 and 1 will do. Raises Refused for anything else."""
    found = submission.array(name, *arguments, shape=(n,))
    if not np.isin(found, (0, 1)).all():
        raise Refused(f"{name} must say True or False of each record")
    return found == 1


def balanced(called, member) -> float:
    """The mean of the share of members who are called one and of non-members who are not."""
    return float((called[member].mean() + 1 - called[~member].mean()) / 2)


def best_balanced(scores, member) -> float:
    """The best that any cut does on these scores."""
    inside, outside = np.sort(scores[member]), np.sort(scores[~member])
    cuts = np.unique(scores)
    found = 1 - np.searchsorted(inside, cuts) / len(inside)
    accused = 1 - np.searchsorted(outside, cuts) / len(outside)
    return float(np.max(np.append((found + 1 - accused) / 2, 0.5)))


def either_way(scores, member, cut) -> float:
    """Balanced accuracy of a cut: reached or passed, whichever its author meant."""
    return max(balanced(scores >= cut, member), balanced(scores > cut, member))


def found_range(scores, member, rate) -> tuple[float, float]:
    """The lowest and highest share of members found that any reading of “at most `rate` of the
    non-members” gives: strictly or not, interpolated or not, one accusation more or less.
    """
    inside, outside = scores[member], np.sort(scores[~member])[::-1]
    allowed = int(len(outside) * rate + 1e-9)
    strict, loose = outside[max(allowed - 2, 0)], outside[min(allowed + 1, len(outside) - 1)]
    return float(np.mean(inside > strict)), float(np.mean(inside >= loose))


def within(value, ends, slack=1e-6) -> bool:
    return bool(ends[0] - slack <= value <= ends[1] + slack)


def judge_tpr(marks: Marks, submission, name: str, scores, member, rates, *,
              level: tuple[float, float]) -> None:
    """Ten points for a function of scores, members and a rate that returns the share found.

    level  a rate, and what it must stay below there, where all scores are equal
    """
    share = 0
    for rate in rates:
        share += marks.part(4, lambda rate=rate: within(
            submission.number(name, scores, member, rate), found_range(scores, member, rate)),
            "The cut should falsely accuse that share of the non-members, and the answer is the "
            "share of the members above it.")
    rate, most = level
    marks.part(2 if share else 0, lambda: submission.number(
        name, np.zeros(len(member)), member, rate) < most,
        "Where all scores are equal, either all are accused or nobody is; all are too many.")


def wilson(found: int, members: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    return tuple(stats.binomtest(found, members).proportion_ci(0.95, "wilson"))


def found_interval_fits(found, scores, member, rate) -> bool:
    """Whether (share, low, high) is a sensible 95 % interval of TPR at FPR: at least that of the
    members alone, at most somewhat wider than one that redraws the non-members' cut too.
    """
    share, low, high = found
    narrow = np.subtract(*wilson(round(share * member.sum()), int(member.sum()))[::-1])
    wide = tpr_at_fpr(scores, member, rate)
    most = max(1.35 * (wide.high - wide.low), 1.3 * narrow)
    return bool(low <= share <= high and 0.85 * narrow < high - low < most
                and low < wide.high and high > wide.low)
