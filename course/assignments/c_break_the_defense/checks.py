"""What assignment C is graded on: what a defense leaves, and an attack that adapts."""

from __future__ import annotations

import numpy as np

from course.assignments.c_break_the_defense.given import DEFENSES
from course.judging import Marks, found_interval_fits, found_range, near, within
from course.points import Points, Question
from mlleaks_helpers.attacks import temperature
from mlleaks_helpers.interval import around
from mlleaks_helpers.metrics import tpr_at_fpr

FOUND, HALF, SOME = 0.43, 0.25, 0.15    # of the members, on average over the defenses


def check_undo_temperature(submission, given) -> Points:
    marks = Marks(10)
    posteriors = given["target_plain_model"]
    share = 0
    for t in map(float, given["temperatures"]):
        share += marks.part(4, lambda t=t: near(submission.array(
            "undo_temperature", temperature(posteriors, t), t), posteriors, 1e-5),
            "Dividing the logits by t takes each posterior to the power 1 / t, and each row is "
            "divided by its sum; undo both.")
    sure = np.array([[1.0, 0, 0], [0.5, 0.5, 0]])
    marks.part(2 if share else 0, lambda: near(
        submission.array("undo_temperature", sure, 3.0), sure, 1e-5),
        "A posterior of 0 stays 0, at every temperature.")
    return marks.total()


def check_reading(submission, given) -> Points:
    """A word counts where it is said of both cases and of no other."""
    marks = Marks(15)
    names = given["cut_names"]
    said = np.array([str(submission.call("reading", scores, member, float(cut))).strip().lower()
                     for scores, member, cut in zip(given["cut_scores"], given["cut_member"],
                                                    given["cuts"], strict=True)])
    for name in ("open", "cut broken", "closed"):
        marks.part(5, lambda name=name: np.array_equal(said == name, names == name),
                   "A cut that misses is not a leak that is closed: look at the balanced accuracy "
                   "of the cut and at the AUC, and name what each of them says.")
    return marks.total()


def check_by_third(submission, given) -> Points:
    marks = Marks(20)
    for name, rate in (("stack", 0.02), ("other", 0.1)):
        scores, member, third = (given[f"{name}_{part}"] for part in ("scores", "member", "third"))
        found = submission.array("by_third", scores, third, rate, shape=(3,))
        parts = [member & (third == place) for place in range(3)]
        right = [within(value, found_range(np.append(scores[part], scores[~member]), np.append(
            np.ones(part.sum(), bool), np.zeros((~member).sum(), bool)), rate))
            for value, part in zip(found, parts, strict=True)]
        marks.part(10, lambda right=right: all(right),
                   "One cut, made on all non-members; then the share of each third's members "
                   "above it.")
    return marks.total()


def check_gap_floor(submission, given) -> Points:
    marks = Marks(10)
    few = ~given["target_rounded_member"] | (np.arange(len(given["target_rounded_member"])) < 800)
    for points, name, rows in ((5, "target_plain", slice(None)), (5, "target_rounded", few)):
        said, labels, member = (given[f"{name}_{part}"][rows]
                                for part in ("model", "labels", "member"))
        right = said.argmax(axis=1) == labels
        wanted = (right[member].mean() + 1 - right[~member].mean()) / 2
        marks.part(points, lambda said=said, labels=labels, member=member, wanted=wanted: near(
            submission.number("gap_floor", said, labels, member), wanted),
            "Say “member” wherever the model is right, and count members and non-members alike.")
    return marks.total()


def check_low_fpr(submission, given) -> Points:
    marks = Marks(15)
    scores, member, dealt = given["stack_scores"], given["stack_member"], given["dealt"]
    found = submission.array("low_fpr", scores, member, 0.04, shape=(3,))
    share = marks.part(3, lambda: within(found[0], found_range(scores, member, 0.04)),
                       "First comes the share of members found at this FPR.")
    marks.part(5 if share else 0, lambda: found_interval_fits(found, scores, member, 0.04),
               "Second and third come the ends of a two-sided 95 % interval.")
    marks.part(4 if share else 0, lambda: near(submission.array(
        "low_fpr", scores, member, 0.002, shape=(3,))[1:], [0, 1], 1e-9),
        "With fewer than ten falsely accused, nothing is known: the interval is 0 to 1.")
    few = given["other_scores"][:len(dealt)]
    marks.part(3 if share else 0, lambda: submission.array(
        "low_fpr", few, dealt, 0.01, shape=(3,))[2] < 0.5,
        "Where more than ten non-members are falsely accused the interval is not 0 to 1: count "
        "the non-members, not everybody.")
    return marks.total()


def check_adapted(submission, given) -> Points:
    """Full points for FOUND of the members at 5 % FPR, on average over the defenses."""
    marks = Marks(30)
    values = []
    for name in DEFENSES:
        target = {part: given[f"target_{name}_{part}"] for part in ("model", "labels", "hers")}
        shadow = {part: given[f"shadow_{name}_{part}"] for part in (*target, "member")}
        member = given[f"target_{name}_member"]
        scores = submission.array("adapted", shadow, target, shape=(len(member),))
        values.append(tpr_at_fpr(scores, member, 0.05))
    mean = np.mean([one.value for one in values])
    low, high = (np.sqrt(np.sum([(getattr(one, end) - one.value) ** 2 for one in values]))
                 / len(values) for end in ("low", "high"))
    estimate = around(mean, mean - low, mean + high)
    share = 1 if mean > FOUND else 0.6 if mean > HALF else 0.2 if mean > SOME else 0
    marks.part(30, lambda: share, f"On average over the four defenses {estimate} of the members "
               "are found at 5 % FPR. Does your attack learn from a shadow behind the same "
               "defense, and compare with her model's answer for the same record?")
    return marks.total(estimate)


QUESTIONS = [
    Question("c-1", 10, check_undo_temperature),
    Question("c-2", 15, check_reading),
    Question("c-3", 20, check_by_third),
    Question("c-4", 10, check_gap_floor),
    Question("c-5", 15, check_low_fpr),
    Question("c-6", 30, check_adapted),
]
