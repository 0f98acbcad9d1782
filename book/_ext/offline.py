"""MathJax and plotly.js out of installed packages, so that the site needs no network."""

import importlib.util
import shutil
from pathlib import Path

from docutils import nodes

VENDOR = Path("_static", "vendor")
MATHJAX = "tex-mml-chtml.js"
FONTS = Path("output", "chtml", "fonts", "woff-v2")
PLOTLY = "plotly.min.js"
FIGURE = 'class="plotly-figure"'    # what mlleaks_helpers.plots.show writes


def package(name: str) -> Path:
    return Path(importlib.util.find_spec(name).origin).parent


def copy_scripts(app):
    if app.builder.format != "html":
        return
    vendor = Path(app.outdir) / VENDOR
    mathjax = package("sphinx-mathjax-offline") / "static" / "mathjax"
    shutil.copytree(mathjax / FONTS, vendor / FONTS, dirs_exist_ok=True)
    shutil.copy(mathjax / MATHJAX, vendor)
    shutil.copy(package("plotly") / "package_data" / PLOTLY, vendor)


def add_plotly(app, pagename, templatename, context, doctree):
    if doctree and any(FIGURE in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_js_file(f"vendor/{PLOTLY}", priority=400)


def setup(app):
    app.config.mathjax_path = f"vendor/{MATHJAX}"
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
