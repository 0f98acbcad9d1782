"""The directives of practice: a small site is built, then used by keyboard, mouse and touch."""

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import yaml
from test_site import faults

ROOT = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "sphinx_togglebutton", "sphinx_copybutton", "sphinx_book_theme",
              "offline", "practice"]
html_theme = "sphinx_book_theme"
html_context = {{"default_mode": "auto"}}
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_css_files = ["custom.css", "practice.css"]
html_js_files = ["practice.js"]
myst_enable_extensions = {CONFIG["parse"]["myst_enable_extensions"]}
nb_execution_mode = "off"
project = "Test"
"""

LESSON = """# A lesson

Some {term}`posteriors <posterior>`, a {term}`shadow model`; see the {doc}`plain page <plain>`.

:::{predict} how-many
How many does it find at $p > .9$?
- fewer than half
- two thirds of $n$
- nearly all
:::

:::{predict} share
:number: a share between 0 and 1
Which share is falsely accused?

Think of the easy ones.
:::

:::{threat} Adversary 1
:struck: many, structure, labels
She trains one {term}`shadow model`.
:::

:::{threat} The baseline
Ten shadows.
:::

:::{predicted} how-many
All: **the answer**.
:::

:::{predicted} share
About .01.
:::

:::{quiz}
Why does the "attack" fail? Mind $x^2$.

A second paragraph.

- ( ) The target `forgets`

  It does *not*, see {term}`posterior`: $y$.
- (x) She asks about easy records

  They are above.

  And so on.
- ( ) It does not

  - It does.
:::

```{toctree}
glossary
plain
notebook
```
"""

GLOSSARY = """# Glossary

```{glossary}
posterior
  What a *model* answers, see {term}`shadow model`.

base rate
prevalence
  A share, $e^{\\varepsilon}$.

shadow model
  A mimic.

  (anchor)=
  A second paragraph.

unused
  Nobody links here.
```
"""

PLAIN = """# Plain

A {term}`prevalence`, far from any formula.
"""

QUIZ_IN_A_CELL = """# Notebook

:::{quiz}
How many?

- ( ) All of {glue:text}`seven`

  No.
- (x) None

  {glue:text}`seven` say so.
:::
"""


def cell(kind, source, **more):
    return {"cell_type": kind, "id": f"{kind}-1", "metadata": {}, "source": source, **more}


NOTEBOOK = {
    "cells": [
        cell("markdown", QUIZ_IN_A_CELL),
        cell("code", "glue('seven', 7)", execution_count=1, outputs=[{
            "output_type": "display_data", "data": {"text/plain": "7"},
            "metadata": {"scrapbook": {"mime_prefix": "", "name": "seven"}}}]),
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"},
                 "language_info": {"name": "python"}},
    "nbformat": 4, "nbformat_minor": 5,
}


def build(folder, pages, builder="html"):
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "conf.py").write_text(CONF, encoding="utf-8")
    for name, page in pages.items():
        (source / name).write_text(page, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", builder,
         source, folder / builder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("practice")
    done = build(folder, {"index.md": LESSON, "glossary.md": GLOSSARY, "plain.md": PLAIN,
                          "notebook.ipynb": json.dumps(NOTEBOOK)})
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


@pytest.fixture
def visit(browser, site):
    """Opens a page of the site; a script's error fails the test."""
    contexts, errors = [], []

    def visit(name="index", before=None, **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1300, "height": 900},
                                                **options}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: "practice.js" in (error.stack or "")
                and errors.append(error))
        if before:
            page.add_init_script(before)
        page.goto((site / f"{name}.html").as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate("async () => { await window.MathJax?.startup?.promise; }")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def visible(locator):
    """The texts that one sees, in plain letters, with or without a typeset formula."""
    texts = [unicodedata.normalize("NFKC", " ".join(text.split()))
             for text in locator.filter(visible=True).all_inner_texts()]
    return [re.sub(r"\\[()]|\s+(?=[.?](\s|$))", "", text) for text in texts]


# ---------------------------------------------------------------- the site


def test_the_book_has_the_extension():
    assert CONFIG["sphinx"]["local_extensions"]["practice"] == "book/_ext"
    assert "practice" in CONFIG["sphinx"]["config"]["extensions"]


@pytest.mark.parametrize("name", ["index", "plain", "notebook", "glossary"])
def test_pages_have_no_faults(browser, site, name):
    assert faults(browser, site / f"{name}.html") == []


@pytest.mark.parametrize("name", ["index", "glossary"])
def test_no_id_is_there_twice(visit, name):
    page = visit(name)
    for button in page.get_by_role("button", name="Check").all():
        page.locator("details em").evaluate("node => node.id = 'once'")
        page.get_by_label("The target").check()
        button.click()
    ids = page.locator("[id]").evaluate_all("nodes => nodes.map(node => node.id)")
    assert len(ids) == len(set(ids))


def test_other_builders_see_the_text_only(site):
    done = build(site.parent, {}, "text")
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join((site.parent / "text" / "index.txt").read_text(encoding="utf-8").split())
    for part in ["How many does it find", "nearly all", "not needed: many shadow models",
                 "**Right.** They are above.", "About .01."]:
        assert part in words
    assert not re.search("Check|Clear|You said", words)


# ---------------------------------------------------------------- quiz

ANSWERS = [
    "The target forgets Not quite. It does not, see posterior: y.",
    "She asks about easy records Right. They are above. And so on.",
    "It does not Not quite. It does.",
]


def test_a_quiz_without_a_script(visit):
    page = visit(java_script_enabled=False)
    quiz = page.get_by_role("group", name="Quiz Why does the “attack” fail?")
    assert visible(quiz.locator("label")) == [
        "The target forgets", "She asks about easy records", "It does not"]
    assert visible(quiz.get_by_text("A second paragraph.")) == ["A second paragraph."]
    assert visible(page.locator(".practice button")) == visible(quiz.locator("details li")) == []
    quiz.locator("summary").focus()
    press(page, "Enter")
    assert visible(quiz.locator("details > ul > li")) == ANSWERS


def test_a_quiz_answers_the_keyboard(visit):
    page = visit()
    quiz = page.locator(".quiz")
    reply = quiz.locator("[aria-live=polite]")
    assert visible(quiz.locator("details")) == visible(reply) == []
    quiz.get_by_role("radio").first.focus()
    for answer in ANSWERS:
        press(page, "Space" if answer == ANSWERS[0] else "ArrowDown")
        assert visible(reply) == []     # to move through the choices is not to answer
        press(page, "Enter")
        assert answer.endswith(visible(reply)[0])
        assert re.match(r"(Right|Not quite)\. ", visible(reply)[0])
    press(page, "ArrowUp", "Tab", "Enter")
    assert visible(reply) == ["Right. They are above. And so on."]


def test_a_quiz_waits_for_a_choice(visit):
    page = visit()
    page.get_by_role("button", name="Check").click()
    reply = page.locator(".quiz .practice-reply")
    assert visible(reply) == ["Choose an answer first."]
    page.get_by_label("It does not").check()
    assert visible(reply) == []


def test_a_reply_keeps_formulas_and_links(visit):
    page = visit()
    page.get_by_label("The target").check()
    page.get_by_role("button", name="Check").click()
    reply = page.locator(".quiz .practice-reply")
    assert reply.locator("mjx-container").count() == reply.locator("a").count() == 1


def test_a_quiz_in_a_notebook_has_the_computed_number(visit):
    page = visit("notebook")
    page.get_by_label("All of 7").check()
    page.get_by_role("button", name="Check").click()
    assert visible(page.locator(".practice-reply")) == ["Not quite. No."]
    page.get_by_label("None").check()
    press(page, "Enter")
    assert visible(page.locator(".practice-reply")) == ["Right. 7 say so."]


def test_two_quizzes_are_two_groups(visit):
    page = visit()
    for label in "nearly all", "easy records":
        page.get_by_label(label).check()
    assert page.locator("input:checked").count() == 2


# ---------------------------------------------------------------- predict and predicted


def test_a_prediction_comes_back_by_keyboard(visit):
    page = visit()
    first = page.get_by_role("group", name="Your prediction How many")
    assert visible(page.locator(".said")) == []
    first.get_by_role("radio").first.focus()
    press(page, "ArrowDown")
    assert visible(page.locator(".said")) == ["You said: two thirds of n"]
    assert visible(first.locator("[aria-live=polite]")) == [
        "Noted. It comes back with the answer, further down."]
    press(page, "ArrowDown")
    assert visible(page.locator(".predicted")) == ["You said: nearly all All: the answer.",
                                                   "About .01."]
    page.reload()
    assert visible(page.locator(".said")) == ["You said: nearly all"]
    assert first.get_by_label("nearly all").is_checked()
    first.get_by_label("nearly all").focus()
    press(page, "Tab", "Enter")
    assert visible(page.locator(".said")) == visible(first.get_by_role("button")) == []
    assert visible(first.locator("[aria-live=polite]")) == []
    assert first.get_by_role("radio").first.evaluate("node => node === document.activeElement")
    page.reload()
    assert visible(page.locator(".said")) == []
    assert page.locator("input:checked").count() == 0


def test_a_predicted_number_comes_back(visit):
    page = visit()
    second = page.get_by_role("group", name="Your prediction Which share")
    assert visible(second.get_by_text("Think of")) == ["Think of the easy ones."]
    second.get_by_role("spinbutton", name="a share between 0 and 1").focus()
    press(page, "0", ".", "2", "5")
    assert visible(page.locator(".predicted")) == ["All: the answer.", "You said: 0.25 About .01."]
    page.reload()
    assert second.get_by_role("spinbutton").input_value() == "0.25"
    assert visible(page.locator(".said")) == ["You said: 0.25"]
    second.get_by_role("button", name="Clear").click()
    assert second.get_by_role("spinbutton").input_value() == ""
    page.reload()
    assert visible(page.locator(".said")) == []


def test_a_prediction_keeps_its_formula(visit):
    page = visit()
    page.get_by_label("two thirds").check()
    for _ in range(2):
        page.wait_for_function("document.querySelector('.said mjx-container')")
        assert visible(page.locator(".said")) == ["You said: two thirds of n"]
        page.reload()


@pytest.mark.parametrize("storage", ["throw new Error('no')", "return undefined"])
def test_a_prediction_needs_no_storage(visit, storage):
    page = visit(before="Object.defineProperty(window, 'localStorage', "
                        f"{{ get() {{ {storage} }} }})")
    page.get_by_label("nearly all").check()
    assert visible(page.locator(".said")) == ["You said: nearly all"]
    page.reload()
    assert visible(page.locator(".said")) == []


def test_a_prediction_that_is_no_choice_any_more_is_forgotten(visit):
    page = visit()
    page.get_by_label("nearly all").check()
    page.evaluate("localStorage.setItem(Object.keys(localStorage).find("
                  "key => key.endsWith('how-many')), '3. gone')")
    page.reload()
    assert page.locator("input:checked").count() == 0


def test_predictions_without_a_script(visit):
    page = visit(java_script_enabled=False)
    assert visible(page.locator(".predicted")) == ["All: the answer.", "About .01."]
    assert visible(page.locator(".predict [for]")) == [
        "fewer than half", "two thirds of n", "nearly all", "a share between 0 and 1"]


# ---------------------------------------------------------------- threat

LINES = [
    "the target’s posteriors", "the true label of each record she asks about",
    "the target’s structure and recipe", "labelled data of the target’s distribution",
    "many shadow models", "any shadow model at all", "any data at all",
]


def test_a_card_strikes_what_is_not_needed(visit):
    page = visit()
    first, baseline = (page.get_by_role("group", name=f"{name}: what she needs")
                       for name in ("Adversary 1", "The baseline"))
    assert visible(baseline.locator("li")) == LINES
    assert baseline.locator("s").count() == 0
    assert visible(first.locator("li")) == [
        f"not needed: {line}" if number in {1, 2, 4} else line for number, line in enumerate(LINES)]
    assert visible(first.locator("s")) == [f"not needed: {LINES[i]}" for i in (1, 2, 4)]
    hidden = first.locator("s > :first-child").first.bounding_box()
    assert hidden["width"] <= 1 and hidden["height"] <= 1
    assert "one shadow model" in first.inner_text()


# ---------------------------------------------------------------- print


def test_a_printed_quiz_has_no_answers(visit):
    page = visit()
    page.get_by_label("easy records").check()
    page.get_by_role("button", name="Check").click()
    page.emulate_media(media="print")
    words = " ".join(visible(page.locator(".quiz, .predict")))
    assert "She asks about easy records" in words and "fewer than half" in words
    assert not re.search("Right|Not quite|Answers|Check|Clear", words)


# ---------------------------------------------------------------- tool tips

TIP = "[role=tooltip]"
WRITTEN = {"posteriors": "What a model answers, see shadow model.",
           "shadow model": "A mimic. A second paragraph."}


def linked(page, words):
    return page.locator("section > p a", has_text=words)


@pytest.mark.parametrize("words", WRITTEN)
def test_a_term_says_what_it_means_under_the_mouse(visit, words):
    page = visit()
    link, tip = linked(page, words), page.locator(TIP)
    assert visible(tip) == []
    link.hover()
    assert visible(tip) == [WRITTEN[words]]
    assert tip.filter(visible=True).locator("a").count() == 0
    assert tip.filter(visible=True).get_attribute("id") == link.get_attribute("aria-describedby")
    tip.filter(visible=True).hover()
    page.wait_for_timeout(500)
    assert visible(tip) == [WRITTEN[words]]         # it can be read, and selected
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    assert visible(tip) == []


def test_a_term_says_what_it_means_to_the_keyboard(visit):
    page = visit()
    tip = page.locator(TIP)
    linked(page, "posteriors").evaluate("node => node.focus()")
    press(page, "Shift+Tab", "Tab")
    assert visible(tip) == [WRITTEN["posteriors"]]
    page.mouse.move(5, 5)
    linked(page, "posteriors").hover()
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    assert visible(tip) == [WRITTEN["posteriors"]]  # the focus is still there
    press(page, "Escape")
    assert visible(tip) == []
    press(page, "Tab")
    assert visible(tip) == [WRITTEN["shadow model"]]
    press(page, "Tab")
    assert visible(tip) == []


def test_escape_closes_what_the_mouse_opened(visit):
    page = visit()
    linked(page, "posteriors").hover()
    press(page, "Escape")
    assert visible(page.locator(TIP)) == []


def test_a_touch_follows_the_link(visit):
    page = visit(has_touch=True, viewport={"width": 390, "height": 800})
    page.evaluate("""() => { window.seen = []; new MutationObserver(() => seen.push(
        ...document.querySelectorAll('[role=tooltip]:not([hidden])')))
        .observe(document.body, {subtree: true, attributes: true, childList: true});
        document.addEventListener('click', (event) => {
          window.prevented = event.defaultPrevented; event.preventDefault(); }) }""")
    linked(page, "posteriors").tap()
    page.wait_for_timeout(300)
    assert page.evaluate("[seen.length, window.prevented]") == [0, False]


@pytest.mark.parametrize("width", [390, 1300])
def test_a_definition_stays_on_the_page_and_off_its_link(visit, width):
    page = visit(viewport={"width": width, "height": 500})
    page.add_style_tag(content="section > p { padding: 900px 0; text-align: right; }")
    for scroll in "start", "end":       # at the bottom of the window there is room above only
        for words in WRITTEN:
            link = linked(page, words)
            link.evaluate("(node, block) => node.scrollIntoView({block})", scroll)
            link.hover()
            page.wait_for_timeout(400)
            box = page.locator(TIP).filter(visible=True).bounding_box()
            line = link.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            assert box["y"] >= 0 and box["y"] + box["height"] <= 500
            assert box["y"] >= line["y"] + line["height"] - 1 or \
                box["y"] + box["height"] <= line["y"] + 1


def test_a_definition_brings_its_formula(visit):
    page = visit("plain")
    page.get_by_role("link", name="prevalence").hover()
    page.wait_for_selector(f"{TIP} mjx-container")
    assert page.locator(TIP).count() == 1
    assert "A share, " in visible(page.locator(TIP))[0]


def test_a_page_without_terms_carries_no_definitions(site):
    assert TIP[1:-1].replace("=", '="') not in (site / "notebook.html").read_text(encoding="utf-8")


def test_definitions_are_not_searched(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert re.search('"mimic": ?0', index)      # on the first page, the glossary, and no other


# ---------------------------------------------------------------- errors

CHOICES = "- ( ) A\n\n  No.\n- (x) B\n\n  Yes.\n"
PREDICT, PREDICTED = ":::{predict} a\nWhat?\n- A\n- B\n:::\n", ":::{predicted} a\nB.\n:::\n"
WRONG = {
    "no prediction": (PREDICTED, "predicted a: no predict a on this page"),
    "no answer": (PREDICT, "predict a: no predicted a on this page"),
    "prediction twice": (PREDICT * 2 + PREDICTED, "a: this id is taken on this page"),
    "answer twice": (PREDICT + PREDICTED * 2, "a: this id is taken on this page"),
    "two right": (f":::{{quiz}}\nQ?\n{CHOICES.replace('( )', '(x)')}:::\n",
                  "exactly one choice is marked (x), not 2"),
    "none right": (f":::{{quiz}}\nQ?\n{CHOICES.replace('(x)', '( )')}:::\n",
                   "exactly one choice is marked (x), not 0"),
    "no mark": (f":::{{quiz}}\nQ?\n{CHOICES.replace('(x) ', '')}:::\n",
                "choice 2 must begin with ( ) or (x)"),
    "odd mark": (f":::{{quiz}}\nQ?\n{CHOICES.replace('( )', '(o)')}:::\n",
                 "choice 1 must begin with ( ) or (x)"),
    "no reply": (":::{quiz}\nQ?\n- ( ) A\n\n  No.\n- (x) B\n:::\n", "choice 2 has no reply"),
    "no question": (f":::{{quiz}}\n{CHOICES}:::\n", "quiz: begin with the question"),
    "no choices": (":::{quiz}\nQ?\n:::\n", "quiz: the list of choices must be there"),
    "text after the choices": (f":::{{quiz}}\nQ?\n{CHOICES}\nMore.\n:::\n", "and come last"),
    "one choice": (":::{quiz}\nQ?\n- (x) B\n\n  Yes.\n:::\n", "two or more choices"),
    "no list": (":::{predict} a\nWhat?\n:::\n" + PREDICTED, "predict: the list of choices"),
    "list and number": (PREDICT.replace("What?", ":number: x\nWhat?") + PREDICTED,
                        "a list of choices or :number:, not both"),
    "reply in a prediction": (PREDICT.replace("- A", "- A\n\n  No.") + PREDICTED,
                              "a choice is one paragraph"),
    "unknown line": (":::{threat} X\n:struck: many, lables\nShe.\n:::\n",
                     "unknown in :struck: lables; there are answers, labels, structure"),
    "unknown option": (":::{threat} X\n:strike: many\nShe.\n:::\n", "strike"),
    "no name": (":::{threat}\n:struck: many\nShe.\n:::\n", "1 argument"),
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    pages = {f"{name.replace(' ', '-')}.md": f"---\norphan: true\n---\n# Page\n\n{text}"
             for name, (text, _) in WRONG.items()}
    done = build(tmp_path_factory.mktemp("wrong"), {"index.md": "# Index\n", **pages}, "dummy")
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_stops_the_build(complaints, name):
    page = f"{name.replace(' ', '-')}.md"
    said = [line for line in complaints.splitlines() if f"/{page}:" in line]
    assert any(WRONG[name][1] in line for line in said), said
    assert re.search(rf"{page}:\d+: (ERROR|WARNING)", said[0])
