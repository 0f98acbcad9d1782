"""The lines under titles: what a lesson or its exercises take, computed, and where the rest is."""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools.exercises import minutes
from tools.lessons import facts, read, takes

PRACTICE, SOLUTIONS, MADE = "exercises", "solutions", "_notebooks"


class Line(SphinxDirective):
    """A paragraph: what the page takes, and links."""

    def line(self, takes, *links):
        line = nodes.paragraph("", "", nodes.emphasis(text=takes), classes=["lesson"])
        for link in links:
            line += [nodes.Text(" · "), link]
        return [line]

    def page(self, name, text):
        return addnodes.pending_xref(
            "", nodes.inline(text=text), refdomain="std", reftype="doc",
            reftarget=f"/{name}", refexplicit=True, refwarn=True)

    def path(self):
        return Path(self.env.doc2path(self.env.docname))


class Lesson(Line):
    """`:::{lesson}` with nothing in it."""

    def run(self):
        path = self.path()
        practice = f"{PRACTICE}/{path.stem}"
        is_there = (Path(self.env.srcdir) / f"{practice}.ipynb").exists()
        return self.line(takes(facts(read(path))),
                         *([self.page(practice, "practice")] if is_there else []))


class Work(Line):
    """`:::{work}`, which the tools put on the pages of exercises and of solutions."""

    def run(self):
        path = self.path()
        other = {PRACTICE: SOLUTIONS, SOLUTIONS: PRACTICE}[path.parent.name]
        address = f"../{MADE}/{self.env.docname}.ipynb"
        download = nodes.raw("", f'<a href="{address}" download>download the notebook</a> '
                             "or open it with <code>make lab</code>", format="html")
        return self.line(f"{minutes(read(path))} minutes in all", self.page(path.stem, "lesson"),
                         self.page(f"{other}/{path.stem}", other), download)


def setup(app):
    app.add_directive("lesson", Lesson)
    app.add_directive("work", Work)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
