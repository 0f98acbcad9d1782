"""What assignment D is graded on: whether a difference on a leaderboard is one."""

from __future__ import annotations

import numpy as np

from course.assignments.d_is_first_better.given import RATE
from course.judging import Marks, decided, found_interval_fits, found_range, judge_tpr, near
from course.points import Points, Question

TWO_OF_THREE = {3: 1, 2: 2 / 3, 1: 0, 0: 0}     # one of three may be luck


def check_tpr(submission, given) -> Points:
    marks = Marks(10)
    judge_tpr(marks, submission, "tpr", given["scores"][0], given["member"], (0.05, 0.01),
              level=(0.05, 0.1))
    return marks.total()


def check_interval(submission, given) -> Points:
    """Of the members alone, or with the cut's own luck: both are usual."""
    marks = Marks(15)
    member = given["member"]

    def fits(scores):
        ends = submission.array("interval", scores, member, RATE, shape=(2,))
        middle = np.mean(found_range(scores, member, RATE))
        return found_interval_fits((middle, *ends), scores, member, RATE)

    marks.part(15, lambda: TWO_OF_THREE[sum(map(fits, given["scores"]))],
               "The interval should hold the share, and be about 1.96 standard errors wide to "
               "either side: of a share of the members, of whom there are fewer than records.")
    return marks.total()


def check_difference(submission, given) -> Points:
    marks = Marks(20)
    member = given["pair_member"]
    for name in ("close", "alike"):
        first, second = given[name]
        found = submission.array("difference", first, second, member, RATE, shape=(3,))
        value, narrow, wide = _paired(first, second, member)
        share = marks.part(3, lambda found=found, value=value: near(found[0], value, 1e-3),
                           "First comes the TPR of the first team less that of the second.")
        marks.part(7 if share else 0, lambda found=found, narrow=narrow, wide=wide:
                   found[1] <= found[0] <= found[2]
                   and 0.85 * narrow < found[2] - found[1] < 1.7 * wide,
                   "Both teams score the same records, and agree on most of them: the interval of "
                   "the difference is narrower than two intervals of two teams would make it.")
    return marks.total()


def _paired(first, second, member):
    """The difference; how wide its interval is with the cuts as they are, and with their luck.

    Where a cut moves by so much of the non-members, the share found moves by the ratio of the two
    densities there.
    """
    found, accused = [], []
    for own in (first, second):
        inside, outside = own[member], own[~member]
        lower, cut, higher = np.quantile(outside, [1 - RATE - 0.02, 1 - RATE, 1 - RATE + 0.02])
        slope = np.mean((inside > lower) & (inside <= higher)) / 0.04
        found.append((inside > cut).astype(float))
        accused.append(slope * (outside > cut))
    here, there = np.subtract(*found), np.subtract(*accused)
    narrow = here.var() / len(here)
    return here.mean(), *(3.92 * np.sqrt([narrow, narrow + there.var() / len(there)]))


def check_p_value(submission, given) -> Points:
    """McNemar's, exact or not, one of a paired bootstrap, or a sign test: all will do."""
    marks = Marks(15)
    member = given["pair_member"]

    def said(first, second):
        return submission.number("p_value", first, second, member, RATE)

    far = marks.part(8, lambda: 0 <= said(*given["far"]) < 0.01 and
                     0.1 < said(*given["alike"]) <= 1 + 1e-9,
                     "A large difference should have a p-value near 0, and two teams that are as "
                     "good as each other a large one.")
    marks.part(5 if far else 0, lambda: 0 <= said(*given["close"]) < 0.05,
               "A small difference between teams that agree on nearly all records is significant "
               "as well: only those on whom they differ count.")
    marks.part(2 if far else 0, lambda: 0.99 < said(*given["far"][[0, 0]]) <= 1 + 1e-9,
               "A team does not differ from itself: p is 1.")
    return marks.total()


def check_better(submission, given) -> Points:
    """Bonferroni, Šidák, Holm or Hochberg: all keep the promise."""
    marks = Marks(15)

    def said(name):
        return decided(submission, "better", given[name], n=len(given[name]))

    found = marks.part(6, lambda: np.all(said("something")[given["something"] < 1e-3]),
                       "The smallest p-values are significant, however many there are.")
    marks.part(3 if found else 0, lambda: not np.any(said("something")[given["something"] > 1e-3]),
               "A p-value of .006 among eighteen is too large for the promise that all claims are "
               "right.")
    marks.part(4 if found else 0, lambda: not said("nothing").any(),
               "Of 28 p-values two below .05 are nothing special.")
    marks.part(2 if found else 0, lambda: said("single").all(),
               "A single comparison needs no correction.")
    return marks.total()


def check_precision(submission, given) -> Points:
    marks = Marks(10)
    rights = [near(submission.number("precision", *map(float, (tpr, fpr, share))),
                   share * tpr / (share * tpr + (1 - share) * fpr), 1e-4)
              for tpr, fpr, share in given["rates"]]
    marks.part(10, lambda: all(rights), "Of 1,000 people, so many are members and are found, so "
               "many are none and are accused: what share of the accused are members?")
    return marks.total()


def check_needed(submission, given) -> Points:
    marks = Marks(15)

    def right(pair):
        more, less = map(float, pair)
        return 0.8 < submission.number("needed", more, less) / _needed(more, less) < 1.25

    marks.part(15, lambda: TWO_OF_THREE[sum(map(right, given["only"]))],
               "Only members whom one team finds and the other does not tell anything; the "
               "difference should be 1.96 + .84 standard errors, so that it is seen four times in "
               "five.")
    return marks.total()


def _needed(more, less):
    """Members for which a paired test has 80 % power (Connor 1987)."""
    both, apart = more + less, more - less
    return (1.96 * np.sqrt(both) + 0.8416 * np.sqrt(both - apart**2)) ** 2 / apart**2


QUESTIONS = [
    Question("d-1", 10, check_tpr),
    Question("d-2", 15, check_interval),
    Question("d-3", 20, check_difference),
    Question("d-4", 15, check_p_value),
    Question("d-5", 15, check_better),
    Question("d-6", 10, check_precision),
    Question("d-7", 15, check_needed),
]
