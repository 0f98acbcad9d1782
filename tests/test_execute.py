"""Executing a notebook."""

import json

import pytest
from nbclient.exceptions import CellExecutionError

from tools.execute import execute


def written(folder, *sources):
    path = folder / "book" / "page.ipynb"
    path.parent.mkdir()
    cells = [{"cell_type": "code", "id": f"c{i}", "source": source, "metadata": {}, "outputs": [],
              "execution_count": None} for i, source in enumerate(sources)]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4,
                                "nbformat_minor": 5}))
    return path


def test_answers_and_times_are_kept_and_the_notebook_is_left_alone(tmp_path):
    path = written(tmp_path, "import os", "print(os.path.basename(os.getcwd()))",
                   "from myst_nb import glue\nglue('three', 3, display=False)")
    before = path.read_text()
    execute(path, tmp_path / "done.ipynb")
    _, said, glued = json.loads((tmp_path / "done.ipynb").read_text())["cells"]
    assert said["outputs"][0]["text"] == ["book\n"]
    assert {"iopub.execute_input", "shell.execute_reply"} <= said["metadata"]["execution"].keys()
    assert glued["outputs"][0]["metadata"]["scrapbook"]["name"] == "three"
    assert path.read_text() == before


def test_the_first_cell_that_fails_stops_it_and_nothing_is_written(tmp_path):
    path = written(tmp_path, "1 / 0", "print('on')")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(path, tmp_path / "done.ipynb")
    assert not (tmp_path / "done.ipynb").exists()


def test_names_of_the_start_are_not_left_to_the_reader(tmp_path):
    execute(written(tmp_path, "'sys' in globals()"), tmp_path / "done.ipynb")
    [cell] = json.loads((tmp_path / "done.ipynb").read_text())["cells"]
    assert cell["outputs"][0]["data"]["text/plain"] == ["False"]
