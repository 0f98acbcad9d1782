"""The page that says what the build measured."""

import re

import nbformat
import numpy
import pytest
import sklearn

from tools import status


def notebook(seconds=None, day="2026-01-02"):
    cell = nbformat.v4.new_code_cell("x = 1\ny = 2")
    if seconds is not None:
        cell.metadata["execution"] = {
            "iopub.status.busy": f"{day}T10:00:00Z",
            "shell.execute_reply": f"{day}T10:00:{seconds:02}Z"}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("word " * 150), cell])


@pytest.fixture
def page(tmp_path):
    (tmp_path / "exercises").mkdir()
    (tmp_path / "solutions").mkdir()
    for name, made in {"02_two": notebook(12), "01_one": notebook(7, "2026-01-03"),
                       "evidence_1_a": notebook(3), "solutions/01_one": notebook(4),
                       "exercises/01_one": notebook()}.items():
        nbformat.write(made, tmp_path / f"{name}.ipynb")
    return status.page(tmp_path)


def test_lessons_in_order_with_what_they_take(page):
    lessons = page.split("## Lessons")[1].split("## Other")[0]
    assert [line for line in lessons.split("\n") if "{doc}" in line] == [
        "| {doc}`/01_one` | 150 | 2 | 0 | 2 | 2 | 0 | 2 | 7 |",
        "| {doc}`/02_two` | 150 | 2 | 0 | 2 | 2 | 0 | 2 | 12 |"]


def test_other_pages_with_their_seconds_and_none_that_was_not_executed(page):
    assert [line for line in page.split("## Other")[1].split("\n") if "{doc}" in line] == [
        "| {doc}`/evidence_1_a` | 3 |", "| {doc}`/solutions/01_one` | 4 |"]
    assert "/exercises/" not in page


def test_the_machine(page):
    machine = dict(re.findall(r"^\| ([\w -]+) \| (.*) \|$", page.split("## Lessons")[0], re.M))
    assert machine["executed"] == "2026-01-03" and machine["all pages"] == "26 s"
    assert (machine["NumPy"], machine["scikit-learn"]) == (numpy.__version__, sklearn.__version__)
    assert re.fullmatch(r"3\.\d+\.\d+", machine["Keras"])
    assert re.fullmatch(r"2\.\d+\.\d+", machine["TensorFlow"])
    assert re.fullmatch(r"\d+ \(\w+\)", machine["processors"])


def test_what_is_not_installed_is_said():
    assert status.version(["no-such-package"]) == "not installed"
    assert status.version(["no-such-package", "numpy"]) == status.version(["numpy"])
