"""Execute a notebook: what its cells answer, with the time that each takes.

    python -m tools.execute book/NAME.ipynb _build/source/NAME.ipynb

As nbconvert does it, without what nbconvert loads for PDF, slides and the rest.
"""

import sys
from pathlib import Path

# Checks web addresses, which no notebook needs; its grammar takes longer to load than all else.
UNUSED = "rfc3987_syntax"
sys.modules[UNUSED] = None
KERNEL = ["--IPKernelApp.log_level=ERROR",
          f"--IPKernelApp.exec_lines=import sys; sys.modules[{UNUSED!r}] = None; del sys"]

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402


def execute(path: Path, executed: Path) -> None:
    """Run in the notebook's own folder. Raises CellExecutionError at the first cell that fails."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, extra_arguments=KERNEL,
                   resources={"metadata": {"path": path.parent}}).execute()
    nbformat.write(notebook, executed)


if __name__ == "__main__":
    execute(*map(Path, sys.argv[1:]))
