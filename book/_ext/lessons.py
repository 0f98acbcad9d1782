"""The line under a lesson's title: what it takes, computed, and where its practice is."""

import os
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools.lessons import facts, read

PRACTICE = "exercises"


def takes(found) -> str:
    """“9 minutes to read · 4 s to run on 2 CPU cores, no GPU, no download”."""
    read_in = f"{found.minutes} minute{'s' * (found.minutes != 1)} to read"
    if found.seconds is None:
        return read_in
    return (f"{read_in} · {max(1, round(found.seconds))} s to run on {os.cpu_count()} CPU cores, "
            "no GPU, no download")


class Lesson(SphinxDirective):
    """`:::{lesson}` with nothing in it."""

    def run(self):
        path = Path(self.env.doc2path(self.env.docname))
        line = nodes.paragraph(classes=["lesson"])
        line += nodes.emphasis(text=takes(facts(read(path))))
        practice = f"{PRACTICE}/{path.stem}"
        if (Path(self.env.srcdir) / f"{practice}.ipynb").exists():
            line += nodes.Text(" · ")
            line += addnodes.pending_xref(
                "", nodes.inline(text="practice"), refdomain="std", reftype="doc",
                reftarget=f"/{practice}", refexplicit=True, refwarn=True)
        return [line]


def setup(app):
    app.add_directive("lesson", Lesson)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
