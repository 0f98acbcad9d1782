"""The table of claims and the verdicts that chapters show."""

import json
from pathlib import Path

import pytest

from mlleaks_helpers.claims import CLAIMS, MIME, Claim, Verdict, check
from mlleaks_helpers.metrics import Interval
from tools.scoreboard import collect, scoreboard

ENTRY = {"id", "claim", "section", "paper", "measured", "low", "high", "data", "verdict", "chapter"}


def verdict(value, low, high):
    claim = Claim(0, "A claim", "III", "R .85", "R", 0.8, 0.9)
    return Verdict(claim, Interval(value, low, high), "made up").verdict


def test_every_claim_of_the_paper_has_one_row():
    assert list(CLAIMS) == list(range(1, len(CLAIMS) + 1))
    assert len(CLAIMS) >= 40
    for claim in CLAIMS.values():
        assert claim.low < claim.high
        assert claim.text and claim.section and claim.paper and claim.statistic


def test_the_interval_decides_between_holds_and_in_part():
    assert verdict(0.85, 0.82, 0.88) == "holds"
    assert verdict(0.85, 0.78, 0.92) == "in part"
    assert verdict(0.79, 0.75, 0.85) == "in part"
    assert verdict(0.79, 0.75, 0.795) == verdict(0.95, 0.91, 0.99) == "not here"


@pytest.mark.parametrize("high, verdict", [(0.3, "not here"), (0.85, "in part")])
def test_a_claim_that_stops_holding_fails(high, verdict):
    """However wide the interval: what counts is the value."""
    with pytest.raises(AssertionError, match=f"Claim 41, {verdict}: Adversary 1 succeeds"):
        check(41, Interval(0.2, 0.1, high), data="made up")


def test_a_claim_known_to_differ_says_why(monkeypatch):
    reason = "Fewer records."
    known = Claim(41, "A claim", "III", "R .85", "R", 0.8, 0.9, differs={"made up": reason})
    monkeypatch.setitem(CLAIMS, 41, known)
    got = check(41, Interval(0.2, 0.1, 0.3), data="made up")
    assert got.verdict == "not here"
    assert reason in str(got) and reason in got._repr_mimebundle_()["text/html"]
    with pytest.raises(AssertionError):
        check(41, Interval(0.2, 0.1, 0.3), data="other data")


def test_no_excuse_is_left_from_data_that_no_chapter_checks():
    verdicts = Path(__file__).resolve().parent.parent / "_build" / "claims.json"
    if not verdicts.exists():
        pytest.skip("_build/claims.json is not there: make book")
    checked = {(entry["id"], entry["data"]) for entry in json.loads(verdicts.read_text())}
    excused = {(claim.id, data) for claim in CLAIMS.values() for data in claim.differs}
    assert excused <= checked


def test_an_unknown_claim_is_named():
    with pytest.raises(ValueError, match=r"claim_id must be one of 1 … .*, got 99"):
        check(99, Interval(0, 0, 0), data="made up")


def test_claims_json_is_read_from_executed_notebooks(tmp_path):
    got = check(41, Interval(0.85, 0.84, 0.86), data="shoppers-100 (simulated)")
    cell = {"cell_type": "code", "outputs": [{"output_type": "execute_result",
                                              "data": got._repr_mimebundle_()}]}
    notebook = {"cells": [{"cell_type": "markdown"}, cell]}
    for name in ("10_later.ipynb", "03b_continued.ipynb"):
        (tmp_path / name).write_text(json.dumps(notebook))
    earlier, later = collect(tmp_path)
    assert (earlier["chapter"], later["chapter"]) == ("3b", "10")
    assert set(earlier) == ENTRY and earlier["verdict"] == "holds"
    assert earlier == got._repr_mimebundle_()[MIME] | {"chapter": "3b"}


def test_the_scoreboard_has_a_row_for_every_claim_and_every_verdict():
    entry = check(41, Interval(0.85, 0.84, 0.86), data="made up").entry() | {"chapter": "3b"}
    rows = scoreboard([entry, entry | {"data": "other"}]).splitlines()[2:]
    assert len(rows) == len(CLAIMS) + 1
    assert sum("{bdg-success}`holds`" in row for row in rows) == 2
    assert sum("{ref}`chapter 3b <chapter-3b>`" in row for row in rows) == 2
    assert all(row.count("|") == 6 for row in rows)
