"""What assignment B is graded on: defenses recognised, cuts from shadows, and who is exposed."""

from __future__ import annotations

import numpy as np

from course.assignments.b_three_mystery_models.given import DEFENSES
from course.judging import Marks, decided, found_interval_fits, found_range, near, within
from course.points import Points, Question, Refused
from mlleaks_helpers.interval import proportion_interval
from mlleaks_helpers.metrics import auc, tpr_at_fpr

FOUND = 0.18    # of the members, at 5 % FPR: full points for a score


def check_defense(submission, given) -> Points:
    """A defense counts where it is named in both examples of it and in no other."""
    marks = Marks(20)
    names, said = given["example_names"], []
    for posteriors in given["examples"]:
        said.append(submission.call("defense", posteriors, given["plain"]))
    said = np.array([str(one).strip().lower() for one in said])
    for name in DEFENSES:
        marks.part(4, lambda name=name: np.array_equal(said == name, names == name), (
            "A defense is not always told from the others: is it the same for models that leak "
            "and for those that do not, and for another number of digits or of classes?"))
    return marks.total()


def check_cut_at(submission, given) -> Points:
    marks = Marks(15)
    for name, rate in (("even", 0.01), ("even", 0.05), ("few", 0.1)):
        marks.part(5, lambda name=name, rate=rate: _accuses(
            given[f"{name}_scores"], given[f"{name}_member"], rate, submission.number(
                "cut_at", given[f"{name}_scores"], given[f"{name}_member"], rate)),
            "As many non-members as the rate allows should lie above the cut, and no more.")
    return marks.total()


def _accuses(scores, member, rate, cut):
    """Whether a cut accuses as many as the rate allows, but for two or three, either way."""
    outside = scores[~member]
    allowed = len(outside) * rate
    return np.sum(outside > cut) <= allowed + 1 and np.sum(outside >= cut) >= allowed - 3


def check_score(submission, given) -> Points:
    marks = Marks(20)
    first = None
    for name in DEFENSES:
        member = given[f"member_{name}"]
        share = marks.part(4, lambda name=name, member=member: _good(submission.array(
            "score", *(given[f"{part}_{name}"] for part in ("model", "labels", "hers")),
            shape=(len(member),)), member),
            f"Behind some defenses less than {FOUND:.0%} of the members are found at 5 % FPR: "
            "compare with her own model's answer for the same record, and mind answers of 0 and 1.")
        if name == "none" and share:
            first = tpr_at_fpr(submission.array("score", *(
                given[f"{part}_{name}"] for part in ("model", "labels", "hers"))), member, 0.05)
    return marks.total(first)


def _good(scores, member):
    if tpr_at_fpr(scores, member, 0.05).value > FOUND:
        return 1
    return 0.5 if auc(scores, member).value > 0.63 else 0


def check_leak(submission, given) -> Points:
    marks = Marks(20)
    for name, rate in (("even", 0.01), ("few", 0.05)):
        scores, member = given[f"{name}_scores"], given[f"{name}_member"]
        try:
            found = submission.array("leak", scores, member, rate, shape=(4,))
        except Refused as refused:
            marks.hints.append(str(refused))
            continue
        marks.part(2, lambda found=found, scores=scores, member=member: near(
            found[0], auc(scores, member).value, 2e-3), "First comes the AUC.")
        share = marks.part(3, lambda found=found, scores=scores, member=member, rate=rate: within(
            found[1], found_range(scores, member, rate)),
            "Second comes the share of members above a cut that accuses this share of the "
            "non-members.")
        marks.part(5 if share else 0, lambda found=found, scores=scores, member=member, rate=rate:
                   found_interval_fits(found[1:], scores, member, rate),
                   "Third and fourth come the ends of a two-sided 95 % interval of that share.")
    return marks.total()


def check_most_exposed(submission, given) -> Points:
    """All six trios right, or five, or four; fewer is what a guess may have."""
    marks = Marks(15)
    said = [submission.number("most_exposed", scores, member) for scores, member in zip(
        given["trial_scores"], given["trial_member"], strict=True)]
    right = int(np.sum(np.array(said) == given["trial_exposed"]))
    marks.part(15, lambda: {6: 1, 5: 2 / 3, 4: 1 / 3}.get(right, 0),
               f"{right} of 6 trios are right. Is a model that ranks well on average the one whose "
               "members can be accused, and is somebody exposed in every trio?")
    return marks.total()


def check_accused(submission, given) -> Points:
    """Few falsely accused, many found, and no matter who else is asked about."""
    marks = Marks(10)
    shadow = [given[f"{part}_shadow"] for part in ("model", "labels", "hers", "member")]
    asked = [given[f"{part}_none"] for part in ("model", "labels", "hers")]
    member, crowd = given["member_none"], given["crowd"]
    called = decided(submission, "accused", *shadow, *asked, 0.02, n=len(member))
    found = np.mean(called[member])
    share = marks.part(6, lambda: np.mean(called[~member]) < 0.04 and (
        1 if found > 0.4 else found > FOUND and 0.5),
        f"At 2 % on the shadow, {np.mean(called[~member]):.1%} of the target's non-members are "
        f"falsely accused and {found:.0%} of its members found.")
    marks.part(4 if share else 0, lambda: np.mean(decided(
        submission, "accused", *shadow, *(one[crowd] for one in asked), 0.02, n=len(crowd))
        == called[crowd]) > 0.95,
        "What you say of a record changes with the others you are asked about: the cut should "
        "come from the shadow alone.")
    return marks.total(proportion_interval(int(called[member].sum()), int(member.sum())))


QUESTIONS = [
    Question("b-1", 20, check_defense),
    Question("b-2", 15, check_cut_at),
    Question("b-3", 20, check_score),
    Question("b-4", 20, check_leak),
    Question("b-5", 15, check_most_exposed),
    Question("b-6", 10, check_accused),
]
