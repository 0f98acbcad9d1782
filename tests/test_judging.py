"""What checks take for right, and what they do not."""

import numpy as np
import pytest
from scipy import stats

from course.judging import (
    Marks,
    balanced,
    best_balanced,
    decided,
    either_way,
    found_interval_fits,
    found_range,
    near,
    wilson,
    within,
)
from course.points import Refused
from course.submission import Submission
from mlleaks_helpers.metrics import tpr_at_fpr


@pytest.fixture(scope="module", params=range(3))
def scored(request):
    rng = np.random.default_rng(request.param)
    member = rng.permutation(np.arange(2_600) < 600)
    return rng.normal(size=2_600) + 1.5 * member, member


def refuse():
    raise Refused("no such function")


def test_parts_add_up_and_a_refusal_costs_its_part_alone():
    marks = Marks(10)
    assert marks.part(4, lambda: True, "first") == 1
    assert marks.part(3, lambda: 0.5, "second") == 0.5
    assert marks.part(3, refuse, "third") == 0
    found = marks.total()
    assert (found.points, found.out_of) == (5.5, 10)
    assert found.message == "second no such function"
    whole = Marks(2)
    whole.part(2, lambda: np.True_, "hint")
    assert whole.total().message == "All right." and whole.total().points == 2


def test_a_hint_is_given_once():
    marks = Marks(4)
    marks.part(2, lambda: False, "look")
    marks.part(2, lambda: False, "look")
    assert marks.total().message == "look"


@pytest.mark.parametrize("found, wanted, right", [
    (0.5, 0.5004, True), (0.5, 0.502, False), ([1, 2], [1, 2], True), ([1], [1, 1], False),
    ([[1.0]], [1.0], False), (np.nan, 0.5, False)])
def test_near_is_near_and_of_one_shape(found, wanted, right):
    assert near(found, wanted) is right


def test_decisions_are_true_and_false():
    for said, wanted in (([1, 0], [True, False]), (np.array([True, True]), [True, True]),
                         ([0.0, 1.0], [False, True])):
        assert decided(Submission({"f": lambda said=said: said}), "f", n=2).tolist() == wanted
    for said in ([0.5, 1], [1, 0, 1], [2, 0], "yes"):
        with pytest.raises(Refused):
            decided(Submission({"f": lambda said=said: said}), "f", n=2)


def test_balanced_accuracy_by_hand_and_its_best_by_trying(scored):
    called, member = np.array([True, True, False, True]), np.array([True, True, False, False])
    assert balanced(called, member) == 0.75
    scores, member = (one[:300] for one in scored)
    slow = max(balanced(scores >= cut, member) for cut in scores)
    assert np.isclose(best_balanced(scores, member), slow)
    assert best_balanced(-scores, member) >= 0.5
    tied = np.array([1.0, 1, 2, 2])
    assert either_way(tied, np.array([False, False, True, True]), 1) == 1      # passed, not reached
    assert either_way(tied, np.array([False, False, True, True]), 2) == 1


@pytest.mark.parametrize("found, members", [(0, 40), (3, 40), (40, 40), (220, 700)])
def test_wilson_as_scipy_has_it(found, members):
    ends = stats.binomtest(found, members).proportion_ci(0.95, "wilson")
    assert np.allclose(wilson(found, members), [ends.low, ends.high], atol=1e-6)


def test_every_reading_of_a_rate_is_in_range_and_other_quantiles_are_not(scored):
    scores, member = scored
    inside, outside = scores[member], scores[~member]
    for rate in (0.01, 0.05, 0.2):
        ends = found_range(scores, member, rate)
        assert within(tpr_at_fpr(scores, member, rate).value, ends)
        for method in ("linear", "higher", "lower", "nearest"):
            cut = np.quantile(outside, 1 - rate, method=method)
            assert within(np.mean(inside > cut), ends) and within(np.mean(inside >= cut), ends)
        assert ends[1] - ends[0] < 0.05
        for cut in (np.quantile(scores, 1 - rate), np.quantile(inside, 1 - rate)):
            assert not within(np.mean(inside > cut), ends)


def test_usual_intervals_fit_and_others_do_not(scored):
    scores, member = scored
    n = int(member.sum())
    for rate in (0.01, 0.05):
        report = tpr_at_fpr(scores, member, rate)
        hits = round(report.value * n)
        exact = stats.binomtest(hits, n).proportion_ci(0.95)
        error = np.sqrt(report.value * (1 - report.value) / n)
        for low, high in ((report.low, report.high), wilson(hits, n), (exact.low, exact.high),
                          (report.value - 1.96 * error, report.value + 1.96 * error)):
            assert found_interval_fits((report.value, low, high), scores, member, rate)
        for half in (error, 0.0, 0.45):
            assert not found_interval_fits((report.value, report.value - half,
                                            report.value + half), scores, member, rate)
        moved = report.value + 0.4
        assert not found_interval_fits((moved, moved - 2 * error, moved + 2 * error), scores,
                                       member, rate)
        assert not found_interval_fits((report.value, report.high, report.low), scores, member,
                                       rate)


def test_points_have_two_digits_and_what_is_worth_nothing_is_not_judged():
    marks, judged = Marks(10), []
    marks.part(5, lambda: 1 / 3, "a third")
    assert marks.part(0, lambda: judged.append(1) or True, "never told") == 0
    assert marks.total().points == 1.67 and marks.total().message == "a third" and not judged


def test_the_readings_of_a_rate_by_hand():
    """29 of 100 may be accused, however 100 × 0.29 is rounded: 27 at least and 31 at most."""
    scores = np.append(np.arange(100), [68.5, 69, 72, 72.5])
    assert found_range(scores, np.arange(104) >= 100, 0.29) == (0.25, 0.75)


def test_an_interval_below_what_was_measured_does_not_fit(scored):
    scores, member = scored
    n, report = int(member.sum()), tpr_at_fpr(*scored, 0.05)
    for share in (report.value / 4, (1 + report.value) / 2):
        assert not found_interval_fits((share, *wilson(round(share * n), n)), scores, member, 0.05)
