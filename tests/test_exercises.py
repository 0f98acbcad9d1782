"""Masters, their starters and solutions: a small made-up one, and those of the book."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import exercises
from tools.lessons import source

ROOT = Path(__file__).resolve().parent.parent
MASTERS = sorted((ROOT / "book/exercises").glob("*.ipynb"))

SOLUTION = '''def share(members):
    """The share of members, between 0 and 1."""
    ### BEGIN SOLUTION
    total = len(members)
    return sum(members) / total
    ### END SOLUTION'''
CHECK = '''assert share([1, 1, 0, 0]) == 0.5, "two of four are one half"
assert share([1]) == 1, "divide by how many there are"'''
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
WRONG = [{"source": "return sum(members)", "hint": "one half"},
         {"source": "return 0.5", "hint": "how many"}]


def markdown(text, identity, **metadata):
    return nbformat.v4.new_markdown_cell(text, id=identity, metadata=metadata)


def code(text, identity, **metadata):
    return nbformat.v4.new_code_cell(text, id=identity, metadata=metadata)


def graded(kind, identity, **more):
    return {"grade": kind == "check", "solution": kind == "hole", "locked": kind == "check",
            "grade_id": identity, "schema_version": 3, "task": False} | more


def small(hole=SOLUTION, check=CHECK, wrong=WRONG, given="half = [1, 0]"):
    """A master with an exercise in code and one in words."""
    return nbformat.v4.new_notebook(metadata=KERNEL, cells=[
        markdown("(exercises-2)=\n# Exercises 2 · Shares\n\nYou need nothing.", "c0"),
        markdown("## 2.1 Share\n\n*15 minutes · importance: high*\n\nWrite `share`.", "c1"),
        code(given, "c2"),
        code(hole, "c3", nbgrader=graded("hole", "ex-2-1", wrong=wrong)),
        code("print(share(half))", "c4"),
        code(check, "c5", nbgrader=graded("check", "check-2-1", points=2)),
        markdown("It is a mean.", "c6", tags=["answer"]),
        markdown("## 2.2 Why?\n\n*5 minutes · importance: low*\n\nSay why.", "c7"),
        markdown("Because.", "c8", tags=["answer"]),
    ])


def changed(place, **fields):
    made = small()
    made.cells[place].update(fields)
    return made


def regraded(place, **fields):
    made = small()
    made.cells[place].metadata.nbgrader.update(fields)
    return made


def sources(made):
    return {cell["id"]: source(cell) for cell in made["cells"]}


# ---------------------------------------------------------------- starter and solution


def test_the_starter_has_a_hole_and_no_answer():
    made = exercises.starter(small())
    assert sources(made)["c3"] == '''def share(members):
    """The share of members, between 0 and 1."""
    # YOUR CODE HERE
    raise NotImplementedError()'''
    assert [cell["id"] for cell in made["cells"]] == ["c0", "overview", "c1", "c2", "c3", "c4",
                                                     "c5", "c7"]
    told = made["cells"][4]["metadata"]["nbgrader"]
    assert told == graded("hole", "ex-2-1") and "wrong" not in json.dumps(made)
    assert sources(made)["overview"] == ":::{work}\n:::" and exercises.minutes(made) == 20


def test_the_solution_is_the_master_without_markers():
    made = exercises.solution(small())
    assert sources(made)["c3"] == '''def share(members):
    """The share of members, between 0 and 1."""
    total = len(members)
    return sum(members) / total'''
    assert sources(made)["c0"] == "# Solutions 2 · Shares\n\nYou need nothing."
    assert sources(made)["c8"] == "Because." and "wrong" not in json.dumps(made)
    assert sources(made)["overview"] == ":::{work}\n:::"


def test_neither_changes_the_master_nor_keeps_what_was_run():
    master = small()
    master.cells[2].update(execution_count=3, outputs=[nbformat.v4.new_output("stream", text="x")])
    master.cells[2].metadata.execution = {"shell.execute_reply": "2026-01-01T10:00:00Z"}
    before = copy.deepcopy(master)
    for make in exercises.starter, exercises.solution:
        given = make(master)["cells"][3]
        assert (given["outputs"], given["execution_count"], given["metadata"]) == ([], None, {})
    assert master == before


@pytest.mark.parametrize("hole, body, filled", [
    (SOLUTION, "return 1", SOLUTION.split("    ###")[0] + "    return 1"),
    ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION\ny", "z", "z\ny"),
    ("if a:\n    ### BEGIN SOLUTION\n    b\n    ### END SOLUTION\nelse:\n    c",
     "if d:\n    e", "if a:\n    if d:\n        e\nelse:\n    c"),
    ("a\n    ### BEGIN SOLUTION\n    ### END SOLUTION\nb", "\n    c\n", "a\n    c\nb"),
    ("no hole", "x", "no hole"),
])
def test_a_hole_is_filled_at_its_indentation(hole, body, filled):
    assert exercises.filled(hole, body) == filled


def test_commands_write_notebooks(tmp_path):
    nbformat.write(small(), tmp_path / "02_many.ipynb")
    for what, make in (("starter", exercises.starter), ("solution", exercises.solution)):
        done = subprocess.run([sys.executable, "-m", "tools.exercises", what,
                               tmp_path / "02_many.ipynb"], cwd=ROOT, text=True,
                              capture_output=True, check=True)
        made = nbformat.reads(done.stdout, as_version=4)
        nbformat.validate(made)
        assert sources(made) == sources(make(small()))


# ---------------------------------------------------------------- faults


def test_a_sound_master_has_no_faults():
    assert list(exercises.faults(small(), 2)) == []


@pytest.mark.parametrize("made, fault", [
    (changed(0, source="# Exercises 3 · Shares"), "its title is not “# Exercises 2"),
    (changed(0, source="# Practice"), "its title is not"),
    (changed(1, source="## 2.2 Share\n\n*15 minutes · importance: high*"), "its exercises are not"),
    (changed(1, source="## 3.1 Share\n\n*15 minutes · importance: high*"), "its exercises are not"),
    (changed(1, source="## 2.1 Share\n\n15 minutes"), "an exercise has no line"),
    (changed(1, source="## 2.1 Share\n\n*15 minutes · importance: huge*"), "an exercise has no"),
    (regraded(5, grade_id="ex-2-1"), "two cells have the grade_id ex-2-1"),
    (regraded(5, grade=False), "a solution has no check after it"),
    (regraded(5, points=0), "check-2-1: metadata"),
    (regraded(5, schema_version=2), "check-2-1: metadata"),
    (regraded(3, wrong=[]), "ex-2-1: no wrong answer"),
    (regraded(3, wrong=[{"source": "return 1"}]), "ex-2-1: a wrong answer has a source and a hint"),
    (regraded(3, wrong=[{"source": "return (", "hint": "h"}]), "ex-2-1: '(' was never closed"),
    (regraded(3, solution=False), "ex-2-1: a solution has one pair"),
    (changed(2, source=SOLUTION), "'def share(members):': a solution has one pair"),
    (small(hole="def share(members): return 1"), "ex-2-1: a solution has one pair"),
    (small(hole=SOLUTION.replace("### END SOLUTION", "")), "ex-2-1: a solution has one pair"),
    (small(hole=SOLUTION + "\n" + SOLUTION), "ex-2-1: a solution has one pair"),
    (small(hole=SOLUTION + "\n### END SOLUTION"), "ex-2-1: a solution has one pair"),
    (small(check="assert share([1]) == 1"), "check-2-1: a check is made of asserts"),
    (small(check="share([1])"), "check-2-1: a check is made of asserts"),
    (changed(2, outputs=[nbformat.v4.new_output("stream", text="x")]), "'half = [1, 0]': outputs"),
])
def test_faults_of_form_are_named(made, fault):
    found = list(exercises.faults(made, 2))
    assert any(each.startswith(fault) for each in found), found


@pytest.mark.parametrize("made, faults", [
    (small(hole=SOLUTION.replace("/ total", "/ 2")), ["check-2-1: its solution fails: Assertion"]),
    (small(given="half = nothing"), ["'half = nothing': its solution fails: NameError"]),
    (small(wrong=[{"source": "return sum(members) / len(members)", "hint": "h"}]),
     ["ex-2-1: wrong answer 1 passes"]),
    (small(wrong=[WRONG[0], {"source": "return 0.5", "hint": "one half"}]),
     ["ex-2-1: wrong answer 2 is told 'divide by how many there are', without 'one half'"]),
    (small(wrong=[{"source": "return nothing", "hint": "h"}]),
     ["ex-2-1: wrong answer 1 fails with NameError"]),
    (small(wrong=[{"source": "assert False, 'h'", "hint": "h"}]),
     ["ex-2-1: wrong answer 1 fails with AssertionError('h'), not in its check"]),
    (small(check="assert 1 == 1, 'h'", wrong=[{"source": "return 1", "hint": "h"}],
           hole=SOLUTION.replace("def share", "half\ndef other_share")),
     ["ex-2-1: the stub fails with NameError", "ex-2-1: wrong answer 1 fails with NameError",
      "'print(share(half))': its solution fails: NameError"]),
])
def test_faults_of_behaviour_are_named(made, faults):
    found = list(exercises.faults(made, 2))
    assert len(found) == len(faults), found
    assert all(each.startswith(fault) for each, fault in zip(found, faults, strict=True)), found


def test_a_stub_that_passes_is_named():
    made = small(check="assert 1 == 1, 'h'")
    made.cells[4].source = "pass"
    assert next(exercises.faults(made, 2)) == "ex-2-1: the stub passes"


def test_what_is_given_runs_once_and_bodies_leave_nothing_behind(tmp_path):
    log = tmp_path / "log"
    given = f"half = [1, 0]\nwith open({str(log)!r}, 'a') as file:\n    file.write('given ')\nx = 1"
    wrong = [{"source": "global x, left\nx = left = 2\nreturn 0.5", "hint": "how many"}]
    made = small(given=given, wrong=wrong, check=CHECK + "\nassert x == 1, 'x is 1'\n"
                 "assert 'left' not in globals(), 'nothing is left'")
    assert list(exercises.faults(made, 2)) == []
    assert log.read_text() == "given "


def test_what_is_given_before_a_hole_sees_the_answer():
    """A given function that calls the hole by name calls the body that is tried."""
    made = small(given="half = [1, 0]\ndef twice():\n    return 2 * share(half)",
                 check="assert twice() == 1, 'twice one half is one'",
                 wrong=[{"source": "return 1", "hint": "twice"}])
    assert list(exercises.faults(made, 2)) == []


def test_two_holes_may_share_a_check():
    made = small(check=CHECK + "\nassert double(1) == 2, 'twice'")
    second = code("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
                  "c3b", nbgrader=graded("hole", "ex-2-1b", wrong=[
                      {"source": "return x", "hint": "twice"}]))
    made.cells.insert(4, second)
    assert list(exercises.faults(made, 2)) == []


def test_a_hole_may_have_two_checks():
    made = small(check="assert share([1, 1, 0, 0]) == 0.5, 'one half'",
                 wrong=[{"source": "return 0.5", "hint": "how many"}])
    made.cells.insert(6, code("assert share([1]) == 1, 'how many'", "c5b",
                              nbgrader=graded("check", "check-2-1b", points=1)))
    assert list(exercises.faults(made, 2)) == []


@pytest.mark.parametrize("made, status, said", [
    (small(), 0, r"02_many.ipynb: sound, \d+ s\n"),
    (regraded(3, wrong=[]), 1, r"02_many.ipynb: ex-2-1: no wrong answer\n"),
])
def test_a_command_checks(tmp_path, made, status, said):
    nbformat.write(made, tmp_path / "02_many.ipynb")
    done = subprocess.run([sys.executable, "-m", "tools.exercises", "check",
                           tmp_path / "02_many.ipynb"], cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, bool(re.fullmatch(said, done.stdout))) == (status, True), done


# ---------------------------------------------------------------- of the book


of_each_master = pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)


@of_each_master
def test_holes_fail_solutions_pass_and_wrong_answers_are_told_why(path):
    done = subprocess.run([sys.executable, "-m", "tools.exercises", "check", path], cwd=ROOT,
                          text=True, capture_output=True,
                          env=os.environ | {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1"})
    assert done.returncode == 0, done.stdout + done.stderr


def without_holes(lines):
    """The lines outside the markers, found line by line."""
    kept, inside = [], False
    for line in lines:
        inside = inside or "BEGIN SOLUTION" in line
        if not inside:
            kept.append(line)
        inside = inside and "END SOLUTION" not in line
    return kept


@of_each_master
def test_a_starter_is_the_master_outside_its_holes(path):
    master = json.loads(path.read_text(encoding="utf-8"))
    made = exercises.starter(master)
    kept = [cell for cell in master["cells"] if "answer" not in cell["metadata"].get("tags", ())]
    mine = [cell for cell in made["cells"] if cell["id"] != "overview"]
    assert [cell["id"] for cell in mine] == [cell["id"] for cell in kept]
    stub = {"# YOUR CODE HERE", "raise NotImplementedError()"}
    for new, old in zip(mine, kept, strict=True):
        lines = [line for line in source(new).split("\n") if line.strip() not in stub]
        assert lines == without_holes(source(old).split("\n"))
    text = json.dumps(made)
    assert "SOLUTION" not in text and '"wrong"' not in text and "execution\"" not in text
    assert not any(cell.get("outputs") for cell in made["cells"])


@of_each_master
def test_a_master_belongs_to_a_lesson(path):
    assert (ROOT / "book" / path.name).exists()
