"""The table of claims and the verdicts that chapters show."""

import io
import json
import math
import re
import sys
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from scipy import stats

from mlleaks_helpers.bar import WIDE
from mlleaks_helpers.claimed import CLAIMS, LATER, ML_LEAKS, SINCE, TABLE, Claim, of_group
from mlleaks_helpers.claims import Verdict, anchor, check, combined
from mlleaks_helpers.interval import Interval, mean_interval

BAND = Claim(41, "A claim", "III", "R .85", "R", 0.8, 0.9)
INSIDE, ACROSS, OUTSIDE = (Interval(0.85, 0.82, 0.88), Interval(0.85, 0.78, 0.92),
                           Interval(0.95, 0.91, 0.99))


def verdict(value, low, high):
    return Verdict(BAND, Interval(value, low, high), "made up").verdict


@pytest.fixture
def band(monkeypatch):
    """Claim 41 with the band .8 to .9 and a reason for the data "known"."""
    known = Claim(41, "A claim", "III", "R .85", "R", 0.8, 0.9, {"known": "Fewer records."})
    monkeypatch.setitem(CLAIMS, 41, known)


def test_every_claim_has_one_row_in_its_group():
    assert [claim.id for claim in of_group(ML_LEAKS)] == list(range(1, 42))
    assert [claim.id for claim in of_group(SINCE)] == list(range(101, 118))
    assert len(CLAIMS) == 41 + 17
    for claim in CLAIMS.values():
        assert claim.low < claim.high
        assert claim.text and claim.source and claim.paper and claim.statistic


def test_claims_since_are_read_as_their_table_has_them():
    for row, claim in zip(LATER["claim"], of_group(SINCE), strict=True):
        assert row.items() <= vars(claim).items()
        assert claim.low == row.get("low", -math.inf) and claim.high == row.get("high", math.inf)
        assert [vars(step) for step in claim.history] == [
            {"date": date(2026, 11, 26), "statistic": claim.statistic, "low": claim.low,
             "high": claim.high, "reason": "", "before": ""}]


def test_the_bands_of_claims_since_are_those_of_the_first_day():
    """Read once from the commit that wrote them: the table cannot drift."""
    assert {claim.id: (claim.low, claim.high) for claim in of_group(SINCE)} == {
        id: (low, math.inf) for id, low in zip(
            range(101, 118), [5, 0, 0, -.02, -.02, 0, 2, -.02, -.05, .1, -.01, 0, .52, .5, 0, 2,
                              -.1], strict=True)} | {115: (-math.inf, .7)}


def test_a_claim_since_is_judged_like_the_others(monkeypatch):
    got = check(102, Interval(0.1, 0.05, 0.15), data="location", seeds=8)
    assert got.rows()["here"].endswith(" on Location") and got.entry()["data"] == "location"
    assert got.verdict == "holds" and got.entry()["group"] == "since"
    assert got.entry()["source"] == CLAIMS[102].source == "Carlini et al. 2022, Section VI"
    assert f"Known before: {CLAIMS[102].seen}" in str(got)
    assert "<dt>known before</dt>" in got._repr_mimebundle_()["text/html"]
    assert check(1, Interval(0, 0, 0), data="made up").entry()["group"] == "ML-Leaks"
    outside = Interval(-0.1, -0.15, -0.05)
    with pytest.raises(AssertionError, match="Claim 102, not here"):
        check(102, outside, data="made up")
    monkeypatch.setitem(CLAIMS, 102, replace(CLAIMS[102], differs={"made up": "Few models."}))
    assert "Few models." in str(check(102, outside, data="made up"))


def test_the_interval_decides():
    assert verdict(0.85, 0.82, 0.88) == verdict(0.85, 0.8, 0.9) == "holds"
    assert verdict(0.85, 0.78, 0.92) == verdict(0.82, 0.79, 0.85) == "undecided"
    assert verdict(0.79, 0.75, 0.85) == verdict(0.79, 0.75, 0.8) == "undecided"
    assert verdict(0.79, 0.75, 0.795) == verdict(0.95, 0.91, 0.99) == "not here"


@pytest.mark.parametrize("verdicts, together", [
    (["holds", "holds"], "holds"), (["not here", "not here"], "not here"),
    (["holds", "not here"], "in part"), (["holds", "undecided", "not here"], "in part"),
    (["holds", "undecided"], "undecided"), (["not here", "undecided"], "undecided"),
    (["undecided"], "undecided"), (["in part", "undecided"], "in part"),
    (["in part", "holds"], "in part"), (["in part"], "in part")])
def test_verdicts_on_several_sets_are_combined(verdicts, together):
    assert combined(verdicts) == combined(reversed(verdicts)) == together


@pytest.mark.parametrize("parts, together", [
    ([INSIDE, INSIDE], "holds"), ([OUTSIDE, OUTSIDE], "not here"), ([INSIDE, OUTSIDE], "in part"),
    ([INSIDE, ACROSS], "undecided"), ([OUTSIDE, ACROSS], "undecided")])
@pytest.mark.parametrize("measured", [INSIDE, ACROSS, OUTSIDE])
def test_with_each_the_named_sets_decide(band, parts, together, measured):
    got = check(41, measured, data="known", each=dict(zip("ab", parts, strict=True)))
    assert got.verdict == together
    assert got.entry()["each"] == [
        [name, part.value, part.low, part.high, Verdict(BAND, part, "").verdict]
        for name, part in zip("ab", parts, strict=True)]
    assert f"a {parts[0]}" in str(got) and f"b {parts[1]}" in str(got)


def test_each_value_outside_the_band_needs_a_reason(band):
    for each in ({"a": INSIDE, "b": OUTSIDE}, {"a": OUTSIDE, "b": INSIDE}):
        with pytest.raises(AssertionError, match="Claim 41, in part: A claim"):
            check(41, INSIDE, data="made up", each=each)
        assert "Fewer records." in str(check(41, INSIDE, data="known", each=each))
    with pytest.raises(AssertionError):
        check(41, OUTSIDE, data="made up", each={"a": INSIDE})
    assert check(41, ACROSS, data="made up", each={"a": INSIDE, "b": ACROSS}).why == ""


@pytest.mark.parametrize("values", [[0.80, 0.86, 0.83], [0.79, 0.92, 0.86, 0.85], [0.70, 0.86]])
def test_the_number_of_seeds_that_would_decide_would_decide(values):
    """Against the interval of Student's t of so many seeds with this mean and this spread."""
    measured = mean_interval(values)
    got = Verdict(BAND, measured, "made up", seeds=len(values))
    assert got.verdict == "undecided"
    spread = stats.tstd(values)
    distance = min(abs(measured.value - edge) for edge in (0.8, 0.9)
                   if measured.low <= edge <= measured.high)
    wide = [m for m in range(2, 101)
            if stats.t.ppf(0.975, m - 1) * spread / math.sqrt(m) > distance]
    words = f"about {wide[-1] + 1}" if wide[-1] < 100 else "more than 100"
    assert got.needs == f"{words} seeds in place of {len(values)}"
    assert got.needs in str(got) and got.needs in got._repr_mimebundle_()["text/html"]


def test_all_edges_within_the_interval_are_to_be_left_alone():
    far, near = Interval(0.86, 0.76, 0.96), Interval(0.86, 0.82, 0.96)
    needs = [int(Verdict(BAND, one, "", seeds=3).needs.split()[1]) for one in (far, near)]
    assert needs[0] == needs[1] > int(
        Verdict(BAND, Interval(0.86, 0.76, 0.89), "", seeds=3).needs.split()[1])


def test_one_more_seed_may_decide():
    got = Verdict(BAND, Interval(0.85, 0.85 - 0.051, 0.85 + 0.051), "", seeds=3)
    assert got.needs == "about 4 seeds in place of 3"


def test_a_value_on_the_edge_and_endless_intervals_are_never_decided():
    for measured in (Interval(0.8, 0.7, 0.85), Interval(0.85, -math.inf, math.inf)):
        assert Verdict(BAND, measured, "", seeds=3).needs == "more than 100 seeds in place of 3"


def test_one_hundred_is_the_last_number_that_is_counted():
    def needs(distance):
        return Verdict(BAND, Interval(0.8 - distance, 0.7 - distance, 0.9 - distance), "",
                       seeds=3).needs
    at_100 = 0.1 * stats.t.ppf(0.975, 99) / 10 / (stats.t.ppf(0.975, 2) / math.sqrt(3))
    assert needs(at_100 + 1e-9) == "about 100 seeds in place of 3"
    assert needs(at_100 - 1e-9) == "more than 100 seeds in place of 3"


def test_what_is_settled_needs_nothing():
    for measured in (INSIDE, OUTSIDE):
        assert Verdict(BAND, measured, "made up", seeds=3).needs == ""
    in_part = Verdict(BAND, INSIDE, "", {"a": INSIDE, "b": OUTSIDE, "c": ACROSS}, 3)
    assert in_part.verdict == "in part" and in_part.needs == ""


def test_with_each_the_open_sets_say_what_they_need():
    alone = Verdict(BAND, ACROSS, "", seeds=3).needs
    got = Verdict(BAND, INSIDE, "", {"a": INSIDE, "b": ACROSS, "c": ACROSS}, 3)
    assert got.needs == f"b: {alone}; c: {alone}"


def test_without_seeds_it_is_said_how_narrow_the_interval_must_be():
    got = Verdict(BAND, Interval(0.81, 0.77, 0.83), "made up").needs
    assert got == "±0.010 in place of ±0.040 towards the band's edge"
    got = Verdict(BAND, Interval(0.86, 0.7, 0.96), "made up").needs
    assert got == "±0.040 in place of ±0.100 towards the band's edge"
    got = Verdict(BAND, Interval(0.79, 0.77, 0.83), "made up").needs
    assert got == "±0.010 in place of ±0.040 towards the band's edge"


def test_what_is_counted_is_named():
    counted = {claim.id: claim.counted for claim in of_group(ML_LEAKS)}
    assert {id: what for id, what in counted.items() if what != "seeds"} == {
        21: "shadows", 27: "targets"}
    got = check(21, Interval(0.5, 0.3, 0.7), data="made up", seeds=7)
    assert got.needs.endswith("shadows in place of 7")


def test_stand_ins_are_marked(band):
    own = check(41, INSIDE, data="made up")
    beside = check(41, INSIDE, data="made up", stand_in=True)
    assert not own.entry()["stand_in"] and beside.entry()["stand_in"]
    assert beside.verdict == own.verdict == "holds"
    assert "Claim 41, holds, on a stand-in: A claim" in str(beside)
    assert "stand-in" not in str(own)
    boxes = [got._repr_mimebundle_()["text/html"] for got in (own, beside)]
    assert 'class="verdict holds"' in boxes[0] and 'class="verdict holds aside"' in boxes[1]
    with pytest.raises(AssertionError):
        check(41, OUTSIDE, data="made up", stand_in=True)


def test_the_entry_says_what_the_box_says(band):
    got = check(41, Interval(0.79, 0.7, 0.85), data="known", seeds=3)
    entry = got.entry()
    assert entry == {
        "id": 41, "claim": "A claim", "group": "ML-Leaks", "source": "III", "paper": "R .85",
        "measured": 0.79,
        "low": 0.7, "high": 0.85, "data": "known", "each": [], "seeds": 3, "stand_in": False,
        "verdict": "undecided", "why": "Fewer records.", "needs": got.needs}
    assert json.loads(json.dumps(entry)) == entry
    box = unescape(got._repr_mimebundle_()["text/html"])
    for words in ("Claim 41, undecided.", "A claim.", "R .85 (III)", "0.790 [0.700, 0.850]",
                  "known", "0.8 to 0.9", entry["why"], entry["needs"]):
        assert words in box
    assert f'id="{anchor(41, "known")}"' in box


def drawn(claim, *parts):
    """The bar of a verdict on some sets: intervals, band, edges and paper's number, in pixels."""
    each = {str(i): Interval(*numbers) for i, numbers in enumerate(parts)}
    html = Verdict(claim, each["0"], "made up", each)._repr_mimebundle_()["text/html"]
    points = [[int(x) for x in point] for point in re.findall(
        r'M(\d+) 0H(\d+)" stroke-width="3"/><circle cx="(\d+)"', html)]
    band = [int(x) for x in re.findall(r'<path d="M(\d+) 0H(\d+)V\d+H', html)[0]]
    edges = [int(x) for x in re.findall(r'<path d="M(\d+) 0V', html)]
    diamond = [int(x) for x in re.findall(r'<path d="M(\d+)-5l', html)]
    return [(low, value, high) for low, high, value in points], band, edges, diamond, html


def test_the_bar_shows_on_which_side_of_the_edges_an_interval_lies():
    claim = replace(BAND, number=0.85)
    parts, band, edges, diamond, html = drawn(
        claim, (0.85, 0.82, 0.88), (0.82, 0.79, 0.85), (0.7, 0.6, 0.75))
    low, high = band
    assert edges == band and low < diamond[0] < high
    inside, crossing, outside = parts
    assert low < inside[0] < inside[1] < inside[2] < high
    assert crossing[0] < low < crossing[1] < crossing[2] < high and max(outside) < low
    assert 'aria-hidden="true"' in html and html.count("◇") == html.count("▒") == 1


def test_an_end_that_is_open_is_drawn_as_far_as_the_picture_goes():
    half = replace(BAND, high=math.inf)
    parts, band, edges, diamond, html = drawn(half, (0.85, -math.inf, math.inf))
    assert band == [edges[0], WIDE] and len(edges) == 1 and diamond == [] and "◇" not in html
    assert parts[0][0] == 0 and parts[0][2] == WIDE
    assert drawn(replace(BAND, low=-math.inf), (0.85, 0.85, 0.85))[1][0] == 0
    point = drawn(replace(half, low=0.85), (0.85, 0.85, 0.85))
    assert point[0] == [(point[2][0],) * 3]


def test_without_a_band_there_is_no_bar():
    claim = replace(BAND, low=-math.inf, high=math.inf)
    html = Verdict(claim, INSIDE, "made up")._repr_mimebundle_()["text/html"]
    assert "<svg" not in html and "●" not in html


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS.values() if claim.number is not None],
                         ids=lambda claim: str(claim.id))
def test_the_drawn_number_is_the_papers(claim):
    """One that its words give, or the difference of two of them."""
    given = [float(x) for x in re.findall(r"\d*\.?\d+", claim.paper)]
    pairs = [abs(a + sign * b) for a in given for b in given for sign in (-1, 1)]
    assert any(math.isclose(claim.number, x, abs_tol=1e-9) for x in given + pairs)


def test_a_box_has_a_place_on_its_page():
    assert anchor(19, "news → cifar100, 200 epochs") == "claim-19-news-cifar100-200-epochs"
    assert anchor(1, "Retail (stand-in)") == "claim-1-retail-stand-in"


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
def test_both_ends_of_a_band_count(band, value, inside):
    measured = Interval(value, value - 0.1, value + 0.1)
    if inside:
        assert check(41, measured, data="made up").in_band
    else:
        with pytest.raises(AssertionError, match="Claim 41, undecided"):
            check(41, measured, data="made up")


@pytest.mark.parametrize("high, verdict", [(0.3, "not here"), (0.85, "undecided")])
def test_a_claim_that_stops_holding_fails(high, verdict):
    """However wide the interval: what counts is the value."""
    with pytest.raises(AssertionError, match=f"Claim 41, {verdict}: Adversary 1 succeeds"):
        check(41, Interval(0.2, 0.1, high), data="made up")


def test_a_claim_known_to_differ_says_why(band):
    got = check(41, Interval(0.2, 0.1, 0.3), data="known")
    assert got.verdict == "not here"
    assert "Fewer records." in str(got)
    assert "Fewer records." in got._repr_mimebundle_()["text/html"]
    assert "Fewer records." not in str(check(41, INSIDE, data="known"))
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
    for unknown in (0, 42, 99, 100, 118):
        with pytest.raises(ValueError, match="claim_id must be one of 1 … 41 and 101 … 117, got "
                                             f"{unknown}$"):
            check(unknown, Interval(0, 0, 0), data="made up")


def test_what_cannot_fail_is_not_judged():
    assert [claim.id for claim in CLAIMS.values() if claim.arithmetic] == [28]
    with pytest.raises(ValueError, match="claim_id must be a claim that can fail, got 28"):
        check(28, Interval(0, 0, 0), data="made up")


@pytest.mark.parametrize("given, message", [
    ({"measured": 0.5}, "measured must be an Interval, got 0.5"),
    ({"each": {}}, "each must hold an Interval for every named set, got {}"),
    ({"each": {"a": 0.5}}, "each must hold an Interval"),
    ({"seeds": 1}, "seeds must be a whole number, at least 2, got 1"),
    ({"seeds": 2.5}, "seeds must be a whole number"),
])
def test_arguments_of_another_kind_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check(**{"claim_id": 1, "measured": Interval(0, 0, 0), "data": "made up"} | given)


def test_the_history_ends_with_todays_band():
    for claim in of_group(ML_LEAKS):
        first, last = claim.history[0], claim.history[-1]
        assert (last.statistic, last.low, last.high) == (claim.statistic, claim.low, claim.high)
        assert first.date == date(2026, 11, 23) and not first.before
        dates = [step.date for step in claim.history]
        assert dates == sorted(set(dates))
        assert all(step.reason for step in claim.history)


def test_every_change_after_the_recordings_says_what_the_rule_before_it_gave():
    later = {(claim.id, step.date.day): step.before
             for claim in CLAIMS.values() for step in claim.history[1:]}
    assert all(later.values())
    assert {claim for claim, day in later if day == 24} == {22, 37, 40}
    assert "holds" in later[37, 24].lower()
    assert all("Undecided" in later[claim, 24] for claim in (22, 40))
    assert {11, 25, 27, 28, 29, 30, 35, 37, 39} <= {claim for claim, day in later if day == 25}


def test_the_bands_at_first_are_those_of_the_first_commit():
    """Read once from 8a1fe85, ends that no value can pass left out: the table cannot drift."""
    first = {claim.id: (claim.history[0].low, claim.history[0].high)
             for claim in of_group(ML_LEAKS)}
    least, most = -math.inf, math.inf
    assert list(first.values()) == [
        (-.03, .03), (-.03, .03), (.9, most), (.84, .92), (.8, most), (.44, .56), (.7, most),
        (.15, most), (-.06, .06), (.9, most), (-.02, most), (-.04, .04), (-.04, .08), (0, most),
        (least, .04), (least, .1), (.97, most), (least, .1), (.88, most), (0, most), (least, .6),
        (0, most), (.8, most), (least, .01), (least, .05), (.75, most), (least, .5), (0, most),
        (.1, most), (least, .05), (.05, most), (least, .75), (-.05, .05), (-.03, most),
        (least, .58), (0, most), (least, .65), (0, most), (.5, most), (0, most), (.8, .9)]


def test_the_rules_have_dates_and_reasons():
    dates = [rule["date"] for rule in TABLE["rules"]]
    assert dates == sorted(dates) and dates[0] == TABLE["first"]["date"]
    assert all(rule["rule"] and rule["reason"] for rule in TABLE["rules"])


def test_stand_ins_are_never_counted():
    verdicts = Path(__file__).resolve().parent.parent / "_build" / "claims.json"
    if not verdicts.exists():
        pytest.skip("_build/claims.json is not there: make book")
    for entry in json.loads(verdicts.read_text(encoding="utf-8")):
        named = any(word in entry["data"] for word in ("stand-in", "simulated", "retail", "*"))
        assert entry["stand_in"] >= named, entry["data"]


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
