"""One test a question, for continuous integration: SUBMISSION, ASSIGNMENT and COURSE_SEED say of
what; half of a question's points pass."""

import os

import pytest

from course.adapters import graded, named

pytestmark = pytest.mark.skipif("SUBMISSION" not in os.environ, reason="no SUBMISSION to grade")
NAME = os.environ.get("ASSIGNMENT", "")
QUESTIONS = [one.identity for one in named(NAME).questions] if NAME else []


@pytest.fixture(scope="module")
def grade():
    return graded(NAME, os.environ["SUBMISSION"])


@pytest.mark.parametrize("question", QUESTIONS)
def test_question(grade, question, record_property):
    found = grade.points[question]
    record_property("points", found.points)
    record_property("out_of", found.out_of)
    assert found.points >= found.out_of / 2, found.message
