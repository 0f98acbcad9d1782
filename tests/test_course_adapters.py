"""The same points in other autograders."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_course import ABOVE, SHARE, answered, bytes_of, tiny

from course import adapters
from tools import exercises
from tools.lessons import cells, source

pytestmark = pytest.mark.skipif(os.name != "posix", reason="submissions need Unix")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def known(tmp_path, monkeypatch):
    made = tiny(tmp_path)
    monkeypatch.setattr(adapters, "assignments", lambda: [made])
    monkeypatch.setenv("COURSE_SEED", "5")
    return made


def handed_in(folder, *bodies):
    path = Path(folder, "alice.ipynb")
    path.write_bytes(bytes_of(answered(*bodies)))
    return path


def test_gradescope_reads_points_and_hints(known, tmp_path, capsys):
    path = handed_in(tmp_path, "return sum(members)", "return scores >= cut - 0.1")
    assert adapters.main("gradescope", "tiny", str(path)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["score"] == 3
    assert [(one["name"], one["score"], one["max_score"]) for one in found["tests"]] == [
        ("tiny-1", 0, 4), ("tiny-2", 3, 6)]
    assert "how many" in found["tests"][0]["output"] and "[" in found["tests"][1]["output"]


def test_nbgrader_gets_a_hidden_test_after_each_check(known, capsys):
    assert adapters.main("nbgrader", "tiny") == 0
    made = json.loads(capsys.readouterr().out)
    checks = [source(cell) for cell in cells(made, "code") if exercises.is_check(cell)]
    assert [text.count("BEGIN HIDDEN TESTS") for text in checks] == [1, 1]
    assert 'points_of("tiny", "tiny-1", globals())' in checks[0]
    assert 'points_of("tiny", "tiny-2", globals())' in checks[1]
    assert SHARE in json.dumps(made) and '"wrong"' not in json.dumps(made)


def test_points_in_nbgraders_own_process(known):
    names = {"share": lambda members: sum(members) / len(members),
             "above": lambda scores, cut: scores > cut - 0.1}
    assert adapters.points_of("tiny", "tiny-1", names) == 4
    assert adapters.points_of("tiny", "tiny-2", names) == 3
    with pytest.raises(AssertionError, match="no function share"):
        adapters.points_of("tiny", "tiny-1", {})


def test_a_seed_and_a_known_name_are_needed(known, monkeypatch):
    with pytest.raises(ValueError, match="one of tiny, got 'large'"):
        adapters.named("large")
    monkeypatch.delenv("COURSE_SEED")
    with pytest.raises(ValueError, match="COURSE_SEED"):
        adapters.points_of("tiny", "tiny-1", {})


@pytest.mark.parametrize("bodies, failed", [((SHARE, ABOVE), 0), (("return 0", ABOVE), 1)])
def test_any_ci_runs_a_test_a_question(tmp_path, bodies, failed):
    tiny(tmp_path)
    path = handed_in(tmp_path, *bodies)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom course import adapters, assignment\n"
        f"adapters.assignments = lambda: assignment.assignments(Path({str(tmp_path)!r}))\n")
    (tmp_path / "test_it.py").write_text((ROOT / "course/test_submission.py").read_text())
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | {
            "SUBMISSION": str(path), "ASSIGNMENT": "tiny", "COURSE_SEED": "5",
            "PYTHONPATH": str(ROOT)})
    assert f"{2 - failed} passed" in run.stdout and run.returncode == bool(failed), run.stdout
    if failed:
        assert "1 failed" in run.stdout and "how many" in run.stdout
