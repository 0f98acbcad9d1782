"""What every notebook of the book keeps to, and that these checks can fail."""

import re
from pathlib import Path

import nbformat
import pytest

from tools import form
from tools.lessons import CHECKS, is_folded

BOOK = Path(__file__).resolve().parent.parent / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.name[:2].isdigit()
           and "{lesson}" in path.read_text(encoding="utf-8")]
EVIDENCE = [path for path in NOTEBOOKS if path.name.startswith("evidence_")]

LINE = 79                       # characters: the width of the code column at 1,300 px
CELL, FOLDED_CELL = 15, 40      # lines

DRAWS = re.compile(r"\bshow\(")
ELSEWHERE = re.compile(r"""(?<![\w.:/])/(?:home|work|root|tmp|Users|private|mnt|content)/"""
                       r"""|[A-Z]:\\+Users|localhost|127\.0\.0\.1""")
TRAINS = re.compile(r"\bmlleaks_helpers(?:\.models\b|\.data\b| import .*\b(?:models|data)\b)"
                    r"|\b(?:tensorflow|keras)\b")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def quote(cell):
    return repr(cell.source.strip().split("\n")[0][:60])


def hygiene(notebook):
    """What is wrong with a notebook, in words."""
    for cell in code_cells(notebook):
        lines = cell.source.strip().split("\n")
        if cell.outputs or cell.execution_count is not None:
            yield f"outputs are not stripped: {quote(cell)}"
        if len(lines) > (FOLDED_CELL if is_folded(cell) else CELL):
            yield f"{len(lines)} lines in a cell: {quote(cell)}"
        if not is_folded(cell) and max(map(len, lines)) > LINE:
            yield f"{max(map(len, lines))} characters in a line: {quote(cell)}"
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if DRAWS.search(cell.source) and not alt.strip() and "alt=" not in cell.source:
            yield f"a figure without alt text: {quote(cell)}"
    for found in ELSEWHERE.finditer("\n".join(cell.source for cell in notebook.cells)):
        yield f"a place on one machine: {found[0]}"
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"kernel {kernel!r} in place of python3"


def evidence(notebook, number):
    """Where a page of evidence is something else, in words."""
    text = prose(notebook)
    if not text.startswith(f"(evidence-{number})=\n# Evidence: "):
        yield f"no label (evidence-{number})= and title at its start"
    if not re.search(r"\{cite[^}]*\}`[^`]*salem", text, re.IGNORECASE):
        yield "the paper is not cited"
    if not re.search(r"\bnew (?:people|person)\b", text.split("\n## ")[0]):
        yield "what its intervals cover is not said at its start"
    for found in TRAINS.finditer("\n".join(cell.source for cell in code_cells(notebook))):
        yield f"more than recordings are read: {found[0]}"
    if not any(CHECKS.search(cell.source) for cell in code_cells(notebook)):
        yield "no verdicts"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_hygiene(path):
    assert list(hygiene(read(path))) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_form_of_a_lesson(path):
    assert list(form.faults(read(path), int(path.name[:2]))) == []


@pytest.mark.parametrize("path", EVIDENCE, ids=lambda path: path.stem)
def test_form_of_a_page_of_evidence(path):
    assert list(evidence(read(path), path.stem.split("_")[1])) == []


def test_evidence_has_a_page_for_each_section():
    assert [path.stem.split("_")[1] for path in EVIDENCE] == ["1", "2", "3", "4", "5", "6"]


KERNEL = {"name": "python3", "display_name": "Python 3"}


def notebook(*sources, tags=(), text="# Title"):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *cells],
                                    metadata={"kernelspec": KERNEL})


def executed():
    bad = notebook("1 + 1")
    bad.cells[1].execution_count = 1
    return bad


def other_kernel():
    bad = notebook("1 + 1")
    bad.metadata.kernelspec.name = "my-env"
    return bad


@pytest.mark.parametrize("bad, fault", [
    (executed(), "outputs are not stripped"),
    (notebook("x = 1\n" * 16), "16 lines"),
    (notebook("x = 1\n" * 41, tags=["hide-input"]), "41 lines"),
    (notebook("x" * 80), "80 characters"),
    (notebook("plt.show()"), "a figure without alt"),
    (notebook("plots.show(fig, height=300)"), "a figure without alt"),
    (notebook("open('/home/me/data.npz')"), "a place on one machine: /home/"),
    (notebook(r"open(r'C:\Users\me\data.npz')"), "a place on one machine: C:"),
    (notebook(text="[here](http://localhost:8888)"), "a place on one machine: localhost"),
    (other_kernel(), "kernel 'my-env'"),
])
def test_hygiene_notices(bad, fault):
    assert any(found.startswith(fault) for found in hygiene(bad))


def test_hygiene_passes_what_is_sound():
    folded = notebook("x = 1\n" * 30, "plots.show(fig, alt='two curves')", tags=["hide-input"])
    assert list(hygiene(folded)) == []


SOUND = """(chapter-2)=
# 2 · Many shadows

:::{lesson}
:::

Do many help? {cite:t}`salem2019` say so.

## The claim

:::{predict} many
How many does she find?
- all
:::

:::{threat} Adversary 1
:struck: many
She has one.
:::

:::{predicted} many
All.
:::
""" + 3 * """
:::{quiz}
Is it so?

- (x) Yes

  It is.
:::
""" + "\n" + "word " * 1_350


def lesson(*sources, text=SOUND):
    return notebook(*(sources or ["x = 1\n" * 6] * 4), text=text)


@pytest.mark.parametrize("old, new, fault", [
    ("", "", None),
    ("(chapter-2)=\n", "", None),
    ("# 2 ·", "# 3 ·", "its title"),
    ("# 2 ·", "# 2.", "its title"),
    ("# 2 ·", "#2 ·", "its title"),
    (":::{lesson}\n:::\n", "", "no {lesson}"),
    (":::{lesson}\n:::\n", ":::{lesson}\nShort.\n:::\n", "no {lesson}"),
    ("Do many", "*20 minutes.* Do many", "20 minutes is typed"),
    ("Do many", "It runs for 9 s. Do many", "9 s is typed"),
    ("## The claim", "## The claim\n\n*15 minutes*", None),
    ("salem", "others", "the paper"),
    ("word " * 1_350, "word " * 1_161, "1199 words"),
    ("word " * 1_350, "word " * 1_162, None),
    ("word " * 1_350, "word " * 1_963, "2001 words"),
    ("{predict} many", "{predicted} many", "0 of 1 {predict}"),
    ("{predicted} many", "{predict} many", "0 of 1 {predicted}"),
    ("{threat}", "{note}", "0 of 1 {threat}"),
])
def test_form_notices(old, new, fault):
    text = SOUND.replace(old, new) if old else SOUND
    found = list(form.faults(lesson(text=text), 2))
    assert len(found) == (fault is not None) and "".join(found).startswith(fault or "")


def test_a_lesson_has_three_quizzes():
    found = form.faults(lesson(text=SOUND.replace("{quiz}", "{note}", 1)), 2)
    assert list(found) == ["2 of 3 {quiz}"]


@pytest.mark.parametrize("sizes, fault", [
    ([6] * 4, None),
    ([7] * 4, "the median visible cell has 7 lines"),
    ([6] * 4 + [15], None),
    ([6] * 4 + [16], "the longest visible cell has 16 lines"),
    ([6] * 11, None),
    ([6] * 12, "26 minutes to read"),
])
def test_a_lesson_is_short(sizes, fault):
    found = list(form.faults(lesson(*("x = 1\n" * size for size in sizes)), 2))
    assert found == ([fault] if fault else [])


@pytest.mark.parametrize("calls, faults", [
    (["check(1, x, data='a')"] * 3, 0),
    (["check(1, x, data='a')"] * 4, 1),
    (["for i in (1, 2):\n    display(check(i, x, data='a'))"] * 4, 1),
    (["recheck(1)", "self.check(1)", "# no checks (none)"] * 4, 0),
])
def test_a_lesson_has_few_verdicts(calls, faults):
    before = "from mlleaks_helpers.claims import check\nx = recheck = self = 1"
    found = list(form.faults(lesson(before, *calls), 2))
    assert len(found) == faults and all("verdicts" in fault for fault in found)


@pytest.mark.parametrize("text, twins", [
    ("Members and non-members, found and falsely accused; posteriors of the target.", 0),
    ("A stranger, two strangers, an Outsider.", 3),
    ("One false\nalarm in a hundred.", 1),
    ("The confidence vector, probability vectors, a softmax output of the victim model.", 4),
    ("Estranged; outside; softmax, an output; a model's victim; false, alarmed.", 0),
    ("`seen.strangers()` are the control.", 0),
    ("```python\nstrangers(seen)\n```", 0),
    ("{term}`false alarms <falsely accused>`", 0),
])
def test_a_thing_has_one_word(text, twins):
    assert len(list(form.twins(notebook("strangers(seen)", text=text)))) == twins


def test_a_figure_in_words_has_no_twins_either():
    told = notebook("show()")
    told.cells[1].metadata["mystnb"] = {"image": {"alt": "Strangers are blue."}}
    assert len(list(form.twins(told))) == 1


@pytest.mark.parametrize("text, typed", [
    ("Recall is .93.", [".93"]),
    ("Recall is 0.93 and 1.5 times that.", ["0.93", "1.5"]),
    ("She finds 12 % of them, or 7.5% or 3 per cent.", ["12", "7.5", "3"]),
    ("Of 2,500 shoppers, 10 shadows and class 7, in 2019.", []),
    ("TPR at 1 % FPR, at 0.1 % FPR, a 95 % interval, 5 %, 10 %, 50 %.", []),
    ("Recall is {glue:text}`recall`, {glue:text}`share` % more.", []),
    ("The paper has .93 and 12 %.", []),
    ("It is .93 in Figure 4. It is .91 here.", [".91"]),
    ("ML-Leaks reports .87. And ours is .88.", [".88"]),
    ("Others {cite}`shokri2017` have .93.", []),
    ("See {ref}`Section II <x>`: .93.", []),
    ("The threshold is `0.9`, or $0.9$, or\n\n$$t = 0.9$$\n\nor so.", []),
    ("```python\nx = .93\n```", []),
    ("Python 3.11 is `3.11`.", ["3.11"]),
    ("The paper says so.\n\n- recall .93\n- precision .91", [".93", ".91"]),
    ("- the paper: .93\n- ours: .91", [".91"]),
    ("The paper has .93\nand .94.", []),
    ("| | ours | the paper |\n|---|---|---|\n| recall | .93 | .91 |", [".93"]),
    ("| of the paper | .93 |\n|---|---|\n| ours | .91 |", [".91"]),
    ("1.1 is dated.", ["1.1"]),
    ("**2.1 How many?** and [2.2 Which?](x) and exercise 2.3", []),
    ("**3.1 How many?**", ["3.1"]),
    (":::{image} x.svg\n:width: 100%\n:::", []),
    (":::{predicted} many\nAbout .93 of them.\n:::", [".93"]),
    ("[here](page-0.93.html)", []),
])
def test_what_a_cell_computes_is_not_typed(text, typed):
    assert [found.split(" is typed")[0] for found in form.typed_numbers(text, 2)] == typed


VISIBLE, REMOVED = (), ("remove-cell",)


@pytest.mark.parametrize("cells, names", [
    ([("x = 1", VISIBLE), ("print(x)", VISIBLE)], []),
    ([("print(x)", VISIBLE), ("x = 1", VISIBLE)], ["x"]),
    ([("x = 1", REMOVED), ("print(x)", VISIBLE)], ["x"]),
    ([("x = 1", ("hide-input",)), ("print(x)", VISIBLE)], ["x"]),
    ([("x = 1", ("hide-output",)), ("print(x)", VISIBLE)], []),
    ([("x = 1", REMOVED), ("x = 2\nprint(x)", VISIBLE)], []),
    ([("x = 1", VISIBLE), ("x = 2", REMOVED), ("print(x)", VISIBLE)], ["x"]),
    ([("x = 1", VISIBLE), ("x = 2", REMOVED), ("x = 3", VISIBLE), ("print(x)", VISIBLE)], []),
    ([("x = 1", VISIBLE), ("print(x)", REMOVED), ("print(x)", VISIBLE)], []),
    ([("import numpy as np", REMOVED), ("np.ones(1)", VISIBLE)], ["np"]),
    ([("import os.path\nfrom a import b as c\nos, c", VISIBLE)], []),
    ([("from a import b as c\nb", VISIBLE)], ["b"]),
    ([("x = x + 1", VISIBLE)], ["x"]),
    ([("x += 1", VISIBLE)], ["x"]),
    ([("x = [i for i in range(3) if i]", VISIBLE), ("i", VISIBLE)], ["i"]),
    ([("{k: v for k, v in y.items()}", VISIBLE)], ["y"]),
    ([("{a for b in [[1]] for a in b}", VISIBLE)], []),
    ([("for i in range(3): pass", VISIBLE), ("i", VISIBLE)], []),
    ([("for i in i: pass", VISIBLE)], ["i"]),
    ([("def f(a, *b, c=1, **d):\n    e = a\n    return e, b, c, d, f", VISIBLE)], []),
    ([("def f(a=y): return z", VISIBLE)], ["y", "z"]),
    ([("def f(): return y\ny = 1", VISIBLE)], []),
    ([("def f():\n    def g(a): return a, y, b\n    b = 1\n    return g", VISIBLE)], ["y"]),
    ([("sorted([1], key=lambda a: a + y)", VISIBLE)], ["y"]),
    ([("[(lambda: i) for i in range(3)]", VISIBLE)], []),
    ([("class A(B):\n    n = 1\n    def m(self): return self, y", VISIBLE)], ["B", "y"]),
    ([("with open('a') as f: f", VISIBLE)], []),
    ([("try: 1\nexcept ValueError as e: e", VISIBLE)], []),
    ([("(n := 1) + n", VISIBLE)], []),
    ([("a, (b, *c) = 1, (2, 3)\na, b, c", VISIBLE)], []),
    ([("match 1:\n    case [a, *b]: a, b\n    case c: c", VISIBLE)], []),
    ([("x = 1\ndel x\nx", VISIBLE)], ["x"]),
    ([("%matplotlib inline\nif True:\n    !ls\ndisplay(len('a'))", VISIBLE)], []),
    ([("f'{x:.{y}f}'", VISIBLE)], ["x", "y"]),
    ([("n: int = 1\nn", VISIBLE)], []),
])
def test_what_a_visible_cell_reads_a_visible_cell_has_bound(cells, names):
    made = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source, tags in cells])
    found = list(form.hidden_names(made))
    assert [re.search(r"reads (\w+)", each)[1] for each in found] == names


def test_a_hidden_name_is_told_with_its_cell():
    made = notebook("secret = 1", tags=["remove-cell"])
    made.cells.append(nbformat.v4.new_code_cell("secret\nother"))
    assert list(form.hidden_names(made)) == [
        "the visible cell 'secret' reads secret, which the folded cell 'secret = 1' binds",
        "the visible cell 'secret' reads other, which nothing binds before"]


EVIDENT = ("(evidence-2)=\n# Evidence: adversaries\n\nOf {cite}`salem2019`. Intervals are "
           "over seeds, not over new people.\n\n## Figure 1\n\nA table.")
CHECK = "check(1, mean_interval(over_seeds('location')), data='location')"


@pytest.mark.parametrize("sources, text, fault", [
    ([CHECK], EVIDENT, None),
    ([CHECK], EVIDENT.replace("evidence-2", "evidence-3"), "no label"),
    ([CHECK], EVIDENT.replace("# Evidence: a", "# A"), "no label"),
    ([CHECK], EVIDENT.replace("# Evidence: a", "# Every a"), "no label"),
    ([CHECK], EVIDENT.replace("salem", "others"), "the paper"),
    ([CHECK], EVIDENT.replace("new people", "people"), "what its intervals"),
    ([CHECK], EVIDENT.replace("new people", "a new person"), None),
    ([CHECK], EVIDENT.replace(", not over new people", "") + " new people", "what its intervals"),
    ([CHECK, "from mlleaks_helpers.models import mlp"], EVIDENT, "more than recordings"),
    ([CHECK, "from mlleaks_helpers import models"], EVIDENT, "more than recordings"),
    ([CHECK, "from mlleaks_helpers.data import load"], EVIDENT, "more than recordings"),
    ([CHECK, "import keras"], EVIDENT, "more than recordings"),
    (["x = 1"], EVIDENT, "no verdicts"),
])
def test_evidence_notices(sources, text, fault):
    found = list(evidence(notebook(*sources, text=text), "2"))
    assert len(found) == (fault is not None) and "".join(found).startswith(fault or "")
