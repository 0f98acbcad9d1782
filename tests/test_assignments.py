"""The four assignments: masters, stubs, wrong answers, other right answers, twenty seeds."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from assignments import ALL, CELLS, QUESTIONS, desk, graded, hidden, holes, solved, stub
from right_answers import RIGHT

from course.assignments.b_three_mystery_models import given as models
from course.assignments.d_is_first_better import given as teams
from course.release import asked, student_version
from course.submission import Submission
from mlleaks_helpers.metrics import auc, tpr_at_fpr
from tools import exercises
from tools.lessons import cells, source

NAMES = list(ALL)
SEEDS = range(20)
KNOWN = {name: {identity: re.search(r"def (\w+)", source(cell))[1]
                for identity, cell in holes(name).items()} for name in NAMES}
WRONG = [pytest.param(name, identity, wrong, id=f"{identity}-{number}")
         for name in NAMES for identity, cell in holes(name).items()
         for number, wrong in enumerate(exercises.nbgrader(cell)["wrong"], 1)]
OTHER = [pytest.param(name, identity, body, id=f"{identity}-{number}") for name in NAMES
         for identity in holes(name) for number, body in enumerate(RIGHT[identity], 1)]


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def master(name, tmp_path_factory):
    return solved(name, tmp_path_factory.mktemp(name))


def needing(name, identity):
    """The questions whose master calls that question's function, or one that does, and itself."""
    calls = {one: set(re.findall(r"\b\w+(?=\()", source(cell)))
             for one, cell in holes(name).items()}
    found, ahead = set(), {identity}
    while ahead:
        found |= ahead
        ahead = {one for one in calls if calls[one] & {KNOWN[name][two] for two in ahead}} - found
    return found


# ---------------------------------------------------------------- their form


def test_points_minutes_and_names(name):
    questions, tasks = QUESTIONS[name], list(asked(ALL[name].master))
    assert list(questions) == list(holes(name)) and sum(
        one.points for one in questions.values()) == 100
    given = [exercises.nbgrader(cell)["points"] for cell in CELLS[name] if exercises.is_check(cell)]
    assert given == [one.points for one in questions.values()]
    assert 120 <= sum(minutes for _, minutes, _ in tasks) <= 240
    written = re.findall(r"^\*\d+ minutes · (\d+) points\*$", "\n".join(
        source(cell) for cell in cells(ALL[name].master, "markdown")), re.MULTILINE)
    assert list(map(int, written)) == given


def test_the_release_is_the_master_but_for_the_holes(name):
    made = {cell["id"]: source(cell) for cell in student_version(ALL[name])["cells"]}
    for cell in CELLS[name]:
        text = source(cell)
        if exercises.is_hole(cell):
            before, after = exercises.HOLE.split(text)[0], exercises.HOLE.split(text)[-1]
            assert made[cell["id"]].startswith(before) and made[cell["id"]].endswith(after)
            text = exercises.filled(text, exercises.STUB)
        assert made[cell["id"]] == text
    whole = "\n".join(made.values())
    assert "SOLUTION" not in whole and not any(cell_id.startswith("answer") for cell_id in made)


def test_visible_checks_pass_and_refuse_each_wrong_answer_with_its_hint(name, tmp_path):
    with desk(name, 7, tmp_path):
        assert list(exercises.behaviour(ALL[name].master)) == []


def test_every_hole_has_two_wrong_answers_and_another_right_one(name):
    for identity, cell in holes(name).items():
        assert len(exercises.nbgrader(cell)["wrong"]) >= 2 and RIGHT[identity]


# ---------------------------------------------------------------- points


@pytest.mark.parametrize("seed", SEEDS)
def test_the_master_has_every_point(name, master, seed):
    found = graded(name, master, seed)
    assert {identity: one.points for identity, one in found.items()} == {
        identity: one.points for identity, one in QUESTIONS[name].items()}
    assert all(one.message == "All right." for one in found.values())


def test_the_stub_has_none(name, tmp_path):
    assert not any(one.points for one in graded(name, solved(name, tmp_path, stub(name)),
                                                0).values())


@pytest.mark.parametrize("name, identity, wrong", WRONG)
def test_a_wrong_answer_loses_what_it_should_and_no_other_question_does(name, identity, wrong,
                                                                        tmp_path):
    submission = solved(name, tmp_path, {identity: wrong["source"]})
    for seed in (0, 1):
        found = graded(name, submission, seed, {identity})[identity]
        assert found.points == wrong["points"] < found.out_of and found.message != "All right."
    others = QUESTIONS[name].keys() - needing(name, identity) - {"d-3"}     # which is slow
    assert all(one.points == one.out_of for one in graded(name, submission, 0, others).values())


@pytest.mark.parametrize("name, identity, points, spoil", [
    (NAMES[0], "a-7", 8, lambda right, found, members: (0, 0) if found == 0 else None),
    (NAMES[0], "a-7", 8, lambda right, found, members: (1, 1) if found == members else None),
    (NAMES[1], "b-6", 6, lambda right, *given: (
        np.arange(len(right)) % 2 if len(given[4]) < 2_000 else None)),
    (NAMES[2], "c-1", 8, lambda right, said, t: said + 0.1 if (said == 0).any() else None),
    (NAMES[2], "c-3", 0, lambda right, *given: right * [1, 0, 1]),
    (NAMES[3], "d-4", 13, lambda right, one, two, *_: 0.5 if np.array_equal(one, two) else None),
    (NAMES[3], "d-4", 0, lambda right, one, two, *_: None if np.array_equal(one, two) else 0.0),
])
def test_an_answer_that_is_wrong_in_one_place_loses_that_part(name, identity, points, spoil,
                                                              tmp_path):
    master, function = solved(name, tmp_path), KNOWN[name][identity]

    def answer(*arguments):
        right = np.asarray(master.call(function, *arguments))
        told = spoil(right, *arguments)
        return right if told is None else told

    found = graded(name, Submission({function: answer}), 0, {identity})[identity]
    assert found.points == points


@pytest.mark.parametrize("name, identity, body", OTHER)
def test_another_right_answer_has_every_point(name, identity, body, tmp_path):
    submission = solved(name, tmp_path, {identity: body})
    for seed in (0, 3):
        found = graded(name, submission, seed, {identity})[identity]
        assert found.points == found.out_of, found.message


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The names that each notebook knows at its end, all checks passed."""
    made = {}
    for name in NAMES:
        made[name] = {"__name__": "__main__"}
        with desk(name, 3, tmp_path_factory.mktemp("desk")):
            for cell in CELLS[name]:
                if not cell["id"].startswith("own"):
                    exec(source(cell), made[name])
    return made


@pytest.mark.parametrize("name, identity, body", OTHER)
def test_another_right_answer_passes_the_visible_check(name, identity, body, played, capsys):
    names = dict(played[name])
    exec(exercises.filled(source(holes(name)[identity]), body), names)
    check = next(cell for cell in CELLS[name]
                 if exercises.nbgrader(cell).get("grade_id") == f"check-{identity}")
    exec(source(check), names)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", [0, -1])
def test_what_is_right_for_the_visible_data_earns_nothing(name, which, tmp_path):
    """Each function returns what it returned at its first, or last, call by the visible checks."""
    names, told = {"__name__": "__main__"}, {}

    def remembered(function, answers):
        def call(*arguments):
            answers.append(function(*arguments))
            return answers[-1]
        return call

    with desk(name, 3, tmp_path):
        for cell in CELLS[name]:
            if not cell["id"].startswith("own"):
                exec(source(cell), names)
            if exercises.is_hole(cell):
                known = KNOWN[name][exercises.nbgrader(cell)["grade_id"]]
                names[known] = remembered(names[known], told.setdefault(known, []))
    submission = Submission({known: lambda *_, said=said: said[which]
                             for known, said in told.items()})
    for seed in (0, 1, 2):
        assert not any(one.points for one in graded(name, submission, seed).values())


def test_no_hint_tells_a_number_of_the_hidden_truth(name):
    """Messages are made before anything is compared, but for what the student's answer earned."""
    tree = ast.parse((ALL[name].folder / "checks.py").read_text(encoding="utf-8"))
    told = {ast.unparse(value.value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
            for value in node.values if isinstance(value, ast.FormattedValue)}
    assert told <= {"area", "right", "estimate", "FOUND", "found", "name", "who", "part",
                    "np.mean(called[~member])"}


# ---------------------------------------------------------------- seeds


def test_two_seeds_and_two_purposes_give_other_numbers_and_one_the_same(name):
    made = ALL[name]
    first, again, second = made.visible(1), made.visible(1), made.visible(2)
    secret = hidden(name, 1)
    assert first.keys() == second.keys()
    for key, array in first.items():
        assert np.array_equal(array, again[key])
        if np.size(array) > 20:
            assert not np.array_equal(array, second[key])
            assert key not in secret or not np.array_equal(array, secret[key])
    assert all(np.array_equal(array, ALL[name].hidden(1)[key]) for key, array in secret.items())
    assert any(not np.array_equal(array, hidden(name, 2)[key]) for key, array in secret.items())


def test_the_hidden_data_do_not_begin_as_the_visible_ones(name):
    """Arrays of other lengths differ anyway, but may come from the same random numbers."""
    made, secret = ALL[name].visible(1), hidden(name, 1)
    for key in made.keys() & secret.keys():
        one, other = made[key].ravel(), secret[key].ravel()
        least = min(len(one), len(other))
        assert least <= 20 or not np.array_equal(one[:least], other[:least]), key


def test_the_board_shows_three_records_in_ten_of_members_and_of_others():
    made = ALL[NAMES[3]].visible(0)
    for who in (made["member"], ~made["member"]):
        assert abs(made["public"][who].mean() - 0.3) < 0.02


def test_a_long_seed_is_as_good(name):
    assert ALL[name].visible(2**48 + 12345).keys() == ALL[name].visible(0).keys()


def test_examples_of_the_largest_posteriors_keep_as_many_as_they_should():
    for made, kept in ((models.visible(2), [3, 3]), (models.hidden(2), [3, 5])):
        tops = made["examples"][made["example_names"] == "top"]
        above = [np.sum(one > one.min(axis=1, keepdims=True) + 1e-12, axis=1) for one in tops]
        assert sorted(np.median(one) for one in above) == kept


def test_which_mystery_model_leaks_changes_from_seed_to_seed():
    keys = [models.key(seed) for seed in SEEDS]
    assert {next(place for place, one in enumerate(key) if one[0] == 1) for key in keys} == {
        0, 1, 2}
    assert {defense for key in keys for _, defense in key} == {
        "none", "soft", "rounded", "top", "label only"}
    assert all(sorted(one for one, _ in key) == [0, 0.5, 1] for key in keys)


@pytest.mark.parametrize("seed", range(6))
def test_the_key_says_which_of_the_visible_models_leaks(seed, tmp_path_factory):
    name = NAMES[1]
    made, key = ALL[name].visible(seed), models.key(seed)
    master = solved(name, tmp_path_factory.mktemp("b"))
    assert [str(master.call("defense", made[f"model_{place}"], made["plain"]))
            for place in range(3)] == [defense for _, defense in key]
    areas = [auc(master.array("score", *(made[f"{part}_{place}"] for part in (
        "model", "labels", "hers"))), made[f"member_{place}"]) for place in range(3)]
    for (learned, _), area in zip(key, areas, strict=True):
        assert area.low > 0.58 if learned == 1 else area.value < 0.56 if learned == 0 else True


@pytest.mark.parametrize("place", range(8))
def test_the_key_says_how_good_each_team_is(place):
    name = NAMES[3]
    shifts = [teams.key(seed)[place] for seed in range(4)]
    made = [ALL[name].visible(seed) for seed in range(4)]
    gaps = [np.subtract(*(one["scores"][place][who].mean() for who in (
        one["member"], ~one["member"]))) for one in made]
    assert np.allclose(gaps, shifts, atol=0.07)


def test_two_seeds_are_equally_hard():
    found = {"top": [], "band": [], "first": []}
    for seed in SEEDS:
        target = hidden(NAMES[0], seed)
        top, member = target["target_posteriors"].max(axis=1), target["target_member"]
        found["top"].append(auc(top, member).value)
        found["band"].append(tpr_at_fpr(top, member, 0.01).value)
        board = hidden(NAMES[3], seed)
        found["first"].append(tpr_at_fpr(board["scores"][0], board["member"], 0.05).value)
    assert min(found["top"]) > 0.88 and max(found["top"]) < 0.93
    assert max(found["band"]) < 0.05            # easy non-members stand above the members' band
    assert min(found["first"]) > 0.1 and max(found["first"]) < 0.15


def test_the_teachers_page_says_the_minutes_that_the_masters_say():
    page = (Path(__file__).resolve().parent.parent / "book/teaching.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([A-D]) · .*\| (\d+) \|", page, re.MULTILINE)
    assert told == [(name[0].upper(), str(sum(one[1] for one in asked(ALL[name].master))))
                    for name in NAMES]
