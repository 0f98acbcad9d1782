"""What assignment A is graded on: functions of the student, on a model that nobody has seen."""

from __future__ import annotations

import numpy as np

from course.judging import (
    Marks,
    balanced,
    best_balanced,
    decided,
    either_way,
    judge_tpr,
    near,
    wilson,
    within,
)
from course.points import Points, Question
from mlleaks_helpers.metrics import auc


def check_top_three(submission, given) -> Points:
    marks = Marks(10)
    posteriors = given["target_posteriors"]
    wanted = np.sort(posteriors, axis=1)[:, :-4:-1]
    marks.part(8, lambda: near(submission.array("top_three", posteriors), wanted),
               "Each row should hold the three largest posteriors of its own record, the largest "
               "first.")
    two = given["two_classes"]
    wanted = np.column_stack([np.sort(two, axis=1)[:, ::-1], np.zeros(len(two))])
    marks.part(2, lambda: near(submission.array("top_three", two), wanted),
               "A model with two classes has no third posterior: that column is 0.")
    return marks.total()


def check_fit_and_score(submission, given) -> Points:
    """AUC about that of the largest posterior alone; and it must come from the shadow."""
    marks = Marks(20)
    top, shadow, member = (np.sort(given[f"{name}_posteriors"], axis=1)[:, :-4:-1]
                           if name != "member" else given["shadow_member"]
                           for name in ("target", "shadow", "member"))
    truth = given["target_member"]
    scores = submission.array("fit_and_score", shadow, member, top, shape=(len(top),))
    area = auc(scores, truth)
    easy = auc(top[:, 0], truth).value
    share = marks.part(12, lambda: 1 if area.value > easy - 0.02 else area.value > 0.7 and 0.5,
                       "Your scores should rank the members of another target above its "
                       f"non-members; their AUC is {area}.")
    turned = "With the shadow's members and non-members exchanged, your scores should turn around: "
    turned += "does the fit use shadow_member?"
    marks.part(8 if share else 0, lambda: auc(submission.array(
        "fit_and_score", shadow, ~member, top, shape=(len(top),)), truth).value < 0.3, turned)
    return marks.total(area)


def check_best_cut(submission, given) -> Points:
    marks = Marks(15)
    for name, hint in (
            ("even", "Another cut is right about more: try each of the scores, also where they "
                     "do not lie between 0 and 1."),
            ("few", "Where there are few members, members and non-members should still count "
                    "alike."),
            ("many", "Where there are many members, members and non-members should still count "
                     "alike.")):
        scores, member = given[f"{name}_scores"], given[f"{name}_member"]
        marks.part(5, lambda scores=scores, member=member: either_way(
            scores, member, submission.number("best_cut", scores, member))
            > best_balanced(scores, member) - 0.005, hint)
    return marks.total()


def check_adversary_1(submission, given) -> Points:
    """As right as the best cut on the shadow's largest posteriors, whoever else is asked about."""
    marks = Marks(15)
    shadow, member = given["shadow_posteriors"], given["shadow_member"]
    asked, truth, crowd = given["target_posteriors"], given["target_member"], given["crowd"]
    called = decided(submission, "adversary_1", shadow, member, asked, n=len(asked))
    right = balanced(called, truth)
    easy = best_balanced(asked.max(axis=1), truth)
    share = marks.part(9, lambda: 1 if right > easy - 0.03 else right > 0.65 and 0.5,
                       "The share of right decisions, members and non-members counting alike, is "
                       f"{right:.2f}: less than one cut at the shadow's best place gets.")
    marks.part(6 if share else 0, lambda: np.mean(decided(
        submission, "adversary_1", shadow, member, asked[crowd], n=len(crowd))
        == called[crowd]) > 0.9,
        "What you say of a record changes with the others you are asked about: the cut should "
        "come from the shadow alone.")
    return marks.total()


def check_auc(submission, given) -> Points:
    marks = Marks(10)
    scores, member = given["few_scores"], given["few_member"]
    marks.part(6, lambda: near(submission.number("auc", scores, member), auc(scores, member).value),
               "It should be the share of pairs, a member and a non-member, in which the member "
               "scores higher.")
    tied = np.round(scores)
    marks.part(4, lambda: near(submission.number("auc", tied, member), auc(tied, member).value),
               "A pair with equal scores counts one half.")
    return marks.total()


def check_tpr_at_fpr(submission, given) -> Points:
    marks = Marks(10)
    judge_tpr(marks, submission, "tpr_at_fpr", given["sharp_scores"], given["sharp_member"],
              (0.02, 0.1), level=(0.1, 0.15))
    return marks.total()


def check_interval(submission, given) -> Points:
    """Any usual interval of a share will do: Wilson's, Jeffreys's, Clopper and Pearson's, …"""
    marks = Marks(10)
    for found, members in zip(given["found"], given["members"], strict=True):
        marks.part(3, lambda found=int(found), members=int(members): _like(
            submission.array("interval", found, members, shape=(2,)), found, members),
            "The interval should hold the share and be about 1.96 standard errors wide to either "
            "side.")
    for found in (0, 50):
        marks.part(2, lambda found=found: _open(
            submission.array("interval", found, 50, shape=(2,)), found / 50),
            "Of 50 members none, or all, may be found by luck: the interval cannot end there, and "
            "lies between 0 and 1.")
    return marks.total()


def _like(ends, found, members):
    low, high = wilson(found, members)
    share = found / members
    return ends[0] < share < ends[1] and 0.88 < (ends[1] - ends[0]) / (high - low) < 1.15 \
        and abs(ends.mean() - share) < 0.3 * (high - low)


def _open(ends, share):
    return -1e-9 <= ends[0] <= ends[1] <= 1 + 1e-9 and within(share, ends, 0.005) \
        and 0.02 < ends[1] - ends[0] < 0.15


def check_reading(submission, given) -> Points:
    marks = Marks(10)
    called, member = given["few_scores"] > 2.5, given["few_member"]
    wanted = called[member].mean(), called[~member].mean(), member[called].mean()
    found = submission.array("reading", called, member, shape=(3,))
    hints = ("First comes the share of the members who are called one.",
             "Second comes the share of the non-members who are called members.",
             "Third comes the share of those called members who are.")
    for points, one, right, hint in zip((3, 3, 4), found, wanted, hints, strict=True):
        marks.part(points, lambda one=one, right=right: near(one, right), hint)
    return marks.total()


QUESTIONS = [
    Question("a-1", 10, check_top_three),
    Question("a-2", 20, check_fit_and_score),
    Question("a-3", 15, check_best_cut),
    Question("a-4", 15, check_adversary_1),
    Question("a-5", 10, check_auc),
    Question("a-6", 10, check_tpr_at_fpr),
    Question("a-7", 10, check_interval),
    Question("a-8", 10, check_reading),
]
