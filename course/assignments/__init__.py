"""One folder an assignment: `master.ipynb`, `given.py` (its data), `checks.py` (its questions)."""
