"""The membership game: what its rounds are, and the game as it is played on a page."""

import json
import re

import pytest
from test_made_notebooks import code, glues, markdown, notebook
from test_practice import build, press, visible
from test_site import barriers, faults

from tools.game import Round, rounds, tally
from tools.notebooks import made
from tools.plain import Book

# All four of (member, what the rule says), no two in a row alike, and one more of each mistake.
PLAYED = [(0.98451, True, True), (0.3, False, False), (0.99996, False, True), (0.5724, True, False),
          (0.97, False, True)]
JSON = json.dumps([dict(zip(("largest", "member", "rule"), one, strict=True)) for one in PLAYED])
ANSWERS = ["a member; the rule says member", "a non-member; the rule says non-member",
           "a non-member; the rule says member", "a member; the rule says non-member",
           "a non-member; the rule says member"]
SHOWN = ["0.9845", "0.3000", "1.0000", "0.5724", "0.9700"]
GAME = """# A game

:::{play} ten
Which were *members*? Above {glue:text}`cut` the rule says so.
:::
"""


def page(text=GAME, rounds=JSON):
    return notebook(markdown(text), code("glue()", "g", "remove-cell", outputs=[
        glues("ten", repr(rounds)), glues("cut", "'0.9'")]))


# ---------------------------------------------------------------- rounds


def test_rounds_are_read_in_order():
    played = rounds(JSON)
    assert played == [Round(*one) for one in PLAYED]
    assert [one.answer for one in played] == ANSWERS
    assert [one.shown for one in played] == SHOWN


@pytest.mark.parametrize("played, told", [
    (PLAYED, "the rule is right about 2 of 5, a coin about 2.5"),
    (PLAYED[:4], "the rule is right about 2 of 4, a coin about 2"),
    (PLAYED[2:3], "the rule is right about 0 of 1, a coin about 0.5")])
def test_the_rules_score_is_counted(played, told):
    assert tally([Round(*one) for one in played]) == told


@pytest.mark.parametrize("text, complaint", [
    ("", "no rounds to play in ''"), ("7", "no rounds to play in '7'"),
    ("[7]", "no rounds"), ("[]", "at least one round, got none"),
    ('[{"largest": 0.5, "member": true}]', "no rounds.*rule"),
    (JSON.replace("0.3,", "1.3,"), r"round 2 must .* got Round\(largest=1.3"),
    (JSON.replace("0.3,", "-0.3,"), "round 2"), (JSON.replace("0.3,", '"0.3",'), "round 2"),
    (JSON.replace("0.97,", "NaN,"), "round 5"),
    (JSON.replace('"member": false, "rule": false', '"member": 0, "rule": false'), "round 2"),
    (JSON.replace('"member": false, "rule": false', '"member": false, "rule": null'), "round 2")])
def test_what_is_no_round_is_named(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        rounds(text)


def test_in_a_notebook_the_game_can_be_read(tmp_path):
    cell = made(page(), "game", Book(tmp_path))["cells"][2]
    assert cell["source"] == "\n".join([
        "# A game", "", "> **The game.** Which were *members*? Above 0.9 the rule says so.", ">",
        "> | record | largest posterior |", "> |--:|--:|",
        *(f"> | {number} | {shown} |" for number, shown in enumerate(SHOWN, 1)), "",
        "<details><summary>Answers</summary>", "",
        *(f"{number}. {answer}" for number, answer in enumerate(ANSWERS, 1)), "",
        "Of these, the rule is right about 2 of 5, a coin about 2.5.", "", "</details>"])


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("game")
    done = build(folder, {"index.ipynb": json.dumps(page())})
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html" / "index.html"


@pytest.fixture
def visit(browser, site):
    opened, errors = [], []

    def visit(**options):
        opened.append(browser.new_page(**{"viewport": {"width": 1300, "height": 900}, **options}))
        opened[-1].on("pageerror", lambda error: errors.append(error))
        opened[-1].goto(site.as_uri())
        return opened[-1]

    yield visit
    for one in opened:
        one.close()
    assert errors == []


def table(page):
    return [[cell.strip() for cell in row.split("\t")]
            for row in page.locator(".play tbody tr").filter(visible=True).all_inner_texts()]


def reply(page):
    return visible(page.locator(".play [aria-live=polite]"))[0]


def test_without_a_script_the_records_stand_there_and_the_answers_are_folded(visit):
    page = visit(java_script_enabled=False)
    game = page.get_by_role("group", name="The game Which were members? Above 0.9 the rule")
    assert table(page) == [[str(number), shown] for number, shown in enumerate(SHOWN, 1)]
    assert visible(page.locator(".play thead th")) == ["Record", "Largest posterior"]
    assert visible(game.get_by_role("button")) == visible(game.locator("li")) == []
    game.locator("summary").focus()
    press(page, "Enter")
    assert visible(game.locator("details li")) == ANSWERS
    assert visible(game.locator("details > p")) == [
        "Of these, the rule is right about 2 of 5, a coin about 2.5."]


def test_a_game_by_keyboard(visit):
    page = visit()
    assert visible(page.locator(".play details")) == []
    assert visible(page.locator(".play thead th")) == [
        "Record", "Largest posterior", "It was", "You", "The rule"]
    assert table(page) == [["1", "0.9845", "", "", ""]]     # one record at a time
    page.get_by_role("button", name="Member", exact=True).focus()
    press(page, "Enter")
    assert table(page) == [["1", "0.9845", "member", "right", "right"],
                           ["2", "0.3000", "", "", ""]]
    assert reply(page) == ("Record 1 was a member: you are right, the rule is right. Score: you 1, "
                           "the rule 1, of 1. Next, record 2: 0.3000.")
    press(page, "Space")                                     # the focus stays on the button
    assert reply(page).startswith("Record 2 was a non-member: you are wrong, the rule is right. "
                                  "Score: you 1, the rule 2, of 2.")
    press(page, "Tab", "Enter", "Enter")
    assert "Score: you 2, the rule 2, of 4. Next, record 5: 0.9700." in reply(page)
    press(page, "Enter")
    assert table(page) == [
        ["1", "0.9845", "member", "right", "right"],
        ["2", "0.3000", "non-member", "wrong", "right"],
        ["3", "1.0000", "non-member", "right", "wrong"],
        ["4", "0.5724", "member", "wrong", "wrong"],
        ["5", "0.9700", "non-member", "right", "wrong"]]
    assert reply(page) == (
        "Record 5 was a non-member: you are right, the rule is wrong. You were right about 3 of 5, "
        "the rule about 2; a coin would be right about 2.5.")
    assert page.get_by_role("button", name="ember").count() == 0
    assert page.evaluate("document.activeElement.className") == "practice-reply"
    assert visible(page.locator(".play summary")) == ["Answers"]


def test_the_table_names_its_rows_and_columns(visit):
    page = visit()
    page.get_by_role("button", name="Non-member").click()
    assert page.get_by_role("columnheader").all_inner_texts() == [
        "Record", "Largest posterior", "It was", "You", "The rule"]
    assert page.get_by_role("rowheader").all_inner_texts() == ["1", "2"]
    assert page.get_by_role("cell", name="wrong").count() == 1


@pytest.mark.parametrize("guesses", [0, 3, 5])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_game_fits_a_phone(visit, guesses, scheme):
    page = visit(viewport={"width": 390, "height": 800}, has_touch=True, color_scheme=scheme)
    for _ in range(guesses):
        page.get_by_role("button", name="Non-member").tap()
    game = page.locator(".play").bounding_box()
    for box in page.locator(".play table").bounding_box(), page.locator(".play *:visible").last:
        box = box if isinstance(box, dict) else box.bounding_box()
        assert game["x"] <= box["x"] and box["x"] + box["width"] <= game["x"] + game["width"]
    for button in page.get_by_role("button", name=re.compile("ember")).all():
        assert button.bounding_box()["height"] >= 24


def test_nobody_is_kept_out(browser, site):
    assert faults(browser, site) == [] == barriers(browser, site)


def test_a_printed_game_has_its_records_and_no_answers(visit):
    page = visit()
    page.get_by_role("button", name="Member", exact=True).click()
    page.emulate_media(media="print")
    assert [row[:2] for row in table(page)] == [
        [str(number), shown] for number, shown in enumerate(SHOWN, 1)]
    words = page.locator(".play").inner_text()
    assert "Which were members?" in words and not re.search("Answers|Score|a coin", words)


@pytest.mark.parametrize("text, rounds, complaint", [
    (GAME.replace("} ten", "} gone"), JSON, "no cell of this page glues the rounds of a game"),
    (GAME, "[]", "a game needs at least one round"),
    (GAME.replace("Which were *members*? Above {glue:text}`cut` the rule says so.", ""), JSON,
     "Content block expected"),
    (GAME.replace(" ten", ""), JSON, "1 argument")])
def test_a_mistake_stops_the_build(tmp_path, text, rounds, complaint):
    done = build(tmp_path, {"index.ipynb": json.dumps(page(text, rounds))}, "dummy")
    assert done.returncode == 1 and complaint in done.stderr, done.stderr
