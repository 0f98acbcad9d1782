"""Notebooks that work alone: made of a small book, and those of the book, run from a wheel."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import exercises, notebooks
from tools.lessons import facts, read, source, takes

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "_build/source"
LEFT = re.compile(r"\{(?:glue|cite|ref|doc|term)[^}]*\}`|^ *:::|^ *`{3,}\{|^\([\w-]+\)=",
                  re.MULTILINE)
BIB = """@article{one2019,
  author = {Salem, Ahmed and Zhang, Yang and Humbert, Mathias},
  year   = {2019},
  doi    = {10.1/x}
}
@book{two2020,
  author = {Yeom, Samuel and Jha, Somesh},
  year   = {2020}
}
"""
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def markdown(text, identity="m"):
    return nbformat.v4.new_markdown_cell(text, id=identity)


def code(text, identity="c", *tags, outputs=()):
    return nbformat.v4.new_code_cell(text, id=identity, metadata={"tags": list(tags)},
                                     outputs=list(outputs), execution_count=1)


def glues(name, text):
    return nbformat.v4.new_output(
        "display_data", data={"application/papermill.record/text/plain": text},
        metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}})


def notebook(*cells):
    kernel = {"name": "python3", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": kernel})


NUMBERS = code("from myst_nb import glue\nglue('recall', '42%')", "g", "remove-cell",
               outputs=[glues("recall", "'42%'"), glues("share", "0.123"),
                        glues("said", '"it\'s"')])


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    (source / "exercises").mkdir(parents=True)
    (source / "solutions").mkdir()
    (source / "figures").mkdir()
    (source / "figures/a.svg").write_bytes(SVG)
    (source / "references.bib").write_text(BIB)
    (source / "glossary.md").write_text("(words)=\n# Glossary\n")
    nbformat.write(notebook(markdown("(chapter-1)=\n# 1 · One\n\n(here)=\n## A part"), NUMBERS),
                   source / "01_one.ipynb")
    nbformat.write(notebook(markdown("# 2 · Two")), source / "02_two.ipynb")
    nbformat.write(notebook(markdown("# Exercises 1 · One\n\n*5 minutes · importance: low*")),
                   source / "exercises/01_one.ipynb")
    nbformat.write(notebook(markdown("# Solutions 1 · One")), source / "solutions/01_one.ipynb")
    return source


@pytest.fixture
def plain(folder):
    """Some Markdown of lesson 1 as the made notebook has it."""
    def turned(text, page="01_one"):
        found = notebooks.made(notebook(markdown(text), NUMBERS), page, notebooks.Book(folder))
        return found["cells"][2]["source"]
    return turned


@pytest.mark.parametrize("text, made", [
    ("Recall is {glue:text}`recall`, or {glue:text}`share:.1f`, {glue:text}`said`.",
     "Recall is 42%, or 0.1, it's."),
    ("{term}`shadow models <shadow model>` and {term}`AUC`", "shadow models and AUC"),
    ("{term}`shadow\nmodels <shadow model>`", "shadow\nmodels"),
    ("{doc}`02_two` {doc}`/02_two` {doc}`there </02_two>`",
     "[2 · Two](02_two.ipynb) [2 · Two](02_two.ipynb) [there](02_two.ipynb)"),
    ("{doc}`glossary` {doc}`words <glossary>`", "Glossary words"),
    ("{ref}`chapter-1` {ref}`here` {ref}`that <here>` {ref}`words`",
     "[1 · One](01_one.ipynb) [A part](01_one.ipynb) [that](01_one.ipynb) Glossary"),
    ("{cite}`one2019` {cite}`one2019,two2020` {cite:t}`two2020`",
     "([Salem et al., 2019](https://doi.org/10.1/x)) ([Salem et al., 2019](https://doi.org/10.1/x)"
     "; Yeom and Jha, 2020) Yeom and Jha (2020)"),
    ("(chapter-1)=\n# 1 · One", "# 1 · One"),
    ("{math}`x^2` $y$\n\n$$\nz\n$$", "$x^2$ $y$\n\n$$\nz\n$$"),
    ("```python\nx = {1: 2}\n```", "```python\nx = {1: 2}\n```"),
    ("[page](glossary.md) [two](02_two.ipynb) [out](https://x.org/a) [part](#a)",
     "page [two](02_two.ipynb) [out](https://x.org/a) [part](#a)"),
    ("```{admonition} Look {term}`up <x>`\n:class: tip\n- a\n- {glue:text}`recall`\n```\nafter",
     "> **Look up**\n>\n> - a\n> - 42%\nafter"),
    ("```{admonition} Solution\n:class: dropdown\nIt is `x`.\n```",
     "<details><summary>Solution</summary>\n\nIt is `x`.\n\n</details>"),
    (":::{dropdown} More\nIt is.\n:::", "<details><summary>More</summary>\n\nIt is.\n\n</details>"),
    (":::{note}\nCareful.\n:::", "> **Note**\n>\n> Careful."),
    ("::::{grid} 2\n:::{grid-item-card} Learn\n:link: x\nRead.\n:::\n::::",
     "**2**\n\n**Learn**\n\nRead."),
    ("```{bibliography}\n```\nafter", "after"),
    ("````{admonition} A\n```python\nx\n```\n````", "> **A**\n>\n> ```python\n> x\n> ```"),
    ("- item\n\n  :::{note}\n  In it.\n  :::", "- item\n\n  > **Note**\n  >\n  > In it."),
    (":::{predict} an-id\nHow many?\n\n- few\n- all\n:::",
     "> **Your prediction.** How many?\n>\n> - few\n> - all"),
    (":::{predict} an-id\n:number: a share between 0 and 1\nHow many?\n:::",
     "> **Your prediction.** How many?\n>\n> Write down a share between 0 and 1."),
    (":::{predicted} an-id\nAll: {glue:text}`recall`.\n:::", "> **What you predicted.** All: 42%."),
    (":::{quiz}\nIs it?\n\n- ( ) No\n\n  It is `x`\n  in fact.\n- (x) Yes,\n  it is\n\n"
     "  Right so.\n:::",
     "> **Quiz.** Is it?\n>\n> - No\n> - Yes,\n>   it is\n\n<details><summary>Answers</summary>\n\n"
     "**No** Not quite. It is `x`\nin fact.\n\n**Yes,\n  it is** Right. Right so.\n\n</details>"),
])
def test_markdown_becomes_plain(plain, text, made):
    assert plain(text) == made
    assert not LEFT.search(plain(text))


def test_a_lessons_line_leads_to_its_practice(plain):
    text = ":::{lesson}\n:::"
    made = notebook(markdown(text), NUMBERS)
    told = takes(facts(made))
    assert plain(text) == f"*{told}* · [practice](exercises/01_one.ipynb)"
    assert plain(text, "02_two") == f"*{told}*"


def test_exercises_lead_to_their_lesson(plain):
    told = "*5 minutes · importance: low*\n\n:::{work}\n:::"
    assert plain(told, "exercises/01_one").endswith(
        "*5 minutes in all* · [lesson](../01_one.ipynb) · [solutions](../solutions/01_one.ipynb)")
    assert "[exercises](../exercises/01_one.ipynb)" in plain(told, "solutions/01_one")


def test_the_card_has_the_sites_lines(plain):
    text = plain(":::{threat} Adversary 1\n:struck: many, labels\nShe asks.\n:::")
    lines = text.split("\n")
    assert lines[0] == "> **Adversary 1: what she needs.** She asks."
    assert lines[2:] == [
        "> - the target's posteriors", "> - ~~the true label of each record she asks about~~",
        "> - the target's structure and recipe", "> - labelled data of the target's distribution",
        "> - ~~many shadow models~~", "> - any shadow model at all", "> - any data at all"]


@pytest.mark.parametrize("text", ["```{image} figures/a.svg\n:alt: Two boxes.\n```",
                                  "![Two boxes.](figures/a.svg)"])
def test_pictures_travel_with_the_notebook(folder, text):
    made = notebooks.made(notebook(markdown(text)), "01_one", notebooks.Book(folder))
    cell = made["cells"][2]
    assert cell["source"] == "![Two boxes.](attachment:a.svg)"
    assert cell["attachments"] == {"a.svg": {"image/svg+xml": base64.b64encode(SVG).decode()}}


@pytest.mark.parametrize("text, complaint", [
    ("{glue:text}`gone`", "01_one: {glue} 'gone'"),
    ("{cite}`gone2020`", "01_one: 'gone2020' is not in the bibliography"),
])
def test_what_is_not_there_is_named(plain, text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        plain(text)


# ---------------------------------------------------------------- cells


def made_of(folder, *cells):
    made = notebooks.made(notebook(*cells), "01_one", notebooks.Book(folder))
    nbformat.validate(nbformat.from_dict(made))
    return {cell["id"]: cell for cell in made["cells"] if cell["cell_type"] == "code"}


def test_cells_that_only_glue_are_gone_and_outputs_too(folder):
    made = made_of(folder, code("x = 1", "a"), NUMBERS,
                   code("assert x == 1\nglue('x', x)\ny = 2", "b", "remove-cell"),
                   code("draw(x)", "c", "hide-input"), code("x", "d", "hide-cell", "extra"))
    assert list(made) == ["start-code", "a", "c", "d"]
    assert made["a"]["outputs"] == [] and made["a"]["execution_count"] is None
    assert made["a"]["metadata"] == {}
    assert made["c"]["metadata"] == {"jupyter": {"source_hidden": True}}
    assert made["d"]["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["extra"]}


@pytest.mark.parametrize("removed, later, kept", [
    ("from myst_nb import glue\n\ny = 2\nglue('y',\n     y)\nassert y", "y", "y = 2\nassert y"),
    ("y = 2", "def f():\n    return y", "y = 2"),
    ("table['a'] = 1", "table", "table['a'] = 1"),
    ("y = 2", "y = 3\ny", None),
    ("y = 2", "z = [y for y in range(3)]", None),
    ("y = 2", "1", None),
])
def test_removed_cells_stay_where_something_needs_them(folder, removed, later, kept):
    made = made_of(folder, code("table = {}", "a"), code(removed, "b", "remove-cell"),
                   code(later, "c"))
    assert (made["b"]["source"] if "b" in made else None) == kept
    if kept:
        assert made["b"]["metadata"] == {"jupyter": {"source_hidden": True}}


def test_a_removed_cell_needed_by_one_that_is_needed_stays(folder):
    made = made_of(folder, code("a = 1", "a", "remove-cell"), code("b = a", "b", "remove-cell"),
                   code("b", "c"))
    assert list(made) == ["start-code", "a", "b", "c"]


def test_glue_in_a_loop_does_nothing(folder):
    loop = "for i in range(3):\n    glue(f'{i}', i)\ny = 1"
    made = made_of(folder, code(loop, "a", "remove-cell"), code("y", "b"))
    names = {}
    exec(made["a"]["source"], names)
    assert names["y"] == 1 and "myst_nb" not in made["a"]["source"]


def test_the_first_cell_says_where_the_helpers_come_from(folder):
    told = made_of(folder)["start-code"]["source"]
    exec(told, {})
    assert "pip install '.[keras]'" in told and "%pip" not in told
    book = notebooks.Book(folder, url="https://github.com/someone/book")
    made = notebooks.made(notebook(), "01_one", book)["cells"]
    assert '%pip install --quiet "mlleaks-helpers[keras] @ git+https://github.com/someone/book"' \
        in made[1]["source"]
    assert "installs them" in made[0]["source"]


def test_all_are_made_and_what_has_left_the_book_leaves(folder, tmp_path):
    target = tmp_path / "made"
    (target / "exercises").mkdir(parents=True)
    (target / "exercises/09_gone.ipynb").write_text("{}")
    notebooks.make(folder, target)
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*.ipynb")) == [
        "01_one.ipynb", "02_two.ipynb", "exercises/01_one.ipynb", "solutions/01_one.ipynb"]
    assert not (target / "requirements.txt").exists()
    nbformat.validate(nbformat.read(target / "01_one.ipynb", as_version=4))


def test_what_a_reader_changed_is_left_alone(tmp_path):
    made, lab = tmp_path / "made", tmp_path / "lab"
    (made / "exercises").mkdir(parents=True)
    for name in ("a.ipynb", "exercises/b.ipynb"):
        (made / name).write_text("first")
    assert notebooks.lend(made, lab) == []
    (lab / "exercises/b.ipynb").write_text("my work")
    assert notebooks.lend(made, lab) == ["exercises/b.ipynb"]
    for name in ("a.ipynb", "exercises/b.ipynb"):
        (made / name).write_text("second")
    assert notebooks.lend(made, lab) == ["exercises/b.ipynb"]
    assert (lab / "a.ipynb").read_text() == "second"
    assert (lab / "exercises/b.ipynb").read_text() == "my work"
    assert notebooks.lend(made, lab) == ["exercises/b.ipynb"]
    (lab / "exercises/b.ipynb").unlink()
    assert notebooks.lend(made, lab) == []
    assert (lab / "exercises/b.ipynb").read_text() == "second"


# ---------------------------------------------------------------- on the page


CONF = """
extensions = ["myst_nb", "sphinx_book_theme", "notebooks"]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
root_doc = "01_one"
exclude_patterns = ["exercises", "solutions", "glossary.md"]
repository_url = "{url}"
"""


@pytest.fixture
def page(folder, tmp_path):
    def build(url):
        (folder / "conf.py").write_text(CONF.format(url=url))
        nbformat.write(notebook(markdown("# 1 · One\n\n```{toctree}\n02_two\n```")),
                       folder / "01_one.ipynb")
        notebooks.make(folder, tmp_path / "notebooks")
        (tmp_path / "notebooks/02_two.ipynb").unlink()
        subprocess.run([sys.executable, "-m", "sphinx", "-q", folder, tmp_path / "html"],
                       check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "book/_ext")})
        return [(tmp_path / f"html/{name}.html").read_text() for name in ("01_one", "02_two")]
    return build


def test_the_download_button_gives_the_made_notebook(page, tmp_path):
    one, two = page("")
    assert re.search(r'href="_notebooks/01_one.ipynb" download="01_one.ipynb"', one)
    assert (tmp_path / "html/_notebooks/exercises/01_one.ipynb").exists()
    assert "_sources/01_one" not in one and "_sources/02_two" in two
    for dead in "colab", "mybinder", "issues/new", "Suggest edit", "github":
        assert dead not in one


def test_a_published_copy_has_more_buttons(page):
    one, two = page("https://github.com/someone/book")
    for link in ("https://colab.research.google.com/github/someone/book/blob/notebooks/01_one.ipynb",
                 "https://mybinder.org/v2/gh/someone/book/notebooks?urlpath=lab/tree/01_one.ipynb",
                 "https://github.com/someone/book/edit/main/book/01_one.ipynb",
                 "https://github.com/someone/book/issues/new", '"https://github.com/someone/book"'):
        assert link in one, link
    assert "colab" not in two


# ---------------------------------------------------------------- of the book


def executed():
    """The pages of the built book: {page: seconds}, the quickest first."""
    found = {path.relative_to(SOURCE).with_suffix("").as_posix(): facts(read(path)).seconds
             for path in SOURCE.rglob("*.ipynb")} if SOURCE.exists() else {}
    return dict(sorted(((page, seconds) for page, seconds in found.items() if seconds is not None),
                       key=lambda item: item[1]))


QUICK = [page for page, seconds in executed().items() if seconds < 15][:4]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which the wheel was installed; no checkout is beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "mlleaks_helpers", folder / "source/mlleaks_helpers",
                    ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index",
                    "--wheel-dir", folder, folder / "source"], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", folder / "installed",
                    next(folder.glob("*.whl"))], check=True)
    shutil.rmtree(folder / "source")
    return folder / "installed"


def run(notebook, folder, installed):
    path = folder / "alone.ipynb"
    proof = f"import mlleaks_helpers\nassert {str(installed)!r} in mlleaks_helpers.__file__"
    notebook["cells"].append({"cell_type": "code", "id": "proof", "metadata": {}, "outputs": [],
                              "execution_count": None, "source": proof})
    path.write_text(json.dumps(notebook))
    return subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--log-level", "WARN",
         "--output", "done.ipynb", path], cwd=folder, text=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(installed), "TQDM_DISABLE": "1"})


@pytest.mark.skipif(not QUICK, reason="_build/source is not there: make book")
@pytest.mark.parametrize("page", QUICK)
def test_a_made_notebook_runs_from_a_wheel(page, installed, tmp_path):
    made = notebooks.made(read(SOURCE / f"{page}.ipynb"), page, notebooks.Book(SOURCE))
    done = run(made, tmp_path, installed)
    assert done.returncode == 0, done.stderr[-3_000:]


def test_a_small_notebook_runs_from_a_wheel(installed, tmp_path, folder):
    made = notebooks.made(notebook(
        markdown("# 1"), code("from mlleaks_helpers.data import load", "a"),
        code("from myst_nb import glue\nn = len(load('digits'))\nglue('n', n)", "b", "remove-cell",
             outputs=[glues("n", "1797")]), code("assert n == 1797", "c")),
        "01_one", notebooks.Book(folder))
    done = run(made, tmp_path, installed)
    assert done.returncode == 0, done.stderr[-3_000:]


@pytest.mark.skipif(not executed(), reason="_build/source is not there: make book")
def test_no_directive_is_left_in_the_books_notebooks():
    book = notebooks.Book(SOURCE)
    for page in book.notebooks:
        made = notebooks.made(read(SOURCE / f"{page}.ipynb"), page, book)
        nbformat.validate(nbformat.from_dict(made))
        for cell in made["cells"]:
            if cell["cell_type"] == "markdown":
                assert not LEFT.search(cell["source"]), (page, cell["source"])
            assert "myst_nb" not in source(cell), (page, cell["id"])


@pytest.mark.parametrize("path", sorted((ROOT / "book/exercises").glob("*.ipynb")),
                         ids=lambda path: path.stem)
def test_no_directive_is_left_in_starters(path):
    made = notebooks.made(exercises.starter(read(path)), f"exercises/{path.stem}",
                          notebooks.Book(ROOT / "book"))
    for cell in made["cells"]:
        assert cell["cell_type"] == "code" or not LEFT.search(cell["source"])
