"""What a published page has besides its text: names, links, descriptions, and no dead weight."""

import json
import re
import shutil
import struct
from html import escape, unescape
from pathlib import Path

from docutils import nodes
from offline import MATHJAX
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

FOLDED = {"input": "code", "output": "output", "all": "code and output",
          "input+output": "code and output"}
IMAGE = re.compile(r'<img [^>]*?src="((?:\.\./)*_images/([^"]+))"[^>]*?>')
READABLE = 0.41   # of a picture's width at 144 dpi: 11-point labels are then 9 pixels high
LETTERS = 160     # of a description


def draws(cell):
    return any(cell.findall(nodes.image)) or any(
        'class="flipbook"' in raw.astext() for raw in cell.findall(nodes.raw))


class FoldedCells(SphinxPostTransform):
    """The bar of a folded cell says what is behind it. Before MyST-NB makes the bars (199)."""

    default_priority = 190
    formats = ("html",)

    def run(self):
        for cell in self.document.findall(nodes.container):
            if mode := cell.get("hide_mode"):
                what = "the plot's " * (mode == "input" and draws(cell)) + FOLDED[mode]
                cell["prompt_show"], cell["prompt_hide"] = f"Show {what}", f"Hide {what}"


class Captions(SphinxPostTransform):
    """An italic paragraph right after a cell that draws is the caption of its last picture."""

    default_priority = 300
    formats = ("html",)

    def run(self):
        for number, paragraph in enumerate(list(self.document.findall(nodes.paragraph))):
            cell = paragraph.previous_sibling()
            if (len(paragraph) == 1 and isinstance(paragraph[0], nodes.emphasis)
                    and isinstance(cell, nodes.container)
                    and (pictures := list(cell.findall(nodes.image)))):
                caption = nodes.caption("", "", *paragraph[0].children)
                pictures[-1].replace_self(nodes.figure(
                    "", pictures[-1].deepcopy(), caption, ids=[f"figure-{number}"]))
                paragraph.parent.remove(paragraph)


class RowHeaders(SphinxPostTransform):
    """The first column of a table names its rows, where it has words."""

    default_priority = 300
    formats = ("html",)

    def run(self):
        for table in self.document.findall(nodes.tgroup):
            firsts = [row[0] for row in table[-1] if row[0].astext()]
            if not any(isinstance(first[0][0], nodes.math) for first in firsts):
                next(table.findall(nodes.colspec))["stub"] = 1


def pixels(path):
    """Width and height of a PNG, or nothing."""
    head = path.read_bytes()[:24]
    return struct.unpack(">II", head[16:]) if head[1:4] == b"PNG" else None


def enlarge(body, sources):
    """Each picture is a link to itself, knows its size, and stays readable on a phone."""
    def link(found):
        image, address, name = found[0], found[1], found[2]
        if name in sources and (size := pixels(sources[name])):
            image = image.replace("<img ", f'<img width="{size[0]}" height="{size[1]}" style='
                                  f'"height: auto; min-width: {READABLE * size[0]:.0f}px" ', 1)
        return f'<a class="full-size" href="{address}">{image}</a>'
    return re.sub(r"<a [^>]*image-reference.*?</a>|" + IMAGE.pattern,
                  lambda it: link(it) if it[1] else it[0], body, flags=re.S)


def repair(body):
    """What the writers of others leave: names that are not what one sees, empty headers."""
    body = body.replace(' aria-label="Toggle hidden content"', "")
    body = re.sub(r"<th\b([^>]*)>(\s*(?:<p>\s*</p>)?\s*)</th>", r"<td\1>\2</td>", body)
    body = body.replace('<th class="stub">', '<th class="stub" scope="row">')
    body = re.sub(r'(<div role="list" class="citation-list|<div class="citation-list" role="list)',
                  '<div class="citation-list', body)
    return body.replace(' role="doc-biblioentry"', "")


def described(doctree):
    """The beginning of a page: its first paragraph of prose, in whole words."""
    words = next((paragraph.astext() for paragraph in doctree.findall(nodes.paragraph)
                  if "lesson" not in paragraph["classes"] and len(paragraph.astext()) > 40),
                 "").split()
    while len(" ".join(words)) > LETTERS:
        words[-2:] = [words[-2].rstrip(",;:–") + " …"] if words[-1] != "…" else [words[-2]]
    return " ".join(words)


def hero(app):
    """The first picture of the book, where the site will have it."""
    first = app.config.root_doc
    return next((f"_images/{app.env.images[image['uri']][1]}"
                 for page in [first, *app.env.toctree_includes.get(first, [])]
                 for image in app.env.get_doctree(page).findall(nodes.image)
                 if image["uri"] in app.env.images), None)


def card(app, pagename, title, text):
    """Description, and what a shared link shows. Addresses are whole where the site has one."""
    base = app.config.html_baseurl
    facts = {"og:title": title, "og:description": text, "og:type": "article",
             "og:site_name": app.config.project, "og:image": app.finish_hero and
             (base or "../" * pagename.count("/")) + app.finish_hero,
             "og:url": base and f"{base}{pagename}.html"}
    lines = [f'<meta name="description" content="{escape(text)}">',
             *(f'<meta property="{name}" content="{escape(value)}">'
               for name, value in facts.items() if value)]
    return "\n".join(lines)


# ---------------------------------------------------------------- the search

SILENT = (nodes.section, nodes.title, nodes.literal_block, nodes.raw, nodes.math,
          nodes.math_block, nodes.comment, addnodes.glossary)
FOR_THE_HAND = {"details", "button", "table"}   # of quizzes and the game
SEARCH = Path(__file__).with_name("search.js").read_text(encoding="utf-8")
CLAIM = re.compile(r'<details class="claim" id="(claim-(\d+))">(.*?)</details>', re.S)


def is_silent(node):
    """Whether what a node holds is no prose: code, drawings, answers, what a lesson takes."""
    return isinstance(node, SILENT) or (isinstance(node, nodes.Element) and (
        node.get("tag") in FOR_THE_HAND or "lesson" in node["classes"]))


def prose(node):
    """The text of a section, without its subsections, its code and what is drawn."""
    if isinstance(node, nodes.Text):
        return node.astext()
    apart = "" if isinstance(node, nodes.TextElement) else " "
    return apart.join(prose(child) for child in node.children if not is_silent(child))


def sections(page, doctree):
    """(address, title, anchor, heading, text) of each section, term and claim of a page."""
    first = next(doctree.findall(nodes.title), None)
    title = first.astext() if first else page
    for section in doctree.findall(nodes.section):
        anchor = "" if section.parent is doctree else section["ids"][0]
        yield page, title, anchor, section[0].astext(), " ".join(prose(section).split())
    for item in doctree.findall(nodes.definition_list_item):
        if item[0].get("ids"):
            names = ", ".join(term.astext() for term in item.findall(nodes.term))
            yield page, title, item[0]["ids"][0], names, " ".join(prose(item[-1]).split())
    for raw in doctree.findall(nodes.raw):
        for anchor, number, html in CLAIM.findall(raw.astext()):
            text = re.sub(r"\s+", " ", unescape(re.sub("<.*?>", " ", html))).strip()
            yield page, title, anchor, f"Claim {number}", text


def finish(app, pagename, templatename, context, doctree):
    if pagename == "search":
        app.add_js_file("search.js", priority=900, loading_method="defer")
    if pagename == app.config.root_doc:
        context["docstitle"] = None   # it would stand twice in the name of the window
    if not doctree:
        return
    app.finish_sections += sections(f"{pagename}.html", doctree)
    sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
    if 'class="math' not in context["body"]:   # asked for by what other builders would show
        context["script_files"][:] = [script for script in context["script_files"]
                                      if MATHJAX not in str(getattr(script, "filename", ""))]
    context["body"] = enlarge(repair(context["body"]), sources)
    title = re.sub("<.*?>", "", context["title"])
    context["metatags"] += "\n" + card(app, pagename, title, described(doctree))


def find_hero(app, env):
    app.finish_hero = hero(app)


def lighten(app, error):
    """No maps of scripts that nobody debugs here, no languages that the book is not in."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in static.rglob("*.map"):
        path.unlink()
    shutil.rmtree(static / "locales", ignore_errors=True)
    Path(app.outdir, "searchindex.js").write_text("")  # loaded on all pages; search.js needs none
    found = json.dumps(app.finish_sections, ensure_ascii=False, separators=(",", ":"))
    (static / "search.js").write_text(f"const SECTIONS = {found};\n{SEARCH}", encoding="utf-8")


def setup(app):
    app.finish_hero, app.finish_sections = None, []
    for transform in FoldedCells, Captions, RowHeaders:
        app.add_post_transform(transform)
    app.connect("env-updated", find_hero)
    app.connect("html-page-context", finish, priority=900)
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
