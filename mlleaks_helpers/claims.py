"""`check`: our number beside the one of the paper that makes a claim, with a verdict.

What is claimed stands in `claimed`. A chapter checks a claim in a visible cell. The verdict is the
cell's output, so the published page, `_build/claims.json` and the scoreboard all come from the same
executed notebook.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from scipy import stats

from mlleaks_helpers.bar import drawn_bar, sign
from mlleaks_helpers.claimed import CLAIMS, GROUPS, Claim, of_group, printable
from mlleaks_helpers.interval import Interval
from mlleaks_helpers.paper import titled

MIME = "application/vnd.mlleaks.verdict+json"
MOST = 100  # repetitions that a verdict still counts


def combined(verdicts: Iterable[str]) -> str:
    """The verdict on a claim about several sets, from that on each.

    `holds` or `not here` if it is so on all of them, `in part` if some hold and some do not (or
    one is in part by itself), and otherwise `undecided`.
    """
    found = set(verdicts)
    if "in part" in found or {"holds", "not here"} <= found:
        return "in part"
    return found.pop() if len(found) == 1 else "undecided"


@dataclass(frozen=True)
class Verdict:
    """A claim with what was measured: shown as a box, kept as one entry of claims.json."""

    claim: Claim
    measured: Interval
    data: str
    each: dict[str, Interval] = field(default_factory=dict)
    seeds: int | None = None
    stand_in: bool = False

    @property
    def parts(self) -> dict[str, Interval]:
        """What decides: the interval of each named set, or else that of `data`."""
        return self.each or {self.data: self.measured}

    @property
    def of_each(self) -> dict[str, str]:
        return {name: _settled(self.claim, part) for name, part in self.parts.items()}

    @property
    def verdict(self) -> str:
        """`holds` if the whole interval lies inside the band, `not here` if all of it lies outside.

        `undecided` if the interval crosses an edge. With `each`, as `combined` says.
        """
        return combined(self.of_each.values())

    @property
    def in_band(self) -> bool:
        """Whether all values lie in the band, their intervals aside."""
        return all(self.claim.low <= part.value <= self.claim.high
                   for part in (self.measured, *self.parts.values()))

    @property
    def why(self) -> str:
        """Why a value is known to lie outside the band here; empty where none should."""
        return "" if self.in_band else self.claim.differs.get(self.data, "")

    @property
    def needs(self) -> str:
        """What would decide an undecided verdict, in words; empty where there is nothing to decide.

        Taken for granted that the next repetitions have the same mean and spread as these.
        """
        if self.verdict != "undecided":
            return ""
        return "; ".join(f"{name}: " * bool(self.each) + self._needed(part)
                         for name, part in self.parts.items()
                         if self.of_each[name] == "undecided")

    def _needed(self, part: Interval) -> str:
        if self.seeds is None:
            distance, half = min(_crossed(self.claim, part))
            return f"±{distance:.3f} in place of ±{half:.3f} towards the band's edge"
        enough = _repetitions(self.claim, part, self.seeds)
        many = f"about {enough}" if enough else f"more than {MOST}"
        return f"{many} {self.claim.counted} in place of {self.seeds}"

    @property
    def title(self) -> str:
        aside = ", on a stand-in" if self.stand_in else ""
        return f"Claim {self.claim.id}, {self.verdict}{aside}"

    def rows(self) -> dict[str, str]:
        """What the box says, line by line."""
        c = self.claim
        each = "; ".join(f"{titled(name)} {part}, {self.of_each[name]}"
                         for name, part in self.each.items())
        rows = {"paper": f"{c.paper} ({c.source})",
                "here": f"{c.statistic} {self.measured} on {titled(self.data)}",
                "each": each,
                "band": c.band,
                "known before": c.seen,
                "why": self.why,
                "would decide": self.needs}
        return {name: text for name, text in rows.items() if text}

    def entry(self) -> dict:
        c, m = self.claim, self.measured
        each = [[name, part.value, part.low, part.high, self.of_each[name]]
                for name, part in self.each.items()]
        return {"id": c.id, "claim": c.text, "group": c.group, "source": c.source, "paper": c.paper,
                "measured": m.value, "low": m.low, "high": m.high, "data": self.data,
                "each": each, "seeds": self.seeds, "stand_in": self.stand_in,
                "verdict": self.verdict, "why": self.why, "needs": self.needs}

    def __str__(self):
        rows = ". ".join(f"{name.capitalize()}: {text.rstrip('.')}"
                         for name, text in self.rows().items())
        return printable(f"{self.title}: {self.claim.text}. {rows}.")

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        bar = drawn_bar(self.claim, [*self.parts.values()])
        body = "".join(f"<dt>{name}{sign(name, self.claim) if bar else ''}</dt>"
                       f"<dd>{escape(text)}</dd>" for name, text in self.rows().items())
        style = self.verdict.replace(" ", "-") + " aside" * self.stand_in
        html = (f'<div class="verdict {style}" id="{anchor(self.claim.id, self.data)}">'
                f"<p><b>{self.title}.</b> {escape(self.claim.text)}.</p>{bar}<dl>{body}</dl></div>")
        return {"text/plain": str(self), "text/html": html, MIME: self.entry()}


def anchor(claim_id: int, data: str) -> str:
    """Where on its page the box of a verdict stands: claim-6-mnist5k."""
    return f"claim-{claim_id}-{re.sub(r'[^a-z0-9]+', '-', data.lower()).strip('-')}"


def _settled(claim: Claim, measured: Interval) -> str:
    if measured.high < claim.low or measured.low > claim.high:
        return "not here"
    inside = claim.low <= measured.low and measured.high <= claim.high
    return "holds" if inside else "undecided"


def _crossed(claim: Claim, measured: Interval) -> list[tuple[float, float]]:
    """For each edge within the interval: how far the value is from it, and the interval's end."""
    edges = [edge for edge in (claim.low, claim.high) if measured.low <= edge <= measured.high]
    return [(abs(measured.value - edge), measured.value - measured.low
             if edge <= measured.value else measured.high - measured.value) for edge in edges]


def _repetitions(claim: Claim, measured: Interval, n: int) -> int | None:
    """The least number m > n whose interval, with the same mean and spread, keeps off all edges.

    Student's t: t(m − 1) · s / √m at most the distance, where t(n − 1) · s / √n is what there is.
    None beyond `MOST`.
    """
    def half(m):
        return stats.t.ppf(0.975, m - 1) / math.sqrt(m) if m > 1 else math.inf

    return next((m for m in range(n + 1, MOST + 1)
                 if all(wide / half(n) * half(m) <= distance
                        for distance, wide in _crossed(claim, measured))), None)


def check(claim_id: int, measured: Interval, *, data: str, each: dict[str, Interval] | None = None,
          seeds: int | None = None, stand_in: bool = False) -> Verdict:
    """Put `measured` beside the paper's number, as a box; fail when the claim stops holding.

    each       for a claim about every one of some named sets: {name: interval}
    seeds      how many repetitions (per set) the intervals come from: an undecided verdict then
               says how many would decide
    stand_in   whether `data` only stand in for the paper's, or are simulated: shown beside the
               others, never counted

    Raises AssertionError when a value leaves the claim's band, unless the table says, with the
    reason, that the claim does not reproduce on `data`; and ValueError for an unknown claim, one
    that arithmetic settles, and arguments of another kind.
    """
    if claim_id not in CLAIMS:
        known = [[claim.id for claim in of_group(group)] for group in GROUPS]
        ranges = " and ".join(f"{min(ids)} … {max(ids)}" for ids in known)
        raise ValueError(f"claim_id must be one of {ranges}, got {claim_id}")
    if CLAIMS[claim_id].arithmetic:
        raise ValueError(f"claim_id must be a claim that can fail, got {claim_id}, which is not "
                         f"judged: {CLAIMS[claim_id].arithmetic}")
    if not isinstance(measured, Interval):
        raise ValueError(f"measured must be an Interval, got {measured!r}")
    if each is not None and not (each and all(isinstance(part, Interval)
                                              for part in dict(each).values())):
        raise ValueError(f"each must hold an Interval for every named set, got {each!r}")
    if seeds is not None and (seeds != int(seeds) or seeds < 2):
        raise ValueError(f"seeds must be a whole number, at least 2, got {seeds}")
    verdict = Verdict(CLAIMS[claim_id], measured, data, dict(each or {}), seeds and int(seeds),
                      bool(stand_in))
    if not (verdict.in_band or verdict.why):
        raise AssertionError(str(verdict))
    return verdict
