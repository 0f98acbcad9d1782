"""What is executed again when something changes: on a small book, with commands that only log."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import needs

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = {
    "__init__.py": '"""Helpers."""',
    "attacks/__init__.py": "from .classifiers import Top as TopPosteriors\n"
                           "from mlleaks_helpers.attacks.masks import label_only\n"
                           "__all__ = ['TopPosteriors', 'label_only']",
    "attacks/classifiers.py": "from mlleaks_helpers import files\nclass Top:\n    k = 3",
    "attacks/masks.py": "def label_only():\n    '''Only the label.'''\n    return 1",
    "models/__init__.py": "from mlleaks_helpers.models.builders import mlp",
    "models/builders.py": "def mlp():\n    from mlleaks_helpers.models import backend",
    "models/backend.py": "keras = None",
    "claims.py": "TABLE = 'claims.toml'",
    "claims.toml": "id = 1",
    "files.py": "import os",
    "recorded.py": "FOLDER = 'recordings'\ndef recorded(name): ...",
    "recordings/adult/plain-0.json": "{}",
    "recordings/location/plain-0.json": "{}",
}
CHAPTERS = {
    "1.ipynb": ["from mlleaks_helpers.attacks import TopPosteriors"],
    "2.ipynb": ["%matplotlib inline", "x = 1\nfrom mlleaks_helpers.attacks import label_only"],
    "my notes.ipynb": ["from mlleaks_helpers.models import mlp",
                       "import mlleaks_helpers.claims"],
    "more/4.ipynb": ["from mlleaks_helpers.recorded import recorded\nrecorded('location')"],
}
COMMAND = """#!/bin/sh
for last; do :; done
case "$*" in
    tools/needs.py*) exec "{python}" "$@" ;;
    *tools/set_up.py*) echo "set up" >> done.log; mv stubs .venv; touch .venv/.ready ;;
    *tools.execute*) echo "execute $3" >> done.log; env > environment; cp "$3" "$4" ;;
    *tools.exercises*) echo "$3 $last" >> done.log; cat "$last" ;;
    *nbval*) echo "verify $last" >> done.log; echo "1 passed"; ! grep -q "NOT THE SAME" "$last" ;;
    *tools.notebooks*) mkdir -p _build/notebooks ;;
    *scoreboard*|*preregistration*) echo "made of the verdicts" ;;
    *"pytest -n"*) echo "3 passed in 0.1 s" ;;
esac
"""
PUBLISH = "#!/bin/sh\necho publish >> done.log\nmkdir _build/html\ntouch _build/html/index.html\n"


def notebook(*sources, text="Words."):
    cells = [{"cell_type": "code", "source": [source]} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": text}, *cells]})


def put(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.fixture
def root(tmp_path):
    for name, source in PACKAGE.items():
        put(tmp_path / "mlleaks_helpers" / name, source)
    for name, sources in CHAPTERS.items():
        put(tmp_path / "book" / name, notebook(*sources))
    return tmp_path


@pytest.fixture
def make(root):
    """`make GOAL …` in the small book: what it did, in order of names, and its output."""
    for name in ("Makefile", "tools/needs.py", "tools/set_up.py", "tools/scoreboard.py",
                 "tools/preregistration.py", "tools/lessons.py", "tools/exercises.py",
                 "tools/notebooks.py", "tools/plain.py", "tools/game.py", "tools/form.py",
                 "tools/status.py",
                 "requirements.txt", "_config.yml", "_toc.yml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    put(root / "book/a page.md", "Words.")
    put(root / "book/scoreboard.md", "All of them.")
    put(root / "book/preregistration.md", "Beforehand.")
    put(root / "stubs/bin/python", COMMAND.format(python=sys.executable), 0o755)
    put(root / "stubs/bin/jupyter-book", PUBLISH, 0o755)
    put(root / "Program Files/python3", COMMAND.format(python=sys.executable), 0o755)

    def run(*goals):
        log = root / "done.log"
        log.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
        run.last = subprocess.run(["make", *goals, "PYTHON=./Program Files/python3"], cwd=root,
                                  env=environment, text=True, capture_output=True)
        return sorted(log.read_text().splitlines()) if log.exists() else []

    return run


needs_make = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"),
                                reason="make, and a shell for the commands that only log")


def reached(root, chapter):
    return {path.removeprefix("mlleaks_helpers/")
            for path in needs.needs(root / "book" / chapter, needs.Code(root))}


def test_a_name_leads_to_the_module_that_defines_it(root):
    assert reached(root, "1.ipynb") == {
        "__init__.py", "attacks/__init__.py", "attacks/classifiers.py", "files.py"}
    assert reached(root, "2.ipynb") == {"__init__.py", "attacks/__init__.py", "attacks/masks.py"}


def test_imports_within_functions_and_data_beside_a_module_count(root):
    assert reached(root, "my notes.ipynb") == {
        "__init__.py", "models/__init__.py", "models/builders.py", "models/backend.py",
        "claims.py", "claims.toml"}


@pytest.mark.parametrize("read, sets", [
    ("recorded('location')", {"location"}),
    ("recorded('location', seed=1); recorded('adult')", {"location", "adult"}),
    ("print('adult'); recorded('location')", {"location"}),
    ("[recorded(name) for name in ('location',)]", {"location", "adult"}),
    ("list(map(recorded, ['location']))", {"location", "adult"}),
    ("recorded('location'); recorded(name='adult')", {"location", "adult"}),
    ("recorded('location') +", {"location", "adult"}),
    ("recorded(None)", {"location", "adult"}),
])
def test_of_the_recordings_count_those_that_a_chapter_names(root, read, sets):
    source = "from mlleaks_helpers.recorded import recorded"
    put(root / "book/4.ipynb", notebook(source, read))
    assert {path.removeprefix("recordings/") for path in reached(root, "4.ipynb")
            if path.startswith("recordings/")} == sets


def test_of_the_references_count_those_of_the_sets_that_a_page_names(root):
    helpers = root / "mlleaks_helpers"
    put(helpers / "recorded.py", "FOLDER = 'references'\ndef recorded_references(name): ...")
    for name in ("retail-10", "retail-100"):
        put(helpers / f"references/{name}-plain-pooled.npz", "")
    put(root / "book/4.ipynb", notebook("from mlleaks_helpers.recorded import recorded_references",
                                        "recorded_references('retail-10')"))
    assert {path for path in reached(root, "4.ipynb") if path.startswith("references/")} == {
        "references/retail-10-plain-pooled.npz"}


@pytest.mark.parametrize("source, module", [
    ("from mlleaks_helpers.attacks.masks import label_only", "attacks/masks.py"),
    ("import mlleaks_helpers.attacks.masks as m", "attacks/masks.py"),
    ("from mlleaks_helpers.attacks import masks", "attacks/masks.py"),
    ("from mlleaks_helpers import attacks", "attacks/masks.py"),
    ("import mlleaks_helpers.attacks", "attacks/masks.py"),
    ("from mlleaks_helpers.attacks import *", "attacks/masks.py"),
    ("import importlib\nimportlib.import_module('mlleaks_helpers.files')", "files.py"),
    ("if True:\n    from mlleaks_helpers import files", "files.py"),
    ("!ls\nfrom mlleaks_helpers import files", "files.py"),
    ("await asks()\nfrom mlleaks_helpers import files", "files.py"),
    ("this is no Python", "attacks/masks.py"),
])
def test_however_it_is_imported(root, source, module):
    put(root / "book/5.ipynb", notebook(source))
    assert module in reached(root, "5.ipynb")


def test_what_a_folder_does_besides_handing_on_counts(root):
    code, path = needs.Code(root), root / "mlleaks_helpers/attacks/__init__.py"
    before = code.digest("mlleaks_helpers.attacks")
    put(path, path.read_text() + "\nfrom mlleaks_helpers.attacks.masks import more")
    assert needs.Code(root).digest("mlleaks_helpers.attacks") == before
    put(path, path.read_text() + "\nlabel_only = None")
    assert needs.Code(root).digest("mlleaks_helpers.attacks") != before


@pytest.mark.parametrize("before, after, same", [
    ("x = 1", "x = 1  # one", True),
    ("x = 1", "'''One.'''\nx = 1", True),
    ("def f():\n    '''A.'''\n    return 1", "def f():\n\n    return (1)", True),
    ("class A:\n    '''A.'''\n    x = 1", "class A:\n    '''B.'''\n    x = 1", True),
    ("x = 1", "x = 2", False),
    ("x = None", "x = ''", False),
    ("x = None", "x = False", False),
    ("x = 0", "x = False", False),
    ("f(a, b)", "f(b, a)", False),
    ("x = [1]", "x = []", False),
    ("def f(a, *, b): ...", "def f(a, b): ...", False),
    ("def f(a, b=None): ...", "def f(a, b): ...", False),
    ("x = f'{a:.2f}'", "x = f'{a:.3f}'", False),
    ("x = f'{a}'", "x = f'{a!r}'", False),
    ("return_ = a < b", "return_ = a <= b", False),
    ("'''A.'''\n'''B.'''", "'''A.'''\n'''C.'''", False),
])
def test_comments_and_docstrings_are_no_change(before, after, same):
    shapes = [needs._shape(needs.parsed(source)) for source in (before, after)]
    assert (shapes[0] == shapes[1]) == same


def test_every_version_of_python_gives_the_same_digest():
    source = "def f(x, *a, k=None, **b) -> int:\n    return f'{x[1:2]!r:>{k}}' if a else {**b}"
    assert needs.sha256(needs._shape(needs.parsed(source)).encode())[:12] == "23f223a95222"


def test_no_helper_imports_in_a_circle():
    found = needs.graph(needs.Code())
    assert {"attacks.masks", "models.training", "metrics"} <= {
        name.removeprefix("mlleaks_helpers.") for name in found}
    for number, name in enumerate(found):
        assert set(found[name]) <= set(list(found)[:number])


def test_a_circle_is_named(root):
    put(root / "mlleaks_helpers/files.py", "def f():\n    from mlleaks_helpers.attacks import Top")
    put(root / "mlleaks_helpers/attacks/__init__.py", "from .classifiers import Top")
    with pytest.raises(ValueError, match=r"circle among mlleaks_helpers\.attacks\.classifiers, "
                                         r"mlleaks_helpers\.files$"):
        needs.graph(needs.Code(root))


# ---------------------------------------------------------------- with make


@needs_make
def test_what_changed_is_executed_and_verified_again_and_nothing_else(root, make):
    executed = [f"execute book/{name}" for name in sorted(CHAPTERS)]
    verified = [f"verify _build/source/{name}" for name in sorted(CHAPTERS)]
    assert make("test") == [*executed, "publish", "set up", *verified]
    assert make.last.stdout.splitlines()[-1] == "3 passed in 0.1 s"
    assert make("test") == []

    masks = root / "mlleaks_helpers/attacks/masks.py"
    masks.write_text(masks.read_text().replace("Only", "Nothing but") + "  # one")
    assert make("test") == []
    masks.write_text(masks.read_text().replace("return 1", "return 2"))
    assert make("book") == ["execute book/2.ipynb", "publish"]
    assert make("test") == ["verify _build/source/2.ipynb"]

    put(root / "mlleaks_helpers/recordings/location/plain-1.json", "{}")
    assert make("book") == ["execute book/more/4.ipynb", "publish"]
    put(root / "mlleaks_helpers/recordings/adult/plain-1.json", "{}")
    (root / "tools/scoreboard.py").touch()
    assert make("_build/source/1.ipynb", "_build/source/more/4.ipynb") == []


@needs_make
def test_a_master_is_a_starter_and_an_executed_solution(root, make):
    make("test")
    master = root / "book/exercises/5 more.ipynb"
    put(master, notebook("from mlleaks_helpers.attacks import label_only"))
    executed = ["execute _build/solutions/5 more.ipynb", "publish",
                "solution book/exercises/5 more.ipynb"]
    assert make("book") == [*executed, "starter book/exercises/5 more.ipynb"]
    assert (root / "_build/source/exercises/5 more.ipynb").read_text() == master.read_text()
    assert make("test") == ["verify _build/source/solutions/5 more.ipynb"]
    masks = root / "mlleaks_helpers/attacks/masks.py"
    masks.write_text(masks.read_text().replace("return 1", "return 2"))
    assert make("book") == [executed[0], "execute book/2.ipynb", *executed[1:]]
    assert make("book") == []
    master.unlink()
    assert make("book") == ["publish"]
    assert not list((root / "_build/source").rglob("5 more.ipynb"))


@needs_make
def test_what_is_removed_is_noticed(root, make):
    make("book")
    (root / "mlleaks_helpers/attacks/masks.py").unlink()
    assert "execute book/2.ipynb" in make("book")
    (root / "mlleaks_helpers/claims.toml").unlink()
    assert make("_build/source/my notes.ipynb", "_build/source/1.ipynb") == [
        "execute book/my notes.ipynb"]
    put(root / "mlleaks_helpers/claims.toml", "id = 1")
    (root / "book/my notes.ipynb").unlink()
    (root / "book/a page.md").unlink()
    assert make("book") == ["publish"]
    left = {path.name for path in (root / "_build/source").rglob("*") if path.is_file()}
    assert left == {"1.ipynb", "2.ipynb", "4.ipynb", "scoreboard.md", "preregistration.md"}


@needs_make
@pytest.mark.parametrize("name", ["two  blanks.ipynb", "what's this (#3).ipynb",
                                  "größer & kleiner.ipynb"])
def test_a_page_may_have_any_name(root, make, name):
    make("book")
    put(root / "book" / name, notebook("1 + 1"))
    assert make("book") == [f"execute book/{name}", "publish"]
    assert f"verify _build/source/{name}" in make("test")
    assert make("test") == []


@needs_make
def test_a_name_that_make_cannot_carry_is_refused(root, make):
    put(root / "book/50 % more.ipynb", notebook("1 + 1"))
    assert make("book") == [] and make.last.returncode != 0
    assert "book/50 % more.ipynb: rename it" in make.last.stderr


@needs_make
def test_new_words_alone_are_published(root, make):
    make("book")
    put(root / "book/1.ipynb", notebook(*CHAPTERS["1.ipynb"], text="Other words."))
    assert make("book") == ["execute book/1.ipynb", "publish"]
    put(root / "book/a page.md", "Other words.")
    assert make("book") == ["publish"]
    assert (root / "_build/source/a page.md").read_text() == "Other words."


@needs_make
def test_a_chapter_that_gives_other_numbers_fails_and_is_tried_again(root, make):
    put(root / "book/2.ipynb", notebook("'NOT THE SAME'"))
    for _ in range(2):
        assert "verify _build/source/2.ipynb" in make("test")
        assert make.last.returncode != 0 and "3 passed" not in make.last.stdout


@needs_make
def test_every_product_is_made_again_where_it_is_missing(root, make):
    make("book")
    for product in ("_build/scoreboard.md", "_build/claims.json", "_build/html/index.html",
                    "_build/preregistration.md", "_build/source/scoreboard.md",
                    "_build/source/preregistration.md"):
        (root / product).unlink()
        make("book")
        assert make.last.returncode == 0 and (root / product).exists(), product


@needs_make
def test_pages_made_of_verdicts_begin_with_their_own_words(root, make):
    make("book")
    for name, words in (("scoreboard", "All of them."), ("preregistration", "Beforehand.")):
        page = root / f"_build/source/{name}.md"
        assert page.read_text() == f"{words}made of the verdicts\n"
        put(root / f"book/{name}.md", "Other words. ")
        assert make("book") == ["publish"]
        assert page.read_text() == "Other words. made of the verdicts\n"
        (root / f"tools/{name}.py").touch()
        assert make("book") == ["publish"]


@needs_make
def test_what_make_would_do_can_be_asked(root, make):
    make("book")
    masks = root / "mlleaks_helpers/attacks/masks.py"
    masks.write_text(masks.read_text().replace("return 1", "return 2"))
    assert make("-n", "book") == []
    assert make.last.stdout.count("tools.execute") == 1 and "book/2.ipynb" in make.last.stdout


@needs_make
def test_a_home_folder_is_neither_read_nor_written(root, make):
    """Each of these libraries otherwise keeps settings, or a cache, in the reader's own."""
    make("book")
    environment = dict(line.split("=", 1) for line in (root / "environment").read_text().split("\n")
                       if "=" in line)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                 "KERAS_HOME", "MPLCONFIGDIR"):
        assert environment[name].startswith(f"{root}/_build/home/"), name
    assert environment["OMP_NUM_THREADS"] == environment["TQDM_DISABLE"] == "1"
