"""What a page's buttons give: its notebook, to work with alone; for a published copy, more.

With `repository_url` in `_config.yml` a page gets links to its source, to an edit and to an issue,
and a notebook to Colab and Binder, which open the branch `notebooks` of that repository: what is
in `_build/notebooks`.
"""

import shutil
from pathlib import Path

FOLDER = "_notebooks"
COLAB = "https://colab.research.google.com/github/{repository}/blob/notebooks/{page}.ipynb"
BINDER = "https://mybinder.org/v2/gh/{repository}/notebooks?urlpath=lab/tree/{page}.ipynb"


def made(app):
    return Path(app.srcdir).parent / "notebooks"


def copy_notebooks(app):
    if app.builder.format == "html" and made(app).exists():
        shutil.copytree(made(app), Path(app.outdir) / FOLDER, dirs_exist_ok=True,
                        ignore=lambda folder, names: [name for name in names if name[0] == "."])


def switch_on(app, config):
    if config.repository_url:
        config.html_theme_options |= {
            "repository_url": config.repository_url, "repository_branch": "main",
            "path_to_docs": "book", "use_repository_button": True, "use_issues_button": True,
            "use_edit_page_button": True}


def change_buttons(app, pagename, templatename, context, doctree):
    buttons = context.get("header_buttons", [])
    for button in [one for group in buttons for one in (group, *group.get("buttons", ()))]:
        if button.get("label") == "source-edit-button":
            button["url"] = button["url"].replace("/book/solutions/", "/book/exercises/")
    if not (made(app) / f"{pagename}.ipynb").exists():
        return
    name = pagename.rsplit("/", 1)[-1]
    for button in [one for group in buttons for one in group.get("buttons", ())]:
        if button.get("label") == "download-source-button":
            address = context["pathto"](f"{FOLDER}/{pagename}.ipynb", 1)
            # The theme's macro has no place for another attribute.
            button["url"] = f'{address}" download="{name}.ipynb'
            button["tooltip"] = "Download this page as a notebook that works alone"
    repository = app.config.repository_url.removeprefix("https://github.com/").strip("/")
    if app.config.repository_url:
        buttons.insert(0, {
            "type": "group", "label": "launch-buttons", "icon": "fas fa-rocket",
            "tooltip": "Open this page as a notebook elsewhere",
            "buttons": [{"type": "link", "text": text, "tooltip": f"Open in {text}",
                         "icon": icon, "label": f"launch-{text.lower()}-button",
                         "url": address.format(repository=repository, page=pagename)}
                        for text, icon, address in (("Colab", "fas fa-play", COLAB),
                                                    ("Binder", "fas fa-cloud", BINDER))]})


def setup(app):
    app.add_config_value("repository_url", "", "html", [str])
    app.connect("config-inited", switch_on, priority=400)
    app.connect("builder-inited", copy_notebooks)
    app.connect("html-page-context", change_buttons, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
