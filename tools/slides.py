"""A deck of slides for each part of the book: questions, figures and take-aways of its lessons.

    python -m tools.slides SOURCE SLIDES

SOURCE holds the executed lessons. A deck loads reveal.js from the network; without it, it is one
long page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml
from nbconvert import SlidesExporter

from tools.lessons import read, source
from tools.plain import Book, Plain

REVEAL = "https://unpkg.com/reveal.js@4.6.1"
LESSON = re.compile(r"\d\d_")
QUESTION = re.compile(r"^\*{1,2}(?:The question[.:]\*{0,2} )?([^*?]+\?)", re.MULTILINE)
LOOK = re.compile(r"\A\*[^*]+\*(?!\*)")            # the line in italics that says where to look
POINT = re.compile(r"\*\*(?=[A-Z])[^*]{20,}\*\*")  # a whole sentence in bold
TAKE_AWAYS = re.compile(r"^## Take-aways\n+(.*?)(?:\n\n\*\*Further|\Z)", re.MULTILINE | re.DOTALL)


def parts(toc: dict) -> dict[str, list[str]]:
    """The lessons of each part that has some, by its name."""
    found = {part["caption"]: [entry["file"] for entry in part["chapters"]
                               if LESSON.match(entry.get("file", ""))] for part in toc["parts"]}
    return {name: pages for name, pages in found.items() if pages}


def deck(part: str, lessons: list[tuple[str, dict]], book: Book) -> dict:
    """A notebook of slides: the part's lessons, (page, executed notebook) each."""
    titles = "\n".join(f"- {book.titles[page]}" for page, _ in lessons)
    made = [_words("slide", f"# {part}\n\n{titles}")]
    for page, notebook in lessons:
        made += slides(notebook, Plain(notebook, page, book), book.titles[page])
    return nbformat.v4.new_notebook(cells=made)


def slides(notebook: dict, plain: Plain, title: str) -> Iterator:
    """Of one lesson: its title and question, its figures one below the other, its take-aways."""
    texts = [plain.text(source(cell)) if cell["cell_type"] == "markdown" else ""
             for cell in notebook["cells"]]
    question = next(filter(None, map(QUESTION.search, texts)), None)
    yield _words("slide", f"## {title}" + (f"\n\n*{question[1]}*" if question else ""))
    for place, cell in enumerate(notebook["cells"]):
        if drawn := list(drawings(cell)):
            yield from drawn
            yield from _read(next(filter(None, texts[place + 1:]), ""))
    ends = next(filter(None, map(TAKE_AWAYS.search, texts)), None)
    if ends:
        yield _words("subslide", f"### Take-aways\n\n{ends[1]}")


def drawings(cell) -> Iterator:
    """The drawings among a cell's outputs, each a slide; those that can be moved still can."""
    alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if "image/png" in data:
            drawn = _words("subslide", f"![{alt}](attachment:figure.png)")
            drawn["attachments"] = {"figure.png": {"image/png": "".join(data["image/png"])}}
            yield drawn
        elif 'class="flipbook"' in (html := "".join(data.get("text/html", ""))):
            drawn = nbformat.v4.new_code_cell(metadata={"slideshow": {"slide_type": "subslide"}})
            drawn["outputs"] = [nbformat.v4.new_output("display_data", {"text/html": html})]
            yield drawn


def _read(text: str) -> Iterator:
    """Where to look, at once; what is to be seen, when the teacher goes on."""
    if look := LOOK.match(text):
        yield _words("-", look[0])
    if point := POINT.search(text):
        yield _words("fragment", point[0])


def _words(kind, text):
    return nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def page(notebook) -> str:
    """The deck as HTML, without code."""
    exporter = SlidesExporter(exclude_input=True, exclude_input_prompt=True,
                              exclude_output_prompt=True, reveal_url_prefix=REVEAL)
    return exporter.from_notebook_node(notebook)[0]


def main(folder: str, out: str) -> None:
    folder, out, book = Path(folder), Path(out), Book(folder)
    out.mkdir(parents=True, exist_ok=True)
    toc = yaml.safe_load(Path("_toc.yml").read_text(encoding="utf-8"))
    for part, pages in parts(toc).items():
        lessons = [(one, read(folder / f"{one}.ipynb")) for one in pages]
        path = out / f"{part.lower().replace(' ', '_')}.html"
        path.write_text(page(deck(part, lessons, book)), encoding="utf-8")
        print(f"{path}: {len(pages)} lessons, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
