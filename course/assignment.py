"""An assignment: its master, its data, its questions."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mlleaks_helpers
from tools.exercises import is_check, is_hole, nbgrader
from tools.lessons import cells, read, source

HERE = Path(__file__).resolve().parent
ASSIGNMENTS = HERE / "assignments"
GUESSED = 2**48     # a seed below can be found by whoever tries them all on the public code


@dataclass(frozen=True)
class Assignment:
    """One folder: `master.ipynb`, `given.py` with `visible` and `hidden`, `checks.py`."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def master(self) -> dict:
        return read(self.folder / "master.ipynb")

    @property
    def questions(self) -> list:
        return self._module("checks").QUESTIONS

    def visible(self, seed: int) -> dict:
        """The arrays that students get."""
        return self._module("given").visible(seed)

    def hidden(self, seed: int) -> dict:
        """The arrays that their functions are graded on; nobody can change them."""
        made = {name: np.array(value) for name, value in self._module("given").hidden(seed).items()}
        for array in made.values():
            array.flags.writeable = False
        return made

    def data(self, seed: int) -> bytes:
        """The visible arrays as a file, the same bytes each time."""
        file = io.BytesIO()
        np.savez_compressed(file, **self.visible(seed))
        return file.getvalue()

    def digest(self, seed: int) -> str:
        """Of all that grades depend on besides the submission."""
        helpers = Path(mlleaks_helpers.__file__).parent
        files = [*sorted(self.folder.glob("*.*")), *sorted(HERE.glob("*.py")),
                 *sorted(helpers.rglob("*.py"))]
        told = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
        return hashlib.sha256("\n".join([str(seed), *told]).encode()).hexdigest()

    def _module(self, part):
        name, path = f"course.assignments.{self.name}.{part}", self.folder / f"{part}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def assignments(folder: Path = ASSIGNMENTS) -> list[Assignment]:
    return [Assignment(path.parent) for path in sorted(Path(folder).glob("*/master.ipynb"))]


def program(master, notebook) -> list[tuple[str, str, str]]:
    """What of a student's notebook is executed, as `course.sandbox` takes it.

    The master's cells before its first hole as they are, so that every solution finds the same
    imports and data; the student's solutions, known by their grade_id; and of all other cells what
    they import and define, where they are the master's own only if something is missing without.
    Cells with checks are left out.
    """
    code = list(cells(master, "code"))
    holes = {nbgrader(cell)["grade_id"] for cell in code if is_hole(cell)}
    given = [source(cell) for cell in code if not is_hole(cell)]
    first = next((place for place, cell in enumerate(code) if is_hole(cell)), len(code))
    found = [("run", "given", source(cell)) for cell in code[:first]]
    for number, cell in enumerate(cells(notebook, "code"), 1):
        identity, text = nbgrader(cell).get("grade_id"), source(cell)
        if identity in holes:
            found.append(("run", identity, text))
        elif not is_check(cell):
            found.append(("late" if text in given else "define", f"number {number}", text))
    return found
