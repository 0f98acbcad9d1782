"""What every notebook of the book keeps to, and that these checks can fail."""

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).resolve().parent.parent / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.name[:2].isdigit()]
EVIDENCE = [path for path in NOTEBOOKS if path.name.startswith("evidence_")]

LINE = 79                       # characters: the width of the code column at 1,300 px
CELL, FOLDED_CELL = 15, 40      # lines
WORDS, CODE = range(1_200, 2_601), range(40, 131)
VERDICTS = 3                    # in a chapter; the pages of evidence have the others
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}

DRAWS = re.compile(r"\bshow\(")
NOT_PROSE = re.compile(r"```.*|:::.*|^:.*|\$\$.*?\$\$|\$[^$]*\$|\{[^}`]*\}`[^`]*`|<[^>]*>"
                       r"|\]\([^)]*\)", re.MULTILINE)
ELSEWHERE = re.compile(r"""(?<![\w.:/])/(?:home|work|root|tmp|Users|private|mnt|content)/"""
                       r"""|[A-Z]:\\+Users|localhost|127\.0\.0\.1""")
CHECKS = re.compile(r"(?<![\w.])check\(")
TRAINS = re.compile(r"\bmlleaks_helpers(?:\.models\b|\.data\b| import .*\b(?:models|data)\b)"
                    r"|\b(?:tensorflow|keras)\b")
MEASURED = re.compile(r"\d.*\bon 2 CPU cores, no GPU, no download")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_folded(cell):
    return bool(FOLDED & set(cell.metadata.get("tags", ())))


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


def form(notebook):
    """Where a chapter leaves the form of a chapter, in words."""
    text = prose(notebook)
    start = text.split("\n## ")[0]
    words = len(re.findall(r"[^\W\d_][\w’'-]*", NOT_PROSE.sub(" ", text)))
    lines = sum(bool(line.strip()) for cell in code_cells(notebook) if not is_folded(cell)
                for line in cell.source.split("\n"))
    if not re.match(r"(\([\w-]+\)=\s+)?# ", text):
        yield "no title at its start"
    if not MEASURED.search(start):
        yield "no line such as “25 minutes to read, 40 s on 2 CPU cores, no GPU, no download”"
    if not re.search(r"\{cite[^}]*\}`[^`]*salem", text, re.IGNORECASE):
        yield "the paper is not cited"
    if words not in WORDS:
        yield f"{words} words of prose"
    if lines not in CODE:
        yield f"{lines} visible lines of code"
    checks = sum(len(CHECKS.findall(cell.source)) for cell in code_cells(notebook))
    if checks > VERDICTS:
        yield f"{checks} verdicts, which belong to the evidence"


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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_form_of_a_chapter(path):
    assert list(form(read(path))) == []


@pytest.mark.parametrize("path", EVIDENCE, ids=lambda path: path.stem)
def test_form_of_a_page_of_evidence(path):
    assert list(evidence(read(path), path.stem.split("_")[1])) == []


def test_evidence_has_a_page_for_each_section():
    assert [path.stem.split("_")[1] for path in EVIDENCE] == ["1", "2", "3", "4", "5"]


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


SOUND = ("# Title\n\n*20 minutes, 9 s on 2 CPU cores, no GPU, no download.*\n\n"
         "{cite:t}`salem2019`\n" + "word " * 1_500)


@pytest.mark.parametrize("text, lines, fault", [
    (SOUND, 80, None),
    (SOUND[2:], 80, "no title"),
    (SOUND.replace("2 CPU", "many"), 80, "no line such as"),
    (SOUND.replace("salem", "others"), 80, "the paper"),
    (SOUND[:-2_000], 80, "11"),
    (SOUND + "word " * 1_500, 80, "30"),
    (SOUND, 39, "39 visible"),
    (SOUND, 131, "131 visible"),
])
def test_form_notices(text, lines, fault):
    found = list(form(notebook("x = 1\n" * lines, text=text)))
    assert len(found) == (fault is not None) and "".join(found).startswith(fault or "")


@pytest.mark.parametrize("calls, faults", [
    (["check(1, x, data='a')"] * 3, 0),
    (["check(1, x, data='a')"] * 4, 1),
    (["for i in (1, 2):\n    display(check(i, x, data='a'))"] * 4, 1),
    (["recheck(1)", "self.check(1)", "# no checks (none)"] * 4, 0),
])
def test_a_chapter_has_few_verdicts(calls, faults):
    found = list(form(notebook("x = 1\n" * 80, *calls, text=SOUND)))
    assert len(found) == faults and all("verdicts" in fault for fault in found)


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
