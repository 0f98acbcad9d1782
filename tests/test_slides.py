"""Decks of slides: what of a lesson is shown, in which order, and nothing of its code."""

import base64
import re

import pytest

from tools.plain import Book, Plain
from tools.slides import deck, page, parts, slides

PNG = base64.b64encode(b"not looked at").decode()
MOVED = '<figure class="flipbook"><p>moved</p></figure>'


def markdown(text):
    return {"cell_type": "markdown", "id": f"m{abs(hash(text))}", "metadata": {}, "source": text}


def code(text, *outputs, alt=""):
    metadata = {"mystnb": {"image": {"alt": alt}}} if alt else {}
    return {"cell_type": "code", "id": "c", "metadata": metadata, "source": text,
            "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}
                        for data in outputs]}


LESSON = {"metadata": {}, "cells": [
    markdown("(chapter-7)=\n# 7 · Why?\n\n:::{lesson}\n:::"),
    markdown("**The question.** Who is found, and\nwho is not?"),
    code("secret = 1", {"text/plain": "a table"}),
    code("plt.show()", {"image/png": PNG}, alt="A line goes up."),
    code("x = 2"),
    markdown("*Look at the end.* It rises. **Members stand at the very right end.** **So** it is."),
    code("flipbook()", {"text/html": MOVED}, {"text/html": "<table></table>"}),
    markdown("Nothing to point at."),
    markdown("## Take-aways\n\n1. One.\n2. Two.\n\n**Further reading.** None."),
]}


@pytest.fixture
def book(tmp_path):
    (tmp_path / "07_why.md").write_text("# 7 · Why?\n")
    return Book(tmp_path)


def kinds_and_texts(made):
    return [(cell["metadata"]["slideshow"]["slide_type"], cell["source"]) for cell in made]


def test_a_lesson_is_its_question_its_figures_and_its_take_aways(book):
    made = list(slides(LESSON, Plain(LESSON, "07_why", book), "7 · Why?"))
    assert kinds_and_texts(made) == [
        ("slide", "## 7 · Why?\n\n*Who is found, and\nwho is not?*"),
        ("subslide", "![A line goes up.](attachment:figure.png)"),
        ("-", "*Look at the end.*"),
        ("fragment", "**Members stand at the very right end.**"),
        ("subslide", ""),
        ("subslide", "### Take-aways\n\n1. One.\n2. Two.")]
    assert made[1]["attachments"] == {"figure.png": {"image/png": PNG}}
    assert [output["data"] for output in made[4]["outputs"]] == [{"text/html": MOVED}]


def test_a_question_in_italics_or_bold_alone(book):
    for text in ("*Who?*", "**Who?**", "**The question: Who?**"):
        lesson = {"metadata": {}, "cells": [markdown("# 7 · Why?"), markdown(text)]}
        [title] = slides(lesson, Plain(lesson, "07_why", book), "7 · Why?")
        assert title["source"] == "## 7 · Why?\n\n*Who?*"


def test_parts_are_those_with_lessons():
    toc = {"parts": [{"caption": "One", "chapters": [{"file": "01_a"}, {"file": "02_b"}]},
                     {"caption": "Practice", "chapters": [{"glob": "exercises/*"}]},
                     {"caption": "Two", "chapters": [{"file": "03_c"}, {"file": "status"}]}]}
    assert parts(toc) == {"One": ["01_a", "02_b"], "Two": ["03_c"]}


def test_a_deck_shows_all_and_no_code(book):
    html = page(deck("Less and less", [("07_why", LESSON), ("07_why", LESSON)], book))
    assert html.index("Less and less") < html.index("Who is found") < html.index(PNG)
    assert html.count(PNG) == html.count('alt="A line goes up."') == html.count("moved</p>") == 2
    assert "secret" not in html and "a table" not in html and "plt.show" not in html
    assert len(re.findall(r"<section\b", html)) == 2 + 2 * 5   # columns, and slides in them
