"""The table of claims and the verdicts that chapters show."""

import io
import json
import math
import sys
from pathlib import Path

import pytest

from mlleaks_helpers.claims import CLAIMS, Claim, Verdict, check
from mlleaks_helpers.metrics import Interval


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


@pytest.mark.parametrize("low, high, interval", [
    (0.9, math.inf, (0.982, 0.956, 1.008)),
    (-math.inf, 0.03, (-0.99, -1.2, -0.4)),
    (0.9, math.inf, (50.0, 40.0, 60.0)),
])
def test_nothing_sticks_out_of_an_open_end(low, high, interval):
    claim = Claim(0, "A claim", "III", "R .85", "R", low, high)
    assert Verdict(claim, Interval(*interval), "made up").verdict == "holds"


def test_ends_that_the_table_leaves_out_are_open():
    assert CLAIMS[3].high == math.inf and CLAIMS[3].low == 0.9
    assert any(claim.low == -math.inf for claim in CLAIMS.values())


@pytest.mark.parametrize("value, inside", [
    (0.799, False), (0.8, True), (0.85, True), (0.9, True), (0.901, False), (0.999, False)])
def test_both_ends_of_a_band_count(monkeypatch, value, inside):
    monkeypatch.setitem(CLAIMS, 41, Claim(41, "A claim", "III", "R .85", "R", 0.8, 0.9))
    measured = Interval(value, value - 0.1, value + 0.1)
    if inside:
        assert check(41, measured, data="made up").in_band
    else:
        with pytest.raises(AssertionError, match="Claim 41, in part"):
            check(41, measured, data="made up")


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


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8"])
def test_every_verdict_can_be_printed_anywhere(monkeypatch, encoding):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding))
    for claim in CLAIMS.values():
        for data in ("made up", *claim.differs):
            got = Verdict(claim, Interval(0.5, 0.4, 0.6), data)
            print(got, [got], claim)
    sys.stdout.flush()
    text = printed.getvalue().decode(encoding)
    assert ("\N{RIGHTWARDS ARROW}" in text) == (encoding == "utf-8")
    assert "R .65 ? .91" in text or encoding == "utf-8"


def test_without_a_terminal_nothing_is_replaced(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert "\N{RIGHTWARDS ARROW}" in str(Verdict(CLAIMS[8], Interval(0, 0, 0), "a → b"))
