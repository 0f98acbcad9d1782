"""Which verdicts and figures differ between two builds: a list in Markdown.

    python -m tools.moved before.json after.json

Both are a build's `claims.json`. A figure has moved where its new value lies outside the interval
that it had; on another processor the last digits always differ.
"""

import json
import sys
from pathlib import Path


def moved(before: list[dict], after: list[dict]) -> list[str]:
    """A line for each claim that is new, gone, judged otherwise or measured elsewhere."""
    old, new = ({(one["id"], one["data"]): one for one in build} for build in (before, after))
    lines = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was is None or now is None:
            change = "is new" if was is None else "is gone"
        elif was["verdict"] != now["verdict"]:
            change = f"{_said(was)} → {_said(now)}"
        elif not was["low"] <= now["measured"] <= was["high"]:
            change = f"still {now['verdict']}, {_measured(was)} → {_measured(now)}"
        else:
            continue
        lines.append(f"- Claim {key[0]} on {key[1]}: {change}")
    return lines


def _said(one) -> str:
    return f"{one['verdict']}, {_measured(one)}"


def _measured(one) -> str:
    return f"{one['measured']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def main(before: str, after: str) -> None:
    builds = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (before, after))
    lines = moved(*builds)
    print("\n".join(["## Figures that moved", "", *(lines or ["None."])]))


if __name__ == "__main__":
    main(*sys.argv[1:])
