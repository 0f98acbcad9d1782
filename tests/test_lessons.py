"""What a lesson takes, and the line that says so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import lessons

ROOT = Path(__file__).resolve().parent.parent
EXT = ROOT / "book" / "_ext"


def notebook(text="", *codes):
    """Code as (source, tags)."""
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
             for source, tags in codes]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *cells],
                                    metadata={"language_info": {"name": "python"}})


@pytest.mark.parametrize("text, words", [
    ("Three plain words.", 3),
    ("shadow-models aren’t two don't", 4),
    ("2,500 of 10", 1),
    ("# 2 · A title", 2),
    ("| a | b |\n|---|---|\n| c | 1 |", 3),
    ("`code` and $x + y$ and\n\n$$\nx = y\n$$\n\nformulas", 3),
    ("{term}`shadow models <shadow model>` and {glue:text}`recall`", 1),
    ("[a link](https://example.org/one/two) <b>bold</b>", 3),
    ("```python\nx = 1\n```\nafter", 1),
    ("```{admonition} A title\n:class: tip\nThe text.\n```\nafter", 5),
    ("```{admonition} A title\nThe text.\n```\nbetween\n```{admonition} B\nMore.\n```", 7),
    (":::{predict} an-id\nHow many?\n- all\n:::", 3),
    (":::{threat} Adversary 1\n:struck: many, labels\nShe asks.\n:::", 3),
    (":::{quiz}\nWhy?\n\n- ( ) No\n\n  Not so.\n- (x) Yes\n\n  So.\n:::", 6),
    ("::::{grid} 2\n:::{grid-item-card} Title\nText.\n:::\n::::", 1),
    ("````{admonition} A\n```python\nx\n```\nb\n````", 2),
    ("(label)=\n# One\n% a comment\ntwo", 2),
    (":::{lesson}\n:::", 0),
])
def test_words_of_prose_are_counted(text, words):
    assert lessons.count(text) == words


def test_facts_by_hand():
    made = notebook("word " * 250, ("a = 1\n\nb = 2\n", ()), ("c\nd", ()), ("check(1)", ()),
                    ("d\n" * 9, ["hide-input"]), ("e\ncheck(2)", ["remove-cell", "x"]), ("", ()))
    found = lessons.facts(made)
    assert found == lessons.Facts(words=250, visible=5, folded=11, median=2, longest=2,
                                  verdicts=2, minutes=4, seconds=None)
    assert lessons.row(found) == ["250", "5", "11", "2", "2", "2", "4", "–"]


@pytest.mark.parametrize("words, lines, minutes", [
    (100, 0, 1), (101, 0, 2), (0, 6, 1), (0, 7, 2), (150, 3, 2), (150, 4, 3), (1_700, 48, 25)])
def test_minutes_are_rounded_up_once(words, lines, minutes):
    made = notebook("word " * words, ("x\n" * lines, ()))
    assert lessons.facts(made).minutes == minutes


@pytest.mark.parametrize("tag, visible", [
    ("hide-input", 0), ("hide-cell", 0), ("remove-input", 0), ("remove-cell", 0),
    ("hide-output", 1), ("answer", 1)])
def test_folded_is_what_hides_code(tag, visible):
    found = lessons.facts(notebook("", ("x", [tag])))
    assert (found.visible, found.folded) == (visible, 1 - visible)


def executed(*spans):
    made = notebook("word " * 90, *(("x", ()) for _ in spans))
    for cell, (start, end) in zip(made.cells[1:], spans, strict=True):
        cell.metadata["execution"] = {
            "iopub.status.busy": f"2026-01-01T10:00:{start:09.6f}Z",
            "shell.execute_reply": f"2026-01-01T10:00:{end:09.6f}Z"}
    return made


def test_seconds_are_those_of_the_execution():
    assert lessons.facts(executed((1.5, 3), (3, 10.25))).seconds == 8.75


def test_sources_may_be_lists_of_lines():
    made = json.loads(nbformat.writes(notebook("one\ntwo", ("a\nb", ["hide-input"]))))
    assert isinstance(made["cells"][1]["source"], list)
    assert (lessons.facts(made).words, lessons.facts(made).folded) == (2, 2)


# ---------------------------------------------------------------- on the page


CONF = """
extensions = ["myst_nb", "lessons"]
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"
root_doc = "02_many"
"""


@pytest.fixture
def page(tmp_path):
    """The line of a lesson, as HTML, from the notebook and the names of pages beside it."""
    def build(made, *others):
        source = tmp_path / "source"
        (source / "exercises").mkdir(parents=True)
        (source / "conf.py").write_text(CONF)
        made.cells.insert(0, nbformat.v4.new_markdown_cell("\n".join([
            "# 2 · Many\n\n:::{lesson}\n:::\n\n:::{toctree}\n:hidden:", *others, ":::"])))
        nbformat.write(made, source / "02_many.ipynb")
        for other in others:
            nbformat.write(notebook("# Exercises 2"), source / f"{other}.ipynb")
        subprocess.run([sys.executable, "-m", "sphinx", "-W", "-q", source, tmp_path / "html"],
                       check=True, env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{EXT}"})
        html = (tmp_path / "html/02_many.html").read_text(encoding="utf-8")
        return re.search(r'<p class="lesson">(.*?)</p>', html, re.DOTALL)[1]

    return build


def test_the_line_says_minutes_seconds_and_practice(page):
    line = page(executed((1, 2), (2, 9.4)), "exercises/02_many")
    text = re.sub("<[^>]*>", "", line)
    assert text == (f"2 minutes to read · 8 s to run on {os.cpu_count()} CPU cores, no GPU, "
                    "no download · practice")
    assert 'href="exercises/02_many.html"' in line and "<em>" in line


def test_the_line_without_practice_and_execution(page):
    assert page(notebook(), "exercises/03_other") == "<em>1 minute to read</em>"
