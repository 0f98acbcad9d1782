"""What students get: whole, without answers, and at work in a folder of its own."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tiny_course import ABOVE, SHARE, tiny

from course import release
from course.assignment import GUESSED, assignments
from tools import exercises
from tools.lessons import cells, source

ROOT = Path(__file__).resolve().parent.parent
ALONE = """
import json, sys
names = {}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
import mlleaks_helpers
print(mlleaks_helpers.__file__)
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """An assignment, and the folder into which its archive was unpacked."""
    folder = tmp_path_factory.mktemp("course")
    made = tiny(folder)
    archive = release.release(made, 7, folder / "out")
    zipfile.ZipFile(archive).extractall(folder / "student")
    return made, folder / "student"


def notebook(given):
    return json.loads((given[1] / "tiny.ipynb").read_text())


def test_it_holds_what_is_needed_and_nothing_else(given):
    names = {path.name for path in given[1].iterdir()}
    assert names == {"tiny.ipynb", "data.npz", "requirements.txt", "GUIDE.md", "mlleaks_helpers"}
    assert not list(given[1].rglob("recordings")) and not list(given[1].rglob("*.pyc"))
    assert not list(given[1].rglob("canaries.npz"))
    size = sum(path.stat().st_size for path in given[1].rglob("*") if path.is_file())
    assert size < 3 * 2**20


def test_no_solution_no_hidden_check_no_output(given):
    text = "".join(path.read_text() for path in given[1].iterdir() if path.suffix != ".npz"
                   and path.is_file())
    for word in (SHARE, ABOVE, "SOLUTION", "wrong", "Because", "hidden(", "an output", "Question",
                 "check_share", ":::", "{ref}"):
        assert word not in text
    assert text.count("YOUR CODE HERE") == 3       # the guide names it, too
    for cell in cells(notebook(given), "code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None


def test_it_is_the_master_outside_its_holes(given):
    master = given[0].master
    there = {cell["id"]: source(cell) for cell in cells(notebook(given), "code")}
    for cell in cells(master, "code"):
        assert there.pop(cell["id"]) == exercises.filled(source(cell), exercises.STUB)
    assert list(there) == ["start-code"]
    kept = [exercises.nbgrader(cell)["grade_id"] for cell in notebook(given)["cells"]
            if exercises.nbgrader(cell)]
    assert kept == ["tiny-1", "check-1", "tiny-2", "check-2"]


def test_the_data_are_those_of_the_seed(given, tmp_path):
    import numpy as np
    data = np.load(given[1] / "data.npz")
    visible = given[0].visible(7)
    assert set(data) == set(visible)
    assert all((data[name] == visible[name]).all() for name in visible)
    one, two, other = (release.release(given[0], seed, tmp_path / name).read_bytes()
                       for seed, name in ((7, "a"), (7, "b"), (8, "c")))
    assert one == two != other


def test_the_guide_says_what_is_asked_and_how_to_begin(given):
    text = (given[1] / "GUIDE.md").read_text()
    assert text.startswith("# Shares and cuts\n\n10 points, about 35 minutes of work")
    assert "| T.1 Share | 15 | 4 |" in text and "| T.2 Above | 20 | 6 |" in text
    for word in ("pip install -r requirements.txt", "jupyter lab tiny.ipynb", "make lab", "Colab"):
        assert word in text
    wanted = (given[1] / "requirements.txt").read_text().split("\n")
    assert {"numpy", "scipy", "jupyterlab"} <= set(wanted) and "tensorflow" not in " ".join(wanted)
    made = given[0].master
    made["cells"][1]["source"] = "from mlleaks_helpers.models import mlp"
    assert "tensorflow" in release.requirements(made)


def solved(folder, master):
    """The student's notebook with the master's solutions in it."""
    path, = folder.glob("*.ipynb")
    made = json.loads(path.read_text())
    answers = {cell["id"]: source(cell) for cell in cells(exercises.solution(master), "code")}
    for cell in cells(made, "code"):
        cell["source"] = answers.get(cell["id"], source(cell))
    path.write_text(json.dumps(made))
    return path


def alone(path, folder):
    """Runs a notebook's cells in that folder, with no way to the repository."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([sys.executable, "-c", ALONE, path], cwd=folder, text=True, env=(
        environment | {"MPLBACKEND": "Agg"}), capture_output=True, timeout=120)


def test_it_works_alone_and_in_a_folder_with_the_archive_only(given, tmp_path):
    path = solved(given[1], given[0].master)
    run = alone(path, given[1])
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(given[1])
    hosted = tmp_path / "hosted"
    hosted.mkdir()
    for name in ("tiny.ipynb", "tiny.zip"):
        source_of = given[1] / name if name == "tiny.ipynb" else given[1].parent / "out" / name
        (hosted / name).write_bytes(source_of.read_bytes())
    content = (hosted / "tiny.ipynb").read_bytes()
    (tmp_path / "opened.ipynb").write_bytes(content)
    run = alone(tmp_path / "opened.ipynb", hosted)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("assignment", assignments(), ids=lambda one: one.name)
def test_each_assignment_works_alone(assignment, tmp_path):
    archive = release.release(assignment, 20_261_126, tmp_path / "out")
    zipfile.ZipFile(archive).extractall(tmp_path / "student")
    text = (tmp_path / "student" / f"{assignment.name}.ipynb").read_text()
    assert "SOLUTION" not in text and '"wrong"' not in text and "{ref}" not in text
    run = alone(solved(tmp_path / "student", assignment.master), tmp_path / "student")
    assert run.returncode == 0, run.stderr


def test_a_seed_is_asked_for_and_a_short_one_is_told_of(tmp_path, monkeypatch, capsys):
    known = [tiny(tmp_path)]
    monkeypatch.setattr(release, "assignments", lambda: known)
    monkeypatch.delenv("COURSE_SEED", raising=False)
    with pytest.raises(SystemExit):
        release.main("--out", str(tmp_path / "out"))
    fresh = int(capsys.readouterr().err.split("COURSE_SEED=")[1].split()[0])
    assert fresh >= GUESSED
    for seed, told in ((7, True), (fresh, False)):
        monkeypatch.setenv("COURSE_SEED", str(seed))
        assert release.main("--out", str(tmp_path / "out")) == 0
        assert ("found by trying" in capsys.readouterr().out) == told
