"""The verdicts out of the executed notebooks, and the scoreboard that shows them.

    python -m tools.scoreboard collect EXECUTED_NOTEBOOKS > claims.json
    python -m tools.scoreboard page claims.json > scoreboard.md

Every number and verdict comes out of claims.json; what is claimed, out of claims.toml and, for
later papers, claims_since.toml: a group of its own, which no count of the paper's claims includes.
"""

import json
import re
import sys
from collections import Counter
from html import escape
from pathlib import Path

from mlleaks_helpers.claimed import CLAIMS, ML_LEAKS, SINCE, of_group
from mlleaks_helpers.claims import MIME, anchor, combined
from mlleaks_helpers.interval import Interval
from mlleaks_helpers.paper import titled

SECTIONS = {"III-B": "Adversary 1: one shadow", "III-C": "What she need not know",
            "IV": "Adversary 2: transfer", "V": "Adversary 3: no shadow", "VI": "Defenses"}
ASIDE = "stand-ins"
PAPERS_SINCE = "What later papers claim"
EVIDENCE = dict(zip("123456", [*SECTIONS, "on later papers"], strict=True))  # a page's number
MEANING = {
    "holds": "the whole 95 % interval lies in the claim's band; on every set, where several are "
             "named",
    "in part": "on some of the named sets it lies inside, on others outside",
    "not here": "the whole interval lies outside, and the reason is given",
    "undecided": "the interval crosses an edge of the band; what would decide is given",
    "not judged": "it follows from arithmetic, or has not been measured",
}
SHAPES = {  # within a circle of radius 9, each told from the others without its colour
    "holds": '<circle r="8"/>',
    "in part": '<circle r="7" class="open"/><path d="M0-8a8 8 0 0 0 0 16z"/>',
    "not here": '<path d="M-7-7 7 7M7-7-7 7" class="open"/>',
    "undecided": '<circle r="7" class="open"/>',
    "not judged": '<path d="M-6 0H6" class="open"/>',
}


# ---------------------------------------------------------------- out of the notebooks


def collect(folder) -> list[dict]:
    """The verdicts in all executed notebooks of `folder`, in the order of claims and pages.

    Each with its page, and its place, which is what readers call that: "lesson 3", or
    "evidence III-B" for a page of evidence. A verdict that stands on several pages is taken once,
    from the evidence if it is there. Raises ValueError where the pages do not say the same.
    """
    found = {}
    for path in sorted(Path(folder).glob("*.ipynb"), key=lambda path: (not _evidence(path), path)):
        for entry in _verdicts(path):
            first = found.setdefault((entry["id"], entry["data"]), entry)
            if _said(first) != _said(entry):
                raise ValueError(f"claim {entry['id']} on {entry['data']} is not the same on "
                                 f"{first['page']} and {entry['page']}:\n{first}\n{entry}")
    return sorted(found.values(), key=lambda entry: (entry["id"], entry["page"]))


def _verdicts(path: Path):
    where = {"page": path.stem, "place": _place(path)}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            if MIME in output.get("data", ()):
                yield output["data"][MIME] | where


def _evidence(path: Path):
    return re.match(r"evidence_(\w+?)_", path.stem)


def _place(path: Path) -> str:
    evidence = _evidence(path)
    return (f"evidence {EVIDENCE[evidence[1]]}" if evidence
            else f"lesson {path.stem.split('_')[0].lstrip('0')}")


def _said(entry: dict) -> str:
    """Numbers and words of a verdict, wherever it stands and however it was rounded."""
    return json.dumps({name: _rounded(value) for name, value in entry.items()
                       if name not in ("page", "place")}, sort_keys=True)


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 6) + 0.0 if isinstance(value, float) else value


# ---------------------------------------------------------------- what is shown


class Board:
    """The verdicts of one group by claim: those on the paper's own sets, and those beside them."""

    def __init__(self, entries: list[dict], group: str = ML_LEAKS):
        self.group, self.claims = group, of_group(group)
        mine = [entry for entry in entries if CLAIMS[entry["id"]].group == group]
        self.own = [entry for entry in mine if not entry["stand_in"]]
        self.beside = [entry for entry in mine if entry["stand_in"]]

    def of(self, claim, entries) -> list[dict]:
        return [entry for entry in entries if entry["id"] == claim.id]

    def only_beside(self, claim) -> bool:
        return bool(self.of(claim, self.beside)) and not self.of(claim, self.own)

    def section(self, claim) -> str:
        """The section of the paper, or `ASIDE` for a claim measured on nothing but stand-ins.

        The claims of later papers stand together.
        """
        if self.group == SINCE:
            return PAPERS_SINCE
        if self.only_beside(claim):
            return ASIDE
        name = claim.source.split(",")[0]
        return name if name in SECTIONS else name.split("-")[0]

    def verdict(self, claim) -> str:
        """On all own sets together; on the stand-ins where there is nothing else."""
        found = self.of(claim, self.own) or self.of(claim, self.beside)
        return combined(entry["verdict"] for entry in found) if found else "not judged"

    def sections(self) -> dict[str, list]:
        found = {name: [] for name in (*SECTIONS, ASIDE, PAPERS_SINCE)}
        for claim in self.claims:
            found[self.section(claim)].append(claim)
        return {name: claims for name, claims in found.items() if claims}


def scoreboard(entries: list[dict]) -> str:
    """The scoreboard page below its title, in MyST."""
    board, since = Board(entries), Board(entries, SINCE)
    parts = [summary(board), picture(board), READING]
    for name, claims in board.sections().items():
        parts += [f"## {heading(name)}", *([BESIDE] if name == ASIDE else ()),
                  *(row(board, claim) for claim in claims)]
    return "\n\n".join([*parts, "## What we could not reproduce, and why", failures(board),
                        "## What the paper, and this book, leave open", left_open(board),
                        f"## {PAPERS_SINCE}", summary(since), picture(since), ELSEWHERE,
                        *(row(since, claim) for claim in since.claims),
                        "### Not here, or on some sets only", failures(since),
                        "### Undecided", undecided(since)])


READING = ("Claims are in our words. P and R are class-averaged precision and recall; for as many "
           "members as non-members, R is the accuracy of the attack. Intervals over seeds say how "
           "far another split and another training would move a number among the same people; new "
           "people are not in them. Each row unfolds to what was measured.")
BESIDE = ("These claims are about data that cannot be had, and were measured on others in their "
          "place. They are no evidence for the paper or against it, and are not counted above.")
ELSEWHERE = ("These are not ML-Leaks's claims, and are counted nowhere above. They were measured "
             "on ML-Leaks's sets and with its networks, seldom those of the papers that make them: "
             "what does not hold here may well hold there. *Known before* is what a trial had "
             "shown when the band was {ref}`written <preregistration>`; some bands were written "
             "although the trial lay outside.")


def heading(section: str) -> str:
    return {ASIDE: "Only on stand-ins", PAPERS_SINCE: PAPERS_SINCE}.get(section) or (
        f"{section} · {SECTIONS[section]}")


def summary(board: Board) -> str:
    """Two sentences, to be quoted."""
    lines = Counter(entry["verdict"] for entry in board.own)
    claims = Counter(board.verdict(claim) for claim in board.claims if not board.only_beside(claim))
    aside = sum(map(board.only_beside, board.claims))
    whose = "the paper's" if board.group == ML_LEAKS else "later papers' claims, on ML-Leaks's"
    more = [f"{aside} could be measured on stand-ins only"] * bool(aside)
    more += [f"{claims['not judged']} {_is(claims['not judged'])} not judged"
             ] * bool(claims["not judged"])
    return (f"**Of {len(board.own)} verdicts on {whose} own data sets, {_counted(lines)}. "
            f"Claim by claim, of {len(board.claims)}, {_counted(claims)}"
            f"{'; ' * bool(more)}{', '.join(more)}.**")


def _counted(verdicts: Counter) -> str:
    n = verdicts
    return (f"{n['holds']} hold{'s' * (n['holds'] == 1)}, {n['in part']} hold"
            f"{'s' * (n['in part'] == 1)} in part, {n['not here']} do{'es' * (n['not here'] == 1)} "
            f"not hold here and {n['undecided']} {_is(n['undecided'])} undecided")


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")


def mark(verdict: str) -> str:
    """A verdict's shape and word."""
    return (f'<span class="sign {_class(verdict)}"><svg viewBox="-10 -10 20 20" aria-hidden="true">'
            f"{SHAPES[verdict]}</svg> {verdict}</span>")


# ---------------------------------------------------------------- the picture

WIDTH, PITCH, ACROSS = 340, 28, 12   # a phone's; as many dots in a line
TITLE, LINE = 22, 42


def picture(board: Board) -> str:
    """A dot a claim, by section, each a link to the claim's row; and what the shapes mean.

    For later papers the dots only: what they mean has been said.
    """
    drawn, y = [], 0
    for name, claims in board.sections().items():
        drawn.append(f'<text class="section" x="2" y="{y + 16}">{escape(heading(name))}</text>')
        y += TITLE
        drawn += [dot(board, claim, 16 + PITCH * (i % ACROSS), y + 12 + LINE * (i // ACROSS))
                  for i, claim in enumerate(claims)]
        y += LINE * (1 + (len(claims) - 1) // ACROSS)
    by = ", by section of the paper" if board.group == ML_LEAKS else " of later papers"
    label = f"The verdict on each of the {len(board.claims)} claims{by}"
    return "\n".join(['<div class="scoreboard">',
                      f'<svg role="group" aria-label="{label}" viewBox="0 0 {WIDTH} {y}">',
                      *drawn, "</svg>", *([legend()] if board.group == ML_LEAKS else ()), "</div>"])


def legend() -> str:
    shapes = "\n".join(f"<li>{mark(verdict)} {escape(words)}</li>"
                       for verdict, words in MEANING.items())
    return f'<ul class="legend">\n{shapes}\n</ul>'


def dot(board: Board, claim, x: int, y: int) -> str:
    verdict = board.verdict(claim)
    name = escape(f"Claim {claim.id}, {verdict}: {claim.text}")
    return (f'<a href="#claim-{claim.id}" aria-label="{name}"><title>{name}</title>'
            f'<g class="sign {_class(verdict)}" transform="translate({x} {y})">'
            f'<rect x="-13" y="-11" width="26" height="40" class="reach"/>{SHAPES[verdict]}</g>'
            f'<text x="{x}" y="{y + 23}">{claim.id}</text></a>')


# ---------------------------------------------------------------- the rows


def row(board: Board, claim) -> str:
    """A claim and its verdict, with the measurements folded under it."""
    own, beside = board.of(claim, board.own), board.of(claim, board.beside)
    known = f" Known before: {escape(claim.seen)}." if claim.seen else ""
    lines = [f"<p>Paper: {escape(claim.paper)} ({escape(claim.source)}). Compared: "
             f"{escape(claim.statistic)}. Band: {claim.band}.{known}</p>"]
    if claim.arithmetic:
        lines.append(f"<p>Follows from arithmetic, not judged. {escape(claim.arithmetic)}</p>")
    if own:
        lines.append(measurements(own))
    if beside:
        lines.append("<p>On stand-ins, not counted:</p>\n" + measurements(beside))
    if not own + beside and not claim.arithmetic:
        lines.append("<p>Not measured.</p>")
    return "\n".join([f'<details class="claim" id="claim-{claim.id}">',
                      f"<summary>{mark(board.verdict(claim))} <b>{claim.id}</b> "
                      f"{escape(claim.text)}</summary>", *lines, "</details>"])


def measurements(entries: list[dict]) -> str:
    return "\n".join(["<ul>", *map(measurement, entries), "</ul>"])


def measurement(entry: dict) -> str:
    """One line: on what, how much, where it is shown, the verdict, and why or what is missing."""
    each = "".join(f"<li>{escape(titled(name))}: {Interval(*numbers)}, {verdict}</li>"
                   for name, *numbers, verdict in entry["each"])
    measured = Interval(entry["measured"], entry["low"], entry["high"])
    return (f"<li>{mark(entry['verdict'])} on {escape(titled(entry['data']))}: {measured} "
            f"({link(entry)}).{notes(entry)}{f'<ul>{each}</ul>' if each else ''}</li>")


def notes(entry: dict) -> str:
    """Why a value lies outside the band, and what would decide."""
    why = f" {escape(entry['why'])}" if entry["why"] else ""
    return why + (f" Would decide: {escape(entry['needs'])}." if entry["needs"] else "")


def link(entry: dict) -> str:
    """To the very box on its page."""
    box = anchor(entry["id"], entry["data"])
    return f'<a href="{entry["page"]}.html#{box}">{entry["place"]}</a>'


def failures(board: Board) -> str:
    """The verdicts on own sets that do not hold, or hold in part, with the reasons given."""
    return bullets(in_short(entry) for entry in board.own
                   if entry["verdict"] in ("not here", "in part"))


def in_short(entry: dict) -> str:
    """A verdict outside its row: the claim, on which sets it is so, and the notes."""
    on = escape(titled(entry["data"]))
    for verdict in dict.fromkeys(each[-1] for each in entry["each"]):
        names = ", ".join(escape(titled(each[0])) for each in entry["each"] if each[-1] == verdict)
        on += f"; {verdict}: {names}"
    return (f"{numbered(CLAIMS[entry['id']])} {mark(entry['verdict'])} on {on} ({link(entry)})."
            f"{notes(entry)}")


def left_open(board: Board) -> str:
    """What is undecided on own sets, what cannot fail, and what the paper gives no number for."""
    claims = board.claims
    arithmetic = [f"{numbered(claim)} {escape(claim.arithmetic)}" for claim in claims
                  if claim.arithmetic]
    without = [f"{numbered(claim)} The paper gives {escape(claim.paper)}." for claim in claims
               if not (re.search(r"\d", claim.paper) or claim.arithmetic)]
    return "\n\n".join(["**Undecided on the paper's own sets**, with what would decide if mean and "
                        "spread stay as they are:", undecided(board),
                        "**Follows from arithmetic**, and is not judged:", bullets(arithmetic),
                        "**Claimed without a number**, so that the band is ours alone:",
                        bullets(without)])


def undecided(board: Board) -> str:
    return bullets(in_short(entry) for entry in board.own if entry["verdict"] == "undecided")


def numbered(claim) -> str:
    return f'<a href="#claim-{claim.id}">Claim {claim.id}</a>: {escape(claim.text)}.'


def bullets(lines) -> str:
    found = [f"<li>{line}</li>" for line in lines]
    return "\n".join(["<ul>", *found, "</ul>"]) if found else "None."


def main(what: str, source: str) -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    if what == "collect":
        print(json.dumps(collect(source), indent=1, ensure_ascii=False))
    else:
        print(scoreboard(json.loads(Path(source).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
