"""The pages of the book put into one: links, anchors and pictures of all of them."""

import re

import pytest

from tools.pdf import main, order, renamed, whole

PAGES = ["intro", "one", "more/two"]


def test_the_order_is_that_of_the_table_of_contents(tmp_path):
    (tmp_path / "made").mkdir()
    for name in "ba":
        (tmp_path / "made" / f"{name}.html").touch()
    toc = {"root": "intro", "parts": [
        {"chapters": [{"file": "one", "sections": [{"file": "more/two"}]}, {"file": "three"}]},
        {"chapters": [{"file": "four"}, {"glob": "made/*"}]}]}
    assert order(toc, tmp_path) == ["intro", "one", "more/two", "three", "four", "made/a",
                                    "made/b"]


@pytest.mark.parametrize("link, page, there", [
    ("#a", "one", "#one-a"), ("one.html", "intro", "#one"), ("one.html#a", "intro", "#one-a"),
    ("../one.html#a", "more/two", "#one-a"), ("more/two.html", "one", "#more-two"),
    ("_images/a.png", "one", "_images/a.png"), ("../_images/a.png", "more/two", "_images/a.png"),
    ("https://example.org/one.html#a", "one", "https://example.org/one.html#a")])
def test_links_lead_within_the_book(link, page, there):
    assert renamed(link, page, PAGES) == there


def write(folder):
    (folder / "more").mkdir()
    page = ('<html lang="en"><head><link rel="stylesheet" href="a.css"></head><body><nav>menu</nav>'
            '<article class="bd-article"><h1 id="top">{0}</h1><a href="{1}#top">next</a>'
            '<img src="{2}_images/a.png"><svg><path id="m"/><use xlink:href="#m"/>'
            '<g clip-path="url(#m)"/></svg></article>{3}</body></html>')
    for name, *rest in [("intro", "one.html", "", ""),
                        ("one", "more/two.html", "",
                         '<script>window.MathJax = {}</script><script src="tex-mml-chtml.js">'
                         "</script>"), ("more/two", "../one.html", "../", "")]:
        (folder / f"{name}.html").write_text(page.format(name, *rest), encoding="utf-8")


def test_one_page_has_the_text_of_all_with_anchors_of_their_own(tmp_path):
    write(tmp_path)
    made = whole(tmp_path, PAGES)
    ids = re.findall(r'id="(.*?)"', made)
    assert len(ids) == len(set(ids)) == 9
    assert set(re.findall(r'href="#(.*?)"', made)) <= set(ids)
    assert set(re.findall(r"url\(#(.*?)\)", made)) <= set(ids)
    assert re.findall(r"<h1.*?>(.*?)</h1>", made) == PAGES
    assert set(re.findall(r'src="(.*?)"', made)) == {"_images/a.png", "tex-mml-chtml.js"}
    assert "menu" not in made and made.count("window.MathJax") == 1 and "a.css" in made


def test_without_a_browser_or_a_book_one_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="needs Chromium or Google Chrome"):
        main(tmp_path, tmp_path / "book.pdf")
    monkeypatch.setattr("shutil.which", lambda name: "/bin/true")
    with pytest.raises(SystemExit, match="needs the published book"):
        main(tmp_path, tmp_path / "book.pdf")
