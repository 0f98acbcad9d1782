"""Points, questions, and the functions of a submission in this process."""

import math
from types import ModuleType

import numpy as np
import pytest

from course.points import Points, Question, Refused, Unable, total
from course.submission import Submission
from course.wire import said
from mlleaks_helpers.interval import Interval


@pytest.mark.parametrize("points, out_of", [
    (-1, 3), (4, 3), (0, 0), (0, -1), (math.nan, 3), (1, math.nan), (1, math.inf)])
def test_points_lie_between_none_and_all(points, out_of):
    with pytest.raises(ValueError, match="between 0 and out_of"):
        Points(points, out_of, "")


def test_points_are_plain_numbers_and_are_summed():
    found = total([Points(np.int64(1), 3, "a"), Points(0.5, 2, "b", Interval(1, 0, 2))])
    assert (found.points, found.out_of) == (1.5, 5) and type(Points(np.int64(1), 3, "").points) \
        is float


def question(check, points=4):
    return Question("q", points, check)


def test_a_question_gives_what_its_check_gives():
    given = {"x": np.arange(3)}
    found = question(lambda submission, given: Points(
        submission.number("f", given["x"]), 4, "so")).judge(Submission({"f": np.sum}), given)
    assert found == Points(3, 4, "so")


def test_what_cannot_be_judged_costs_all_points_and_says_why():
    def check(submission, given):
        raise Refused("too shy")

    assert question(check).judge(None, {}) == Points(0, 4, "too shy")
    found = question(lambda *_: [][0]).judge(None, {})
    assert found.points == 0 and "IndexError" in found.message


def test_a_check_that_is_worth_something_else_is_the_teachers_mistake():
    with pytest.raises(ValueError, match="q is worth 4 points"):
        question(lambda *_: Points(1, 5, "")).judge(None, {})


def test_functions_of_a_module_a_dict_and_what_they_may_return():
    module = ModuleType("work")
    module.f = lambda x, y: (x + y, "text", [1, None], {"a": np.bool_(True)}, Interval(1, 0, 2))
    for functions in (module, vars(module)):
        sums, *rest = Submission(functions).call("f", np.arange(3), 2)
        assert sums.tolist() == [2, 3, 4] and rest == ["text", [1, None], {"a": True}, (1, 0, 2)]


def test_arguments_are_copies():
    given = np.zeros(3)
    assert Submission({"f": lambda x: x.fill(7)}).call("f", given) is None
    assert not given.any()


@pytest.mark.parametrize("function, message", [
    (None, "there is no function f"),
    (3, "there is no function f"),
    (lambda: 1 / 0, "f raised ZeroDivisionError: division by zero"),
    (lambda: exit(3), "f raised SystemExit: 3"),
    (lambda: object(), "type object cannot be judged"),
    (lambda: np.zeros(2, complex), "numbers, truth values or text"),
    (lambda: np.array([{}]), "numbers, truth values or text"),
    (lambda: {1: 2}, "text as keys"),
])
def test_what_is_no_answer_is_refused(function, message):
    with pytest.raises(Refused, match=message):
        Submission({"f": function} if function else {}).call("f")


@pytest.mark.parametrize("value, message", [
    ([1, np.nan], "finite"), ([1, np.inf], "finite"), ("ten", "must return numbers"),
    ([[1], [1, 2]], "must return numbers"), ([1, 2, 3], r"shape \(2\), got \(3\)"),
    (5, r"shape \(2\), got \(\)"), ([[1, 2]], r"shape \(2\), got \(1, 2\)")])
def test_an_array_has_its_shape_and_finite_numbers(value, message):
    with pytest.raises(Refused, match=message):
        Submission({"f": lambda: value}).array("f", shape=(2,))


def test_lists_bools_and_one_number_in_an_array_will_do():
    assert Submission({"f": lambda: [True, False]}).array("f", shape=(None,)).tolist() == [1, 0]
    for value in (3, 3.0, np.float32(3), [3], np.array([[3]]), True + 2):
        assert Submission({"f": lambda value=value: value}).number("f") == 3
    with pytest.raises(Refused, match="one number"):
        Submission({"f": lambda: [1, 2]}).number("f")


def test_an_exception_is_told_whatever_it_does():
    class Hostile(Exception):
        def __str__(self):
            raise SystemExit

    Hostile.__name__ = "x" * 1_000
    assert said(Hostile()) == "x" * 60 + ": (its message cannot be read)"
    assert len(said(ValueError("y" * 1_000 + "\n"))) < 400 and "\n" not in said(ValueError("a\nb"))


def test_what_could_not_be_run_is_not_the_students_fault():
    def check(submission, given):
        raise Unable("no process here")

    with pytest.raises(Unable, match="no process here"):
        question(check).judge(None, {})


def test_all_points_and_none_are_points():
    assert (Points(3, 3, "").points, Points(0, 3, "").points) == (3, 0)
