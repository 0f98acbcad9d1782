"""What the paper claims, in one table, and `check`: our number beside the paper's.

The table is `claims.toml`. A chapter checks a claim in a visible cell. The verdict is the cell's
output, so the published page, `_build/claims.json` and the scoreboard all come from the same
executed notebook.
"""

import math
import sys
import tomllib
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mlleaks_helpers.metrics import Interval

MIME = "application/vnd.mlleaks.verdict+json"


@dataclass(frozen=True)
class Claim:
    """One testable claim of ML-Leaks.

    `statistic` says which number is compared with the band `low` … `high`, whose ends may be open
    (infinite); precision (P) and recall (R) are class-averaged unless it says otherwise.
    `differs` gives, for a data set, the reason why the number is known to lie outside the band
    on it in this book.
    """

    id: int
    text: str
    section: str
    paper: str
    statistic: str
    low: float = -math.inf
    high: float = math.inf
    differs: dict[str, str] = field(default_factory=dict)

    def __str__(self):
        return _printable(repr(self))


CLAIMS = {
    claim["id"]: Claim(**claim)
    for claim in tomllib.loads(
        Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))["claim"]
}


@dataclass(frozen=True)
class Verdict:
    """A claim with what was measured: shown as a box, kept as one entry of claims.json."""

    claim: Claim
    measured: Interval
    data: str

    @property
    def in_band(self) -> bool:
        return self.claim.low <= self.measured.value <= self.claim.high

    @property
    def why(self) -> str:
        """Why the value is known to lie outside the band here; empty where it should not."""
        return "" if self.in_band else self.claim.differs.get(self.data, "")

    @property
    def verdict(self) -> str:
        """`holds` if the whole interval lies inside the band, `not here` if all of it lies outside.

        `in part` if the interval crosses the band's edge, so that the data do not settle it.
        """
        low, high = self.claim.low, self.claim.high
        if self.measured.high < low or self.measured.low > high:
            return "not here"
        return "holds" if low <= self.measured.low and self.measured.high <= high else "in part"

    def entry(self) -> dict:
        c, m = self.claim, self.measured
        return {"id": c.id, "claim": c.text, "section": c.section, "paper": c.paper,
                "measured": m.value, "low": m.low, "high": m.high, "data": self.data,
                "verdict": self.verdict}

    def __str__(self):
        c = self.claim
        words = (f"Claim {c.id}, {self.verdict}: {c.text} ({c.section}). Paper: {c.paper}. "
                 f"Here: {c.statistic} {self.measured} on {self.data}; "
                 f"band {_band(c)}.")
        return _printable(f"{words} {self.why}" if self.why else words)

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        c = self.claim
        rows = {"paper": f"{c.paper} ({c.section})",
                "here": f"{c.statistic} {self.measured} on {self.data}",
                "band": _band(c)}
        if self.why:
            rows["why"] = self.why
        body = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
        style = self.verdict.replace(" ", "-")
        html = (f'<div class="verdict {style}"><p><b>Claim {c.id}: {self.verdict}.</b> '
                f"{escape(c.text)}.</p><dl>{body}</dl></div>")
        return {"text/plain": str(self), "text/html": html, MIME: self.entry()}


def _printable(text: str) -> str:
    """`text` with question marks for what the terminal, or the file in its place, cannot show."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _band(claim: Claim) -> str:
    if claim.low == -math.inf:
        return f"at most {claim.high:g}"
    if claim.high == math.inf:
        return f"at least {claim.low:g}"
    return f"{claim.low:g} to {claim.high:g}"


def check(claim_id: int, measured: Interval, *, data: str) -> Verdict:
    """Put `measured` beside the paper's number, as a box; fail when the claim stops holding.

    Raises AssertionError when the value leaves the claim's band, unless the table says, with the
    reason, that the claim does not reproduce on `data`; and ValueError for an unknown claim.
    """
    if claim_id not in CLAIMS:
        raise ValueError(f"claim_id must be one of 1 … {max(CLAIMS)}, got {claim_id}")
    verdict = Verdict(CLAIMS[claim_id], measured, data)
    if not (verdict.in_band or verdict.why):
        raise AssertionError(str(verdict))
    return verdict
