"""Tables in Markdown: every cell in its place, and where an attack lies below the gap attack."""

import pytest

from mlleaks_helpers import recorded as module
from mlleaks_helpers.tables import beside_the_gap, gap_table, lines, short, table


def test_a_table_line_by_line():
    assert lines(["set", "R"], [["a", 1], ["b", "–"]], ["---", "--:"]) == [
        "| set | R |", "|---|--:|", "| a | 1 |", "| b | – |"]
    assert lines(["set", "lfw"], [["news", "adult"]], ["---", "---"]) == [
        "| set | Face |", "|---|---|", "| News | Adult |"]
    assert table(["x", "y", "z"], [[1, 2, 3]]).data == "| x | y | z |\n|---|--:|--:|\n| 1 | 2 | 3 |"
    assert table(["x", "y", "z"], [], words=3).data.splitlines()[1] == "|---|---|---|"


@pytest.mark.parametrize("value, digits, text", [
    (0.5, 2, ".50"), (-0.125, 3, "−.125"), (1, 2, "1.00"), (10.04, 1, "10.0"), (0.0004, 3, ".000"),
    (float("nan"), 2, "–"), (float("inf"), 2, "–")])
def test_numbers_without_their_0(value, digits, text):
    assert short(value, digits) == text


@pytest.fixture
def entries(monkeypatch):
    """Three targets with a gap of .2, .3, .4, the third without later attacks, and one defended."""
    def entry(recipe, seed, gap, metrics):
        return {"set": "a", "recipe": recipe, "seed": seed, "metrics": metrics,
                "target": {"train": 0.9, "test": 0.9 - gap}}

    kept = {"macro_recall_gap": 0.62, "macro_recall_tuned": 0.61}
    some = [entry("plain", 0, 0.2, {"macro_recall": 0.59} | kept),
            entry("plain", 1, 0.3, {"macro_recall": 0.65} | kept),
            entry("plain", 2, 0.4, {"macro_recall": 0.75}),
            entry("dropout", 0, 0.1, {"macro_recall": 0.55 - 0.0004})]
    found = {(one["set"], one["recipe"], one["seed"]): one for one in some}
    monkeypatch.setattr(module, "_entries", lambda: found)


def test_each_attack_is_compared_on_its_own_records(entries):
    """The line with the gap of all records, later attacks with that of the kept ones."""
    assert beside_the_gap("a", "plain", "macro_recall") == "0.663, **below the gap 1 of 3**"
    assert beside_the_gap("a", "plain", "macro_recall_tuned") == "0.610, **below the gap 2 of 2**"
    assert beside_the_gap("a", "dropout", "macro_recall") == "0.550"  # rounding is no defeat
    assert beside_the_gap("a", "dropout", "macro_recall_tuned") == "–"


def test_the_gap_table(entries):
    experiments = [("a", "dropout"), ("a", "plain")]
    assert gap_table(experiments, {"adversary 1": "macro_recall"}) == [
        "| set | defense | gap attack | adversary 1 |", "|---|---|--:|---|",
        "| a | dropout | 0.550 | 0.550 |",
        "| a | plain | 0.650 | 0.663, **below the gap 1 of 3** |"]
    assert gap_table(experiments)[0] == (
        "| set | defense | gap attack | adversary 1 | tuned | adversary 3 |")
