"""The page of what was fixed before the results, and of all that changed afterwards.

    python -m tools.preregistration claims.json > preregistration.md

Bands, dates and reasons come out of claims.toml, those of later papers out of claims_since.toml;
claims.json says how many intervals there are.
"""

import json
import sys
from pathlib import Path

from mlleaks_helpers.claimed import LATER, ML_LEAKS, SINCE, TABLE, of_group
from mlleaks_helpers.tables import lines
from tools.scoreboard import Board


def preregistration(entries: list[dict]) -> str:
    """The page of bands below its title: how many changed, what changed, and all of them."""
    return "\n\n".join([counts(), "## Changed after the results were known", changes(),
                        "## How many misses to expect", misses(Board(entries)),
                        "## All bands", bands(),
                        "## What later papers claim", since(Board(entries, SINCE))])


def counts() -> str:
    first, claims = TABLE["first"], of_group(ML_LEAKS)
    later = [(claim.id, *step) for claim in claims for step in steps(claim)]
    words = [f"All {len(claims)} bands were in git on {_day(first['date'])} (commit "
             f"`{first['commit']}`), before the recordings were complete (commit "
             f"`{first['recorded']}`)."]
    moved, changed = [(new.date, number) for number, old, new in later if _moved(old, new)], set()
    for date in sorted({date for date, _ in moved}):
        today = [number for day, number in moved if day == date]
        changed |= set(today)
        words.append(f"On {_day(date)}, with the results known, the number or band changed for "
                     f"{_list(today)}: {len(claims) - len(changed)} of {len(claims)} still stood "
                     "as they were before the recordings.")
    kept = sorted({number for number, old, new in later if not _moved(old, new)})
    words.append(f"For {_list(kept)} the band stayed, and what changed is how the claim is "
                 "measured, or whether it is judged.")
    return " ".join(words)


def steps(claim) -> list[tuple]:
    """Each change of a claim: what was fixed before it, and what after."""
    return list(zip(claim.history, claim.history[1:], strict=False))


def _moved(old, new) -> bool:
    return (old.statistic, old.low, old.high) != (new.statistic, new.low, new.high)


def changes() -> str:
    """Every later rule and band, day by day."""
    later = [(rule["date"], f"**Every claim.** {rule['rule']} {rule['reason']}"
              + (f" Before: {rule['before']}" if "before" in rule else ""))
             for rule in TABLE["rules"][1:]]
    later += [(new.date, change(claim, old, new)) for claim in of_group(ML_LEAKS)
              for old, new in steps(claim)]
    days = {}
    for date, words in later:
        days.setdefault(date, []).append(f"- {words}")
    first = TABLE["rules"][0]
    return "\n\n".join([f"The rule at first: {first['rule']}",
                        *(f"### {_day(date)}\n\n" + "\n".join(lines)
                          for date, lines in sorted(days.items()))])


def change(claim, old, new) -> str:
    """One line: the claim, its band or number before and after, the reason, the old verdict."""
    moved = f"Still {new.band}."
    if _moved(old, new):
        moved = f"From {old.band} to {new.band}."
    if old.statistic != new.statistic:
        moved = f"From “{old.statistic}”, {old.band}, to “{new.statistic}”, {new.band}."
    place = f'<a href="scoreboard.html#claim-{claim.id}">Claim {claim.id}</a>'
    return f"{place}, {claim.text}. {moved} {new.reason} By the rule before: {new.before}"


def misses(board: Board) -> str:
    counted, beside = _intervals(board.own), _intervals(board.beside)
    return (f"An interval of 95 % misses the true value once in twenty times. The "
            f"{len(board.own)} verdicts on the paper's own sets rest on {counted} such intervals, "
            f"so about {counted / 20:.1f} of them miss; of the {beside} on stand-ins, about "
            f"{beside / 20:.1f}. A miss changes a verdict only where an end of the interval lies "
            "near an edge of the band.")


def _intervals(entries) -> int:
    return sum(len(entry["each"]) or 1 for entry in entries)


def bands() -> str:
    rows = ["| claim | compared | band | since | why there |", "|---|---|---|---|---|"]
    for claim in of_group(ML_LEAKS):
        moved = [new.date for old, new in steps(claim) if _moved(old, new)]
        since = max([claim.history[0].date, *moved])
        why = "changed: see above" if moved else claim.history[0].reason
        rows.append(f"| {claim.id} {claim.text} | {claim.statistic} | {claim.band} | "
                    f"{_day(since)} | {why} |")
    return "\n".join(rows)


def since(board: Board) -> str:
    """The second group of claims: what each says, its band, and what was known before."""
    counted = _intervals(board.own + board.beside)
    words = (f"These {len(board.claims)} bands were written on {_day(LATER['date'])}, before the "
             "references that they are measured on were recorded. *Known* is what a trial had "
             "shown of a number before its band was written. The verdicts stand on the "
             "{doc}`scoreboard <scoreboard>`, apart from the paper's; they rest on "
             f"{counted} intervals, of which about {counted / 20:.1f} miss.")
    rows = [(f'<a href="scoreboard.html#claim-{claim.id}">{claim.id}</a> {claim.text}',
             f"{claim.source}: {claim.paper}", claim.statistic, claim.band, claim.seen or "nothing")
            for claim in board.claims]
    return "\n\n".join([words, "\n".join(lines(["claim", "there", "compared", "band", "known"],
                                                rows, ["---"] * 5))])


def _day(date) -> str:
    return f"{date.day} {date:%B %Y}"


def _list(numbers) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last


def main(source: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    print(preregistration(json.loads(Path(source).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
