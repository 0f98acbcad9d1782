"""The verdicts out of the executed notebooks, and the scoreboard's table of them.

    python -m tools.scoreboard collect EXECUTED_NOTEBOOKS > claims.json
    python -m tools.scoreboard table claims.json > scoreboard.md
"""

import json
import sys
from pathlib import Path

from mlleaks_helpers.claims import CLAIMS, MIME
from mlleaks_helpers.metrics import Interval


def collect(folder) -> list[dict]:
    """The verdicts in all executed notebooks of `folder`, in the order of claims and chapters.

    Each with its chapter, "3b" for example, which is how the notebook's name begins.
    """
    found = [
        output["data"][MIME] | {"chapter": path.stem.split("_")[0].lstrip("0")}
        for path in sorted(Path(folder).glob("*.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", ())
        if MIME in output.get("data", ())
    ]
    return sorted(found, key=lambda entry: entry["id"])


BADGES = {"holds": "success", "in part": "warning", "not here": "danger"}


def scoreboard(entries: list[dict]) -> str:
    """The table of the scoreboard page, in MyST: all claims, with a row for each verdict."""
    rows = ["| | claim | paper | here | verdict |", "|---|---|---|---|---|"]
    for claim in CLAIMS.values():
        verdicts = [entry for entry in entries if entry["id"] == claim.id]
        for entry in verdicts or [None]:
            paper = f"{claim.paper} ({claim.section})"
            rows.append(f"| {claim.id} | {claim.text} | {paper} | {_here(entry)} |")
    return "\n".join(rows)


def _here(entry: dict | None) -> str:
    if entry is None:
        return "– | –"
    measured = Interval(entry["measured"], entry["low"], entry["high"])
    chapter = f"{{ref}}`chapter {entry['chapter']} <chapter-{entry['chapter']}>`"
    badge = f"{{bdg-{BADGES[entry['verdict']]}}}`{entry['verdict']}`"
    return f"{measured} on {entry['data']}, {chapter} | {badge}"


def main(what: str, source: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    if what == "collect":
        print(json.dumps(collect(source), indent=1, ensure_ascii=False))
    else:
        print(scoreboard(json.loads(Path(source).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
