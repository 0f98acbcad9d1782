"""No attack that lessons 11 to 13 show lies below the gap attack without the page saying so.

Each page that shows what a defense leaves says so in the cell `gap-table`, whose `rows` become a
table. It is run here on the recordings, and compared with a count made otherwise.
"""

import re
from pathlib import Path

import nbformat
import pytest

from mlleaks_helpers.paper import NAMES, titled
from mlleaks_helpers.recorded import measured, over_seeds

BOOK = Path(__file__).resolve().parent.parent / "book"
EVERY = ("plain", "dropout", "stacking")
SHOWN = {  # which recordings a page shows
    "11_dropout": ("plain", "dropout"),
    "12_stacking": ("plain", "stacking"),
    "13_what_it_costs": EVERY,
    "evidence_5_defenses": EVERY,
}
STOPPED = tuple(f"epochs-{epochs}" for epochs in range(10, 101, 10))
METRICS = {"adversary 1": "macro_recall", "tuned": "macro_recall_tuned",
           "adversary 3": "macro_recall_noise_10"}
ROUNDING = 5e-4


def cells(page):
    return {cell.id: cell for cell in nbformat.read(BOOK / f"{page}.ipynb", as_version=4).cells}


def table(page):
    """{(set, recipe): {column: cell}} of a page's gap table."""
    known = {}
    exec(cells(page)["gap-table"].source, known)
    head, _, *rows = ([cell.strip() for cell in row.strip("|").split("|")]
                      for row in known["rows"])
    code = {titled(name): name for name in NAMES}
    return {(code[name], recipe): dict(zip(head[2:], row, strict=True))
            for name, recipe, *row in rows}


def expected(page):
    """The rows of a page's table: all that it shows, in lessons 11 and 12 the paper's own sets that
    have the defense; lesson 13, that shows more, only Location and where there is something to say,
    the rest being on the page of evidence.
    """
    pairs = {(name, recipe) for recipe in SHOWN[page] for name in NAMES if measured(name, recipe)}
    if page in ("11_dropout", "12_stacking"):
        return {(name, recipe) for name, recipe in pairs if not name.startswith("retail")
                and measured(name, SHOWN[page][1])}
    more = {("location", recipe) for recipe in ("logistic", *STOPPED)}
    if page != "13_what_it_costs":
        return pairs | more
    return {("location", recipe) for recipe in (*EVERY, "logistic")} | {
        pair for pair in pairs | more if below(*pair, "macro_recall")[0]}


def below(name, recipe, metric):
    """On how many targets, of how many, an attack is worse than the gap attack; None: not run."""
    try:
        attack = over_seeds(name, recipe, metric)
    except ValueError:
        return None
    if metric == "macro_recall":  # of all records, the others of those whose posteriors are kept
        gap = (1 + over_seeds(name, recipe, "gap")) / 2
    else:
        gap = over_seeds(name, recipe, "macro_recall_gap")
    return sum(it - one < -ROUNDING for it, one in zip(attack, gap, strict=True)), len(attack)


def said(cell):
    """The same, as the page has it."""
    if cell == "–":
        return None
    warned = re.search(r"below the gap (\d+) of (\d+)", cell)
    return (int(warned[1]), int(warned[2])) if warned else (0, None)


@pytest.mark.parametrize("page", SHOWN)
def test_a_page_says_where_an_attack_lies_below_the_gap(page):
    rows = table(page)
    assert set(rows) == expected(page)
    columns = {column for row in rows.values() for column in row} & set(METRICS)
    assert {"adversary 1", "tuned"} <= columns
    for (name, recipe), row in rows.items():
        for column in columns:
            true, words = below(name, recipe, METRICS[column]), said(row[column])
            where = f"{page}: {column} on {name}, {recipe}: {row[column]}"
            assert (true is None) == (words is None), where
            assert words is None or words[0] == true[0], f"{where}, below on {true}"
            assert not (words and words[0]) or words[1] == true[1], where


@pytest.mark.parametrize("page", SHOWN)
def test_the_gap_attack_itself_is_in_the_table(page):
    for (name, recipe), row in table(page).items():
        gap = 0.5 + over_seeds(name, recipe, "gap").mean() / 2
        assert float(row["gap attack"]) == pytest.approx(gap, abs=6e-4), (page, name, recipe)


@pytest.mark.parametrize("page", SHOWN)
def test_the_table_is_seen(page):
    """It is the cell's output, and nothing hides that."""
    cell = cells(page)["gap-table"]
    assert not {"remove-cell", "remove-output", "hide-cell", "hide-output"} & set(
        cell.metadata.get("tags", ()))
    assert cell.source.strip().split("\n")[-1].startswith("Markdown(")


@pytest.mark.parametrize("page", SHOWN)
def test_adversary_3_stands_in_the_table_of_the_page_that_shows_her(page):
    shows = any("noise_10" in cell.source for cell in cells(page).values())
    assert shows == ("adversary 3" in next(iter(table(page).values())))
    assert shows == (page == "evidence_5_defenses")


def test_there_is_something_to_say():
    """Else the tests above would hold for pages that never warn."""
    assert below("cifar10", "stacking", "macro_recall")[0] > 0
    assert below("location", "plain", "macro_recall")[0] == 0
