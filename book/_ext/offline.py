"""MathJax out of an installed package, so that the site needs no network."""

import importlib.util
import shutil
from pathlib import Path

VENDOR = Path("_static", "vendor")
MATHJAX = "tex-mml-chtml.js"
FONTS = Path("output", "chtml", "fonts", "woff-v2")


def package(name: str) -> Path:
    return Path(importlib.util.find_spec(name).origin).parent


def copy_scripts(app):
    if app.builder.format != "html":
        return
    vendor = Path(app.outdir) / VENDOR
    mathjax = package("sphinx-mathjax-offline") / "static" / "mathjax"
    shutil.copytree(mathjax / FONTS, vendor / FONTS, dirs_exist_ok=True)
    shutil.copy(mathjax / MATHJAX, vendor)


def setup(app):
    app.config.mathjax_path = f"vendor/{MATHJAX}"
    app.connect("builder-inited", copy_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
