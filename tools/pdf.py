"""The published book as one PDF, through a headless Chromium.

    python -m tools.pdf _build/html _build/ml-leaks.pdf

All pages are put into one, in the order of the table of contents. Their anchors are renamed, so
that links from page to page stay links within the book.
"""

import re
import shutil
import sys
from pathlib import Path
from posixpath import dirname, join, normpath

import yaml
from bs4 import BeautifulSoup

CHROMIUMS = ["chromium", "chromium-browser", "google-chrome",
             "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
PAPER = """@page { size: A4; margin: 18mm 16mm; }
section.page { break-before: page; } section.page:first-of-type { break-before: auto; }"""


def chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def order(toc: dict, html: Path) -> list[str]:
    """The pages of a table of contents, from the root on."""
    def files(entries):
        for entry in entries:
            yield from [entry["file"]] if "file" in entry else sorted(
                path.relative_to(html).with_suffix("").as_posix()
                for path in html.glob(entry["glob"] + ".html"))
            yield from files(entry.get("sections", ()))
    return [toc["root"], *(file for part in toc["parts"] for file in files(part["chapters"]))]


def renamed(link: str, page: str, pages: list[str]) -> str:
    """Where a link of a page leads within the book."""
    if re.match(r"[a-z]+:", link):
        return link
    path, _, anchor = link.partition("#")
    target = beside(page, path).removesuffix(".html") if path else page
    if target not in pages:
        return beside(page, path)
    return f"#{slug(target)}" + f"-{anchor}" * bool(anchor)


def beside(page: str, path: str) -> str:
    """A path that a page gives, from the folder of the first page."""
    return normpath(join(dirname(page), path))


def slug(page: str) -> str:
    return re.sub(r"\W", "-", page)


def article(html: str, page: str, pages: list[str]):
    """A page's text as a section whose anchors no other page has."""
    found = BeautifulSoup(html, "html.parser").find("article")
    for node in found.find_all(id=True):
        node["id"] = f"{slug(page)}-{node['id']}"
    for node in found.find_all("a", href=True):
        node["href"] = renamed(node["href"], page, pages)
    for node in found.find_all("img", src=True):
        if not re.match(r"[a-z]+:", node["src"]):
            node["src"] = beside(page, node["src"])
    for node in found.find_all("svg"):   # what is referred to within a drawing was renamed, too
        for part in node.find_all(True):
            for name, value in part.attrs.items():
                if isinstance(value, str) and "#" in value:
                    part[name] = re.sub(r"(^|url\()#", rf"\1#{slug(page)}-", value)
    found.name, found.attrs = "section", {"class": "page", "id": slug(page)}
    return found


def whole(html: Path, pages: list[str]) -> str:
    """One page with the text of all."""
    read = {page: (html / f"{page}.html").read_text(encoding="utf-8") for page in pages}
    shell = BeautifulSoup(read[pages[0]], "html.parser")
    shell.html["data-theme"] = shell.html["data-mode"] = "light"
    for script in shell.find_all("script"):
        if "MathJax" not in (script.string or ""):
            script.decompose()
    math = next((page for page in pages if "tex-mml-chtml" in read[page]), None)
    if math:
        for script in BeautifulSoup(read[math], "html.parser").find_all("script"):
            if "MathJax" in (script.string or "") or "tex-mml-chtml" in script.get("src", ""):
                shell.head.append(script)
    shell.head.append(shell.new_tag("style", string=PAPER))
    shell.body.clear()
    main = shell.new_tag("main", attrs={"class": "bd-content bd-article"})
    main.extend(article(read[page], page, pages) for page in pages)
    shell.body.append(main)
    return str(shell)


def main(html: Path, pdf: Path) -> None:
    from playwright.sync_api import sync_playwright

    executable = chromium()
    if not executable:
        sys.exit("A PDF needs Chromium or Google Chrome, and there is none on PATH.")
    if not (html / "intro.html").is_file():
        sys.exit(f"A PDF needs the published book in {html}: make book")
    pages = order(yaml.safe_load(Path("_toc.yml").read_text(encoding="utf-8")), html)
    source = html / "whole.html"   # beside the pages, whose pictures and styles it uses
    source.write_text(whole(html, pages), encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable,
                                                 args=["--no-sandbox"])
            page = browser.new_page(color_scheme="light")
            page.set_default_timeout(300_000)
            page.goto(source.absolute().as_uri())
            page.evaluate("async () => { await window.MathJax?.startup?.promise; }")
            page.pdf(path=pdf, prefer_css_page_size=True, print_background=True, outline=True,
                     tagged=True)
            browser.close()
    finally:
        source.unlink()
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
