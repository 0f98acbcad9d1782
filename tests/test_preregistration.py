"""The page of what was fixed beforehand, against the table of claims."""

import re
from datetime import date

import pytest

from mlleaks_helpers.claimed import CLAIMS, ML_LEAKS, SINCE, TABLE, Claim, Step, of_group
from tools.preregistration import (
    bands,
    change,
    changes,
    counts,
    main,
    misses,
    preregistration,
    since,
)
from tools.scoreboard import Board


def entry(stand_in=False, sets=0, id=1):
    return {"id": id, "stand_in": stand_in, "each": [["a", 0, 0, 0, "holds"]] * sets}


def test_it_says_how_many_bands_stood_before_the_recordings():
    said = counts()
    assert said.startswith("All 41 bands were in git on 23 November 2026 (commit `8a1fe85`), "
                           "before the recordings were complete (commit `a2712f5`).")
    known = "November 2026, with the results known, the number or band changed for"
    assert f"On 24 {known} 22, 37 and 40: 38 of 41 still stood" in said
    assert f"On 25 {known} 11, 20, 25, 27, 29 and 39: 32 of 41 still stood" in said
    assert "For 7, 28, 30, 31, 34, 35, 36, 37, 38 and 39 the band stayed" in said


def test_a_band_changed_twice_is_lost_once(monkeypatch):
    def claim(number, *steps):
        return Claim(number, "A claim", "III", "R", "R", history=tuple(
            Step(date(2026, 11, day), "R", low) for day, low in steps))
    table = [claim(1, (23, 0), (24, .1), (25, .2)), claim(2, (23, 0), (25, 0), (26, 0)),
             claim(3, (23, 0))]
    monkeypatch.setattr("tools.preregistration.of_group", lambda group: table)
    said = counts()
    assert said.count("changed for 1: 2 of 3 still stood") == 2
    assert "For 2 the band stayed" in said


STATISTIC = Step(date(2026, 11, 23), "the largest", high=.65)
BAND = Step(date(2026, 11, 24), "the smallest", low=.02, reason="Because.", before="It held.")


@pytest.mark.parametrize("old, new, words", [
    (STATISTIC, BAND, "From “the largest”, at most 0.65, to “the smallest”, at least 0.02."),
    (BAND, Step(BAND.date, "the smallest", .1, reason="Because.", before="It held."),
     "From at least 0.02 to at least 0.1."),
    (STATISTIC, Step(BAND.date, "the largest", high=.6, reason="Because.", before="It held."),
     "From at most 0.65 to at most 0.6."),
    (BAND, BAND, "Still at least 0.02.")])
def test_a_change_says_from_what_to_what_and_why(old, new, words):
    assert change(CLAIMS[22], old, new) == (
        '<a href="scoreboard.html#claim-22">Claim 22</a>, Location is a hard target for transfer. '
        f"{words} Because. By the rule before: It held.")


def test_every_change_and_every_rule_stands_under_its_day():
    days = dict(re.findall(r"### (\d+) November 2026\n\n(.*?)(?=\n\n###|\Z)", changes(), re.DOTALL))
    assert [*days] == ["24", "25", "26"]
    for day, words in days.items():
        steps = {claim.id: step for claim in of_group(ML_LEAKS) for step in claim.history[1:]
                 if step.date.day == int(day)}
        assert set(map(int, re.findall(r">Claim (\d+)<", words))) == set(steps)
        assert all(step.reason in words and step.before in words for step in steps.values())
        rules = [rule for rule in TABLE["rules"] if rule["date"].day == int(day)]
        assert words.count("**Every claim.**") == len(rules)
        assert all(rule["rule"] in words and rule["reason"] in words
                   and rule.get("before", "") in words for rule in rules)
    assert changes().startswith(f"The rule at first: {TABLE['rules'][0]['rule']}")


def test_the_misses_to_expect_are_computed():
    said = misses(Board([entry(), entry(), entry(sets=5), entry(stand_in=True), entry(id=101),
                         entry(stand_in=True, sets=3)]))
    assert "The 3 verdicts on the paper's own sets rest on 7 such intervals" in said
    assert "so about 0.3 of them miss" in said or "so about 0.4 of them miss" in said
    assert "of the 4 on stand-ins, about 0.2." in said
    assert "so about 2.0 of them" in misses(Board([entry()] * 40))


def test_all_bands_are_listed_with_date_and_reason():
    rows = [line.strip("|").split(" | ") for line in bands().splitlines()[2:]]
    assert len(rows) == 41
    for (name, statistic, band, day, why), claim in zip(rows, of_group(ML_LEAKS), strict=True):
        assert name.strip() == f"{claim.id} {claim.text}"
        assert (statistic, band) == (claim.statistic, claim.band)
        changed = {11: 25, 20: 25, 22: 24, 25: 25, 27: 25, 29: 25, 37: 24, 39: 25, 40: 24}
        assert day == f"{changed.get(claim.id, 23)} November 2026"
        assert why.strip() == ("changed: see above" if claim.id in changed
                               else claim.history[0].reason)


def test_changes_come_before_everything_else(tmp_path, capsys):
    page = preregistration([entry()])
    places = [page.index(part) for part in (counts(), "## Changed after the results were known",
                                            changes(), misses(Board([entry()])), bands())]
    assert places == sorted(places)
    (tmp_path / "claims.json").write_text("[]", encoding="utf-8")
    main(str(tmp_path / "claims.json"))
    assert capsys.readouterr().out == preregistration([]) + "\n"


def test_the_claims_of_later_papers_stand_with_their_bands():
    said = since(Board([entry(), entry(id=101, sets=3), entry(id=102, stand_in=True)], SINCE))
    assert "These 17 bands were written on 26 November 2026" in said
    assert "they rest on 4 intervals, of which about 0.2 miss" in said
    assert said in preregistration([entry(), entry(id=101, sets=3), entry(id=102, stand_in=True)])
    for claim in of_group(SINCE):
        row, = [line for line in said.splitlines() if f">{claim.id}</a> " in line]
        assert f"#claim-{claim.id}" in row and claim.band in row
        assert all(part in row for part in (claim.text, claim.source, claim.paper, claim.statistic,
                                            claim.seen or "nothing"))
