"""Grades of honest, wrong, broken and hostile submissions; nobody's depend on another's."""

import csv
import io
import json
import os
import re
import stat
import zipfile

import nbformat
import pytest
from tiny_course import ABOVE, SHARE, answered, bytes_of, master, tiny

from course import feedback, grade
from course.assignment import program
from course.contained import Contained, contained
from course.grade import Grade, Grader, folders, run
from course.handed_in import HandedIn, handed_in, notebook
from course.points import Points, Refused, Unable
from course.sandbox import Limits
from mlleaks_helpers.interval import Interval

pytestmark = pytest.mark.skipif(os.name != "posix", reason="submissions need Unix")
SHORT = Limits(seconds_a_call=3, seconds=12, memory=2**30, printed=2**20, written=2**20)
SEED = 20_261_126


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    return Grader(tiny(tmp_path_factory.mktemp("course")), SEED, contained().walls, SHORT)


def archive(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return made.getvalue()


def linked():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        link = zipfile.ZipInfo("work.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "../good.ipynb")
    return made.getvalue()


def renamed():
    made = answered()
    for cell in made["cells"]:
        cell["metadata"].pop("nbgrader", None)
        if "share" in cell["source"]:
            cell["source"] = cell["source"].replace("share", "my_share")
    return made


# What each of them is, the points of its two questions, and a part of what is said.
HOSTILE = {
    "damaged": (b'{"cells": [', (0, 0), "damaged"),
    "empty": (b"", (0, 0), "empty"),
    "no-notebook": (b'{"cells": [{"source": 3}]}', (0, 0), "not a notebook"),
    "a-report": (b"%PDF-1.7 \xff\xfe", (0, 0), "damaged"),
    "nested": (b"[" * 200_000, (0, 0), "damaged"),
    "renamed-cells": (renamed(), (0, 6), "no function share"),
    "endless": (answered("while True: pass"), (0, 6), "longer than 3 seconds"),
    "endless-cell": (answered(f"{SHARE}\nwhile True: pass"), (0, 6), "cell tiny-1: it took longer"),
    "forking": (answered("import os\n    while True: os.fork()"), (0, 6), "raised|longer than"),
    "leaving": (answered("import sys; sys.exit(0)", "import os; os._exit(0)"), (0, 0),
                "SystemExit|ended the process"),
    "gigabytes": (answered("while True: print('x' * 10**6)"), (0, 6), "printed more than"),
    "reading": (answered(f"open('{__file__}').read()\n    {SHARE}"), (0, 6), "FileNotFoundError"),
    "patching": (answered(
        "return 0.5", "from course.points import Points\n    return Points(6, 6, 'all')"), (0, 0),
        "ModuleNotFoundError"),
    "patching-numpy": (answered(
        "import numpy, builtins\n    numpy.abs = builtins.abs = lambda *_: 0\n    return 5",
        "import numpy\n    numpy.sum = lambda *_: 10**9\n    return scores * 0"), (0, None), ""),
    "huge": (answered("import numpy\n    return numpy.zeros(10**8)"), (0, 6), "less than 64 MB"),
    "kinds": (answered("return {'share': object()}", "return 'yes' * len(scores)"), (0, 0),
              "cannot be judged|must return numbers"),
    "nan": (answered("return float('nan')", "return scores * float('nan')"), (0, 0), "finite"),
    "shouting": (answered(
        "class E(Exception):\n        def __str__(self): raise SystemExit\n    raise E"), (0, 6),
        "cannot be read"),
    "remembering": (answered(f"globals()['members'] = members\n    {SHARE}",
                             "return members"), (4, 0), "NameError"),
    "link.zip": (linked(), (0, 0), "holds a link"),
    "escape.zip": (archive(**{"../good.ipynb": "{}"}), (0, 0), "outside its own folder"),
    "bomb.zip": (archive(**{"work.ipynb": bytes(30 * 2**20)}), (0, 0), "larger than 20 MB"),
    "two.zip": (archive(**{"b.ipynb": "{}", "c.ipynb": "{}"}), (0, 0), "one notebook, got 2"),
    "torn.zip": (archive(**{"a.ipynb": "{}"})[:60], (0, 0), "archive is damaged"),
}
VISIBLE_SHARE = 0.5     # what the visible check asks for
HONEST = {
    "good": (answered(), (4, 6)),
    "good.zip": (archive(**{"w/work.ipynb": bytes_of(answered()), "w/data.npz": b"",
                            "__MACOSX/w/._work.ipynb": b""}), (4, 6)),
    "stub": (answered("raise NotImplementedError()", "raise NotImplementedError()"), (0, 0)),
    "half": (answered("return sum(members)", ABOVE), (0, 6)),
    "below": (answered(SHARE, "return scores >= cut - 0.1"), (4, 3)),
    "own-cells": (answered("return total(members) / len(members)", "return scores > LIMIT * cut",
                           "%timeit 1\nimport numpy\nLIMIT = 1", "def total(x): return sum(x)",
                           "!pip install x", "for _ in iter(int, 1): pass", "plot("), (4, 6)),
    "lists": (answered(SHARE, "return [bool(score > cut) for score in scores]"), (4, 6)),
    "copied": (answered(f"return {VISIBLE_SHARE}"), (0, 6)),
}


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed_in") / "tiny"
    folder.mkdir()
    for name, (content, *_) in {**HOSTILE, **HONEST}.items():
        if name == "forking" and not contained().walls:
            continue
        path = folder / (name if "." in name else f"{name}.ipynb")
        path.write_bytes(content if isinstance(content, bytes) else bytes_of(content))
    os.symlink(folder / "good.ipynb", folder / "thief.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "nothing").mkdir()
    (folder / "alice").mkdir()
    (folder / "alice/any name.ipynb").write_bytes(bytes_of(answered()))
    (folder / "alice/data.npz").write_bytes(b"")
    (folder / ".hidden").write_text("")
    return folder


@pytest.fixture(scope="module")
def graded(grader, submissions, tmp_path_factory):
    out = tmp_path_factory.mktemp("grades")
    return {one.student: one for one in run(submissions, grader, out)}, out


def points(found):
    return tuple(one.points for one in found.points.values())


NEEDS_WALLS = {"reading", "forking"}     # where they are missing, the teacher is told


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_submission_is_a_failure_with_a_reason(graded, grader, name):
    if name in NEEDS_WALLS and not grader.walls:
        pytest.skip("no namespaces on this machine")
    found, (_, wanted, reason) = graded[0][name.removesuffix(".zip")], HOSTILE[name]
    assert all(got == one if one is not None else got < 6
               for one, got in zip(wanted, points(found), strict=True))
    said = " ".join(one.message for one in found.points.values())
    assert re.search(reason, said), said


@pytest.mark.parametrize("name", HONEST)
def test_honest_ones_beside_them_get_what_they_earn(graded, name):
    key = name if name == "good.zip" else "good.ipynb" if name == "good" else name
    assert points(graded[0][key]) == HONEST[name][1]


def test_links_pipes_and_empty_folders(graded):
    for name, reason in [("thief", "links"), ("pipe", "links"), ("nothing", "got 0")]:
        assert points(graded[0][name]) == (0, 0) and reason in graded[0][name].refused
    assert points(graded[0]["alice"]) == (4, 6) and ".hidden" not in graded[0]


def test_the_table_has_a_line_for_each_and_an_interval_beside_an_estimate(graded):
    grades, out = graded
    rows = list(csv.DictReader((out / "grades.csv").open()))
    assert [row["student"] for row in rows] == sorted(grades)
    row = {row["student"]: row for row in rows}["below"]
    found = grades["below"].points["tiny-2"].estimate
    assert (float(row["tiny-1"]), float(row["tiny-2"]), float(row["total"]), row["of"]) == (
        4, 3, 7, "10")
    assert float(row["tiny-2 low"]) < float(row["tiny-2 estimate"]) < float(row["tiny-2 high"])
    assert abs(float(row["tiny-2 estimate"]) - found.value) < 1e-4
    assert "tiny-1 estimate" not in row and row["remark"] == ""


def test_feedback_says_what_and_why_and_nothing_hidden(graded):
    grades, out = graded
    pages = {path.name.rpartition("-")[0]: path.read_text() for path in
             (out / "feedback").iterdir()}
    assert len(pages) == len(grades)
    assert "**7 of 10 points**" in pages["below"] and "compare with the cut" in pages["below"]
    assert str(grades["below"].points["tiny-2"].estimate) in pages["below"]
    assert "could not be graded: the file is empty" in pages["empty"]
    assert not any(str(SEED) in page for page in pages.values())


def test_a_run_that_was_cut_off_goes_on_and_gives_the_same_table(
        grader, submissions, graded, tmp_path, monkeypatch):
    _, out = graded
    wanted = (out / "grades.csv").read_text()
    (tmp_path / "kept").mkdir()
    for path in sorted((out / "kept").iterdir()):
        (tmp_path / "kept" / path.name).write_bytes(path.read_bytes())
    good = feedback.file_name("half")
    kept = tmp_path / "kept" / f"{good}.json"
    kept.write_text(kept.read_text()[:100])
    anew = []

    def counted(self, student, content):
        anew.append(student)
        return judge(self, student, content)

    judge = Grader.judge
    monkeypatch.setattr(Grader, "judge", counted)
    run(submissions, grader, tmp_path)
    assert anew == ["half"] and (tmp_path / "grades.csv").read_text() == wanted


def test_what_is_kept_hangs_on_submission_seed_code_and_limits(grader, tmp_path):
    keys = {grader.key(b"a"), grader.key(b"b"),
            Grader(grader.assignment, SEED + 1, grader.walls, SHORT).key(b"a"),
            Grader(grader.assignment, SEED, not grader.walls, SHORT).key(b"a"),
            Grader(grader.assignment, SEED, grader.walls, Limits()).key(b"a")}
    changed = tiny(tmp_path)
    (changed.folder / "checks.py").write_text((changed.folder / "checks.py").read_text() + "\n")
    keys.add(Grader(changed, SEED, grader.walls, SHORT).key(b"a"))
    assert len(keys) == 6
    assert Grader(tiny(tmp_path, "other"), SEED, grader.walls, SHORT).key(b"a") == grader.key(b"a")


def test_a_submission_that_changed_is_graded_anew(grader, tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    for body, wanted in (("return 2", (0, 0)), (SHARE, (4, 0))):
        (folder / "alice.ipynb").write_bytes(bytes_of(answered(body, "return 2")))
        assert points(run(folder, grader, tmp_path / "out")[0]) == wanted


def test_hidden_data_are_others_than_visible_ones_and_cannot_be_changed(grader):
    visible, hidden = grader.assignment.visible(SEED), grader.given
    assert (visible["scores"] != hidden["scores"]).any()
    assert (grader.assignment.hidden(SEED + 1)["scores"] != hidden["scores"]).any()
    with pytest.raises(ValueError, match="read-only"):
        hidden["scores"][0] = 0


def test_solutions_are_known_by_grade_id_wherever_they_stand():
    made = answered()
    cells = made["cells"]
    cells.insert(0, cells.pop(next(
        place for place, cell in enumerate(cells) if "def above" in cell["source"])))
    found = program(master(), made)
    assert found[0][:2] == ("run", "given") and found[1][1] == "tiny-2"
    assert [what for what, name, _ in found] == ["run", "run", "late", "run"]
    assert not any("assert" in code for *_, code in found)
    given = [code for what, name, code in found if name == "given"]
    data, = (cell for cell in cells if cell["source"] in given)
    data["source"] = "data = 'changed by the student'"
    found = program(master(), made)
    assert [code for what, name, code in found if name == "given"] == given
    assert ("define", "number 2", "data = 'changed by the student'") in found


def test_of_two_cells_with_one_name_the_last_counts(grader):
    made = answered("return 0")
    again = nbformat.v4.new_code_cell(f"def share(members):\n    {SHARE}", metadata={
        "nbgrader": {"grade_id": "tiny-1", "solution": True}})
    made["cells"].append(again)
    assert points(grader.judge("a", bytes_of(made))) == (4, 6)


def test_names_of_students_do_no_harm(tmp_path):
    for name in ("=HYPERLINK(1).ipynb", "@a.ipynb", " +1.zip", "-2", "ä ö.ipynb", "a\nb.ipynb"):
        (tmp_path / name).write_bytes(b"")
    rows = [Grade(one.student, "", {"q": Points(0, 1, "")}) for one in handed_in(tmp_path)]
    told = list(csv.DictReader(io.StringIO(feedback.table(rows))))
    assert all(not row["student"].lstrip().startswith(feedback.FORMULA) for row in told)
    assert {"'=HYPERLINK(1)", "'-2", "'@a", "ä ö", "a b"} <= {row["student"] for row in told}
    names = [feedback.file_name(one.student) for one in rows]
    assert len(set(names)) == 6 and all(name.replace("_", "").replace("-", "").isalnum()
                                        and name.isascii() for name in names)
    assert feedback.file_name("a/../b") != feedback.file_name("a/..-b")


def test_what_a_student_wrote_becomes_no_link_and_no_tag():
    said = "boom ![x](http://a) <img src=x>\n# head\x07"
    page = feedback.page("tiny", Grade("<b>", "", {"q": Points(
        0, 1, said, Interval(0.5, 0.25, 0.75))}))
    assert "![" not in page and "<img" not in page.replace("\\<", "") and "\n# head" not in page
    assert "0.500 [0.250, 0.750]" in page and "\x07" not in page


def test_a_notebook_in_lines_and_in_one_text_is_one():
    made = json.loads(json.dumps(answered()))
    for cell in made["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    assert program(master(), notebook(bytes_of(made))) == program(master(), answered())


@pytest.mark.parametrize("metadata", [None, 3, {"nbgrader": None}, {"nbgrader": {"grade_id": 3}}])
def test_hostile_metadata_is_no_notebook(metadata):
    made = answered()
    made["cells"][1]["metadata"] = metadata
    with pytest.raises(Refused, match="not a notebook"):
        notebook(bytes_of(made))


def test_what_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.ipynb").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(Refused, match="larger than 20 MB"):
        HandedIn("a", tmp_path / "a.ipynb").content()


def test_the_folder_names_the_assignment(tmp_path, monkeypatch):
    known = [tiny(tmp_path / "course", name) for name in ("tiny", "other")]
    monkeypatch.setattr(grade, "assignments", lambda: known)
    for name in ("all/tiny", "all/other", "all/notes", "empty"):
        (tmp_path / name).mkdir(parents=True)
    assert folders(tmp_path / "all/tiny") == [(known[0], tmp_path / "all/tiny")]
    assert folders(tmp_path / "all") == [(known[1], tmp_path / "all/other"),
                                         (known[0], tmp_path / "all/tiny")]
    assert folders(tmp_path / "all/notes", "tiny") == [(known[0], tmp_path / "all/notes")]
    for folder, name in ((tmp_path / "empty", None), (tmp_path / "all", "third")):
        with pytest.raises(ValueError, match="tiny, other"):
            folders(folder, name)


def test_the_command_grades_a_folder(tmp_path, monkeypatch, capsys):
    known = [tiny(tmp_path / "course")]
    monkeypatch.setattr(grade, "assignments", lambda: known)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/alice.ipynb").write_bytes(bytes_of(answered()))
    monkeypatch.delenv("COURSE_SEED", raising=False)
    arguments = [str(tmp_path / "tiny"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        grade.main(*arguments)
    assert "COURSE_SEED" in capsys.readouterr().err
    monkeypatch.setenv("COURSE_SEED", "5")
    assert grade.main(*arguments) == 0
    assert "alice: 10 of 10" in capsys.readouterr().out
    assert "alice,4,6," in (tmp_path / "out/tiny/grades.csv").read_text()


def test_what_cannot_be_read_has_a_reason(tmp_path):
    with pytest.raises(Refused, match="cannot be read"):
        HandedIn("a", tmp_path / "gone.ipynb").content()


def test_where_nothing_can_be_run_the_command_says_so_and_keeps_nothing(
        tmp_path, monkeypatch, capsys):
    def unable(*_):
        raise Unable("no process here")

    monkeypatch.setattr(grade, "assignments", lambda: [tiny(tmp_path / "course")])
    monkeypatch.setattr(grade, "contained", lambda: Contained(True, ()))
    monkeypatch.setattr(grade.Sandboxed, "call", unable)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/alice.ipynb").write_bytes(bytes_of(answered()))
    assert grade.main(str(tmp_path / "tiny"), "--out", str(tmp_path / "out"), "--seed", "5") == 1
    assert "run it again" in capsys.readouterr().err
    assert not list((tmp_path / "out/tiny/kept").iterdir())
