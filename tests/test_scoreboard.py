"""The verdicts out of executed notebooks, and the scoreboard made of them."""

import json
import re
from html import unescape

import pytest

from mlleaks_helpers.claimed import CLAIMS, ML_LEAKS, SINCE, of_group
from mlleaks_helpers.claims import MIME, Verdict, anchor
from mlleaks_helpers.interval import Interval
from tools.scoreboard import (
    MEANING,
    SECTIONS,
    SHAPES,
    Board,
    collect,
    failures,
    left_open,
    main,
    measurement,
    picture,
    row,
    scoreboard,
    summary,
    undecided,
)

# Of claim 41, whose band is .8 to .9.
INSIDE, ACROSS, OUTSIDE = (Interval(0.85, 0.82, 0.88), Interval(0.85, 0.78, 0.92),
                           Interval(0.95, 0.91, 0.99))
ANYWHERE = {"holds": INSIDE, "undecided": ACROSS, "not here": OUTSIDE}


def verdict(number=41, measured=INSIDE, data="made up", **more):
    return Verdict(CLAIMS[number], measured, data, **more)


def entry(got=None, page="03b_continued", place="lesson 3b", **changed):
    return (got or verdict()).entry() | {"page": page, "place": place} | changed


def judged(number, called, **changed):
    """An entry for any claim with any verdict."""
    return entry(verdict(number), verdict=called, **changed)


def write(folder, name, *verdicts):
    """A notebook in which a cell showed these verdicts."""
    cell = {"cell_type": "code", "outputs": [
        {"output_type": "stream", "text": "words"},
        *({"output_type": "execute_result", "data": got._repr_mimebundle_()} for got in verdicts)]}
    (folder / f"{name}.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "markdown"}, cell]}, ensure_ascii=False),
        encoding="utf-8")


def plain(html):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


# ---------------------------------------------------------------- collecting


def test_claims_json_is_read_from_executed_notebooks(tmp_path):
    later, earlier = verdict(), verdict(8, Interval(0.2, 0.1, 0.3), seeds=3, stand_in=True)
    write(tmp_path, "10_later", later)
    write(tmp_path, "03b_continued", earlier)
    assert collect(tmp_path) == [
        earlier._repr_mimebundle_()[MIME] | {"page": "03b_continued", "place": "lesson 3b"},
        later._repr_mimebundle_()[MIME] | {"page": "10_later", "place": "lesson 10"}]


@pytest.mark.parametrize("name, place", [
    ("evidence_1_adversary_1", "III-B"), ("evidence_2_what_she_need_not_know", "III-C"),
    ("evidence_3_transfer", "IV"), ("evidence_4_no_shadow", "V"), ("evidence_5_defenses", "VI"),
    ("evidence_6_later_papers", "on later papers")])
def test_pages_of_evidence_are_named_by_the_papers_section(tmp_path, name, place):
    write(tmp_path, name, verdict())
    assert [(one["page"], one["place"]) for one in collect(tmp_path)] == [
        (name, f"evidence {place}")]


@pytest.mark.parametrize("other", ["03_one", "12_what_it_costs", "the_papers_data"])
def test_a_verdict_on_two_pages_is_taken_once_from_the_evidence(tmp_path, other):
    write(tmp_path, other, verdict(), verdict(data="other data"))
    write(tmp_path, "evidence_1_adversary_1", verdict())
    assert [(one["data"], one["page"]) for one in collect(tmp_path)] == [
        ("other data", other), ("made up", "evidence_1_adversary_1")][::1 if other < "e" else -1]


@pytest.mark.parametrize("again", [
    verdict(measured=Interval(0.851, 0.82, 0.88)), verdict(measured=Interval(0.85, 0.821, 0.88)),
    verdict(measured=Interval(0.85, 0.82, 0.881)), verdict(each={"a": INSIDE}), verdict(seeds=3),
    verdict(stand_in=True)])
@pytest.mark.parametrize("pages", [("03_one", "evidence_1_adversary_1"), ("03_one", "04_two"),
                                   ("03_one", "03_one")])
def test_pages_that_say_different_things_fail_loudly(tmp_path, again, pages):
    if pages[0] == pages[1]:
        write(tmp_path, pages[0], verdict(), again)
    else:
        write(tmp_path, pages[0], verdict())
        write(tmp_path, pages[1], again)
    with pytest.raises(ValueError, match="claim 41 on made up is not the same on") as raised:
        collect(tmp_path)
    assert all(page in str(raised.value) for page in pages)


def test_the_last_digits_may_differ(tmp_path):
    write(tmp_path, "03_one", verdict(measured=Interval(0.85 + 1e-12, 0.82, 0.88)))
    write(tmp_path, "evidence_1_adversary_1", verdict())
    assert len(collect(tmp_path)) == 1


def test_the_same_claim_on_other_data_is_another_verdict(tmp_path):
    write(tmp_path, "03_one", verdict(), verdict(data="b"), verdict(5, Interval(0.9, 0.85, 1)))
    assert [(one["id"], one["data"]) for one in collect(tmp_path)] == [
        (5, "made up"), (41, "made up"), (41, "b")]


# ---------------------------------------------------------------- what is shown


def test_every_section_of_the_table_is_known():
    sections = Board([]).sections()
    assert [*sections] == [*SECTIONS]
    assert {name: len(claims) for name, claims in sections.items()} == {
        "III-B": 12, "III-C": 6, "IV": 6, "V": 7, "VI": 10}


def test_claims_on_stand_ins_only_stand_apart():
    board = Board([judged(41, "holds", stand_in=True), judged(10, "not here", stand_in=True),
                   judged(1, "undecided", stand_in=True), judged(1, "holds")])
    assert [claim.id for claim in board.sections()["stand-ins"]] == [10, 41]
    assert board.verdict(CLAIMS[41]) == "holds" and board.verdict(CLAIMS[10]) == "not here"
    assert board.verdict(CLAIMS[1]) == "holds"
    page = scoreboard(board.own + board.beside)
    assert page.index("## Only on stand-ins") < page.index('id="claim-10"')
    assert page.index('id="claim-1"') < page.index("## III-C")
    assert "## Only on stand-ins" not in scoreboard(board.own)


def test_a_claims_verdict_combines_those_on_the_papers_own_sets():
    board = Board([judged(4, "holds"), judged(4, "not here"),
                   judged(5, "holds"), judged(5, "undecided"),
                   judged(8, "holds"), judged(8, "not here", stand_in=True)])
    assert [board.verdict(CLAIMS[number]) for number in (4, 5, 8, 9)] == [
        "in part", "undecided", "holds", "not judged"]


def test_the_summary_counts_the_verdicts_on_own_sets_only():
    said = summary(Board([
        judged(1, "holds"), judged(1, "holds"), judged(2, "holds"), judged(3, "in part"),
        judged(4, "not here"), judged(5, "not here"), judged(6, "undecided"),
        judged(7, "undecided"), judged(8, "undecided"), judged(8, "holds", stand_in=True),
        judged(41, "holds", stand_in=True)]))
    assert said == (
        "**Of 9 verdicts on the paper's own data sets, 3 hold, 1 holds in part, 2 do not hold here "
        "and 3 are undecided. Claim by claim, of 41, 2 hold, 1 holds in part, 2 do not hold here "
        "and 3 are undecided; 1 could be measured on stand-ins only, 32 are not judged.**")
    said = summary(Board([judged(1, "holds"), judged(2, "not here"), judged(3, "undecided")]))
    assert said.startswith("**Of 3 verdicts on the paper's own data sets, 1 holds, 0 hold in part, "
                           "1 does not hold here and 1 is undecided.")
    assert "stand-ins" not in said


def test_where_everything_is_judged_the_summary_ends_there():
    for group in (ML_LEAKS, SINCE):
        said = summary(Board([judged(number, "holds") for number in CLAIMS], group))
        assert said.endswith("0 do not hold here and 0 are undecided.**")


# ---------------------------------------------------------------- what later papers claim

BOTH = [judged(1, "holds"), judged(2, "not here"), judged(101, "holds"), judged(102, "undecided"),
        judged(103, "not here", why="Six models."), judged(104, "holds", stand_in=True),
        judged(105, "holds"), judged(105, "holds", stand_in=True)]


def test_the_groups_are_never_counted_together():
    paper, since = summary(Board(BOTH)), summary(Board(BOTH, SINCE))
    assert paper == summary(Board(BOTH[:2]))
    assert paper.startswith("**Of 2 verdicts on the paper's own data sets, 1 holds, ")
    assert "of 41, 1 holds" in paper and "39 are not judged" in paper
    assert since == (
        "**Of 4 verdicts on later papers' claims, on ML-Leaks's own data sets, 2 hold, 0 hold in "
        "part, 1 does not hold here and 1 is undecided. Claim by claim, of 17, 2 hold, 0 hold in "
        "part, 1 does not hold here and 1 is undecided; 1 could be measured on stand-ins only, "
        "12 are not judged.**")


def test_each_group_has_its_own_dots_rows_and_lists():
    page = scoreboard(BOTH)
    first, second = page.split("## What later papers claim\n")
    for part, group in ((first, ML_LEAKS), (second, SINCE)):
        ids = [claim.id for claim in of_group(group)]
        assert sorted(map(int, re.findall(r'id="claim-(\d+)"', part))) == ids
        assert sorted(map(int, re.findall(r'<a href="#claim-(\d+)" aria', part))) == ids
    assert "each of the 17 claims of later papers" in second
    assert 'class="legend"' in first and 'class="legend"' not in second
    listed = second[second.index("### Not here"):]
    assert "Six models." in listed and "Six models." not in first
    assert re.findall(r"Claim (\d+)<", listed) == ["103", "102"]


def test_what_is_undecided_is_told_by_group():
    entries = [judged(7, "undecided"), judged(107, "undecided"), judged(108, "holds")]
    assert re.findall(r"Claim (\d+)<", undecided(Board(entries))) == ["7"]
    assert re.findall(r"Claim (\d+)<", undecided(Board(entries, SINCE))) == ["107"]


def test_a_row_since_says_what_was_known_before():
    shown = plain(row(Board([], SINCE), CLAIMS[101]))
    assert f"({CLAIMS[101].source})" in shown and f"Known before: {CLAIMS[101].seen}." in shown
    assert "Known before" not in row(Board([]), CLAIMS[1]) + row(Board([], SINCE), CLAIMS[110])


@pytest.mark.parametrize("called", ANYWHERE)
def test_the_picture_has_a_dot_for_every_claim_that_leads_to_its_row(called):
    entries = [judged(7, called)]
    drawn, page = picture(Board(entries)), scoreboard(entries)
    dots = re.findall(r'<a href="#(claim-\d+)" aria-label="(.*?)"><title>(.*?)</title>', drawn)
    assert {place for place, _, _ in dots} == {f"claim-{one.id}" for one in of_group(ML_LEAKS)}
    assert len(dots) == 41
    assert all(f'id="{place}"' in page and label == title for place, label, title in dots)
    label = dict((place, label) for place, label, _ in dots)["claim-7"]
    assert unescape(label) == f"Claim 7, {called}: {CLAIMS[7].text}"
    dot = re.search(r'<a href="#claim-7".*?</a>', drawn)[0]
    assert SHAPES[called] in dot and f'class="sign {called.replace(" ", "-")}"' in dot
    assert ">7</text>" in dot


def test_the_picture_says_what_it_is_and_what_its_shapes_mean():
    drawn = picture(Board([]))
    assert 'role="group" aria-label="The verdict on each of the 41 claims' in drawn
    assert all(words in unescape(drawn) for words in MEANING.values())
    assert SHAPES.keys() == MEANING.keys() and len(set(SHAPES.values())) == len(SHAPES)
    assert "\n\n" not in drawn  # a blank line would end the HTML


@pytest.mark.parametrize("group", [ML_LEAKS, SINCE])
def test_dots_lie_in_the_picture_and_apart(group):
    drawn = picture(Board([judged(number, "holds", stand_in=number > 20) for number in CLAIMS],
                          group))
    width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn).groups())
    places = [tuple(map(int, place)) for place in re.findall(r"translate\((\d+) (\d+)\)", drawn)]
    assert len(set(places)) == len(of_group(group)) == len(places)
    assert all(10 <= x <= width - 10 and 30 <= y <= height - 24 for x, y in places)
    assert all(abs(x - a) >= 24 or abs(y - b) >= 40
               for x, y in places for a, b in places if (x, y) != (a, b))


def test_a_row_unfolds_to_its_measurements():
    own = entry(verdict(measured=INSIDE, data="a & b"))
    beside = entry(verdict(data="retail", stand_in=True), page="evidence_5_defenses",
                   place="evidence VI")
    shown = row(Board([own, beside]), CLAIMS[41])
    assert shown.startswith('<details class="claim" id="claim-41">\n<summary>')
    assert "\n\n" not in shown
    claim, words = CLAIMS[41], plain(shown)
    for text in (claim.text, claim.paper, claim.source, f"Compared: {claim.statistic}.",
                 "Band: 0.8 to 0.9.", "holds on a & b: 0.850 [0.820, 0.880]"):
        assert text in words
    assert words.index("on a & b") < words.index("not counted") < words.index("on retail")
    assert f'<a href="03b_continued.html#{anchor(41, "a & b")}">lesson 3b</a>' in shown
    assert f'<a href="evidence_5_defenses.html#{anchor(41, "retail")}">evidence VI</a>' in shown


def test_a_row_calls_the_sets_by_their_names():
    got = verdict(data="news → cifar100", each={"lfw": INSIDE, "retail-100": ACROSS}, seeds=3)
    words = plain(measurement(entry(got)))
    assert "on News → CIFAR-100:" in words and "Face: 0.850" in words and "retail-100:" in words
    assert f'#{anchor(41, "news → cifar100")}"' in measurement(entry(got))


def test_a_row_without_measurements_says_so():
    assert "Not measured." in row(Board([]), CLAIMS[1])
    cannot_fail = row(Board([]), CLAIMS[28])
    assert "Follows from arithmetic, not judged." in cannot_fail
    assert CLAIMS[28].arithmetic in cannot_fail and "Not measured" not in cannot_fail
    assert "not counted" not in row(Board([judged(41, "holds")]), CLAIMS[41])


def test_a_measurement_names_each_set_and_what_is_missing():
    got = verdict(each={"a": INSIDE, "b": ACROSS}, seeds=3)
    words = plain(measurement(entry(got, why="Few <records>.")))
    assert "a: 0.850 [0.820, 0.880], holds" in words
    assert "b: 0.850 [0.780, 0.920], undecided" in words
    assert f"Few <records>. Would decide: {got.needs}." in words
    settled = plain(measurement(entry()))
    assert settled.endswith("( lesson 3b ). ")


ENTRIES = [judged(3, "not here", why="Too few.", data="one"),
           judged(4, "in part", why="Not on b.", data="two",
                  each=[["a", 1, 1, 1, "holds"], ["b", 0, 0, 0, "not here"],
                        ["c", 1, 1, 1, "holds"]]),
           judged(5, "undecided", why="So far.", needs="about 7 seeds in place of 3", data="six"),
           judged(6, "not here", why="Elsewhere.", stand_in=True),
           judged(7, "undecided", needs="more", stand_in=True), judged(8, "holds", why="Never.")]


def test_what_could_not_be_reproduced_is_listed_with_the_reason():
    words = plain(failures(Board(ENTRIES)))
    assert "not here on one ( lesson 3b ). Too few." in words
    assert "in part on two; holds: a, c; not here: b ( lesson 3b ). Not on b." in words
    assert not any(text in words for text in ("So far.", "Elsewhere.", "Never."))
    assert failures(Board([])) == "None."


def test_what_is_open_is_listed_with_what_would_decide():
    words = plain(left_open(Board(ENTRIES)))
    assert "undecided on six ( lesson 3b ). So far. Would decide: about 7 seeds in place" in words
    assert "Too few." not in words and "Would decide: more." not in words
    undecided, arithmetic, without = left_open(Board(ENTRIES)).split("<ul>")[1:]
    assert "Claim 28" in arithmetic and "Claim 28" not in without + undecided
    assert set(re.findall(r"Claim (\d+)", without)) == {
        str(claim.id) for claim in of_group(ML_LEAKS) if claim.paper in ("no number", "a picture")}
    assert set(re.findall(r"Claim (\d+)", without)) == {"14", "23", "29"}


def test_nothing_is_shown_that_is_not_in_claims_json():
    page = plain(scoreboard(ENTRIES))
    assert set(re.findall(r"-?\d\.\d{3} \[.*?\]", page)) == {"0.850 [0.820, 0.880]"} | {
        "1.000 [1.000, 1.000]", "0.000 [0.000, 0.000]"}


def test_ids_are_unique():
    ids = re.findall(r'\bid="(.*?)"', scoreboard(ENTRIES))
    assert len(ids) == len(set(ids)) == len(CLAIMS)


def test_the_command_collects_and_draws_the_page(tmp_path, capsys):
    write(tmp_path, "03b_continued", verdict(8, Interval(0.2, 0.15, 1), data="größer → kleiner"))
    main("collect", str(tmp_path))
    (tmp_path / "claims.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert json.loads((tmp_path / "claims.json").read_text(encoding="utf-8")) == collect(tmp_path)
    main("page", str(tmp_path / "claims.json"))
    page = capsys.readouterr().out
    assert page == scoreboard(collect(tmp_path)) + "\n" and "on größer → kleiner" in page
