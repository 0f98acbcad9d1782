"""An assignment of two questions, and notebooks that students might hand in."""

import json
from pathlib import Path

import nbformat

from course.assignment import Assignment
from tools import exercises
from tools.lessons import written

GIVEN = '''
import numpy as np

def visible(seed):
    return _made(seed, 0)

def hidden(seed):
    return _made(seed, 1)

def _made(seed, purpose):
    rng = np.random.default_rng((seed, purpose))
    member = rng.random(200) < rng.uniform(0.2, 0.8)
    return {"scores": rng.normal(size=200) + member, "member": member}
'''
CHECKS = '''
import numpy as np
from course.points import Points, Question
from mlleaks_helpers.interval import proportion_interval

def check_share(submission, given):
    found = submission.number("share", given["member"])
    right = abs(found - given["member"].mean()) < 1e-9
    return Points(4 * right, 4, "all of them" if right else "divide by how many there are")

def check_above(submission, given):
    called = submission.array("above", given["scores"], 0.5, shape=given["scores"].shape)
    right = int(np.sum((called > 0) == (given["scores"] > 0.5)))
    points = 6 if right == len(called) else 3 if right > len(called) / 2 else 0
    return Points(points, 6, "compare with the cut", proportion_interval(right, len(called)))

QUESTIONS = [Question("tiny-1", 4, check_share), Question("tiny-2", 6, check_above)]
'''
SHARE = "return sum(members) / len(members)"
ABOVE = "return scores > cut"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def graded(kind, identity, **more):
    return {"grade": kind == "check", "solution": kind == "hole", "locked": kind == "check",
            "grade_id": identity, "schema_version": 3, "task": False} | more


def hole(head, body):
    return f"{head}\n    ### BEGIN SOLUTION\n    {body}\n    ### END SOLUTION"


def master():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    wrong = [{"source": "return 0", "hint": "half"}]
    return nbformat.v4.new_notebook(metadata=KERNEL, cells=[
        text("# Shares and cuts", id="title"),
        code('import numpy as np\n\ndata = np.load("data.npz")', id="given"),
        text("## T.1 Share\n\n*15 minutes*\n\nSee {ref}`lesson 3 <chapter-3>`.", id="t1"),
        code(hole("def share(members):", SHARE), id="h1", outputs=[nbformat.v4.new_output(
            "stream", text="an output")], execution_count=7, metadata={
                "nbgrader": graded("hole", "tiny-1", wrong=wrong)}),
        code('assert share([1, 0]) == 0.5, "half"', id="c1", metadata={
            "nbgrader": graded("check", "check-1", points=4)}),
        text("Because it is a mean.", id="a1", metadata={"tags": ["answer"]}),
        text("## T.2 Above\n\n*20 minutes · 6 points*\n\nWho lies above it?", id="t2"),
        code(hole("def above(scores, cut):", ABOVE), id="h2", metadata={
            "nbgrader": graded("hole", "tiny-2", wrong=wrong)}),
        code('assert above(np.array([1, 0]), 0.5)[0], "half"', id="c2", metadata={
            "nbgrader": graded("check", "check-2", points=6)}),
    ])


def tiny(folder, name="tiny") -> Assignment:
    """Writes it to that folder."""
    folder = Path(folder, name)
    folder.mkdir(parents=True)
    (folder / "master.ipynb").write_text(written(master()))
    (folder / "given.py").write_text(GIVEN)
    (folder / "checks.py").write_text(CHECKS)
    return Assignment(folder)


def answered(share=SHARE, above=ABOVE, *extra):
    """What a student hands in who writes these bodies, and cells of her own at the end."""
    made = exercises.starter(master())
    for cell in made["cells"]:
        identity = exercises.nbgrader(cell).get("grade_id")
        body = {"tiny-1": share, "tiny-2": above}.get(identity)
        if body is not None:
            cell["source"] = cell["source"].replace(exercises.STUB.replace("\n", "\n    "), body)
    made["cells"] += [nbformat.v4.new_code_cell(text) for text in extra]
    return made


def bytes_of(notebook) -> bytes:
    return json.dumps(notebook).encode()
