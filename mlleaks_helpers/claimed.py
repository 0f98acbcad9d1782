"""What is claimed: by ML-Leaks in `claims.toml`, and by later papers in `claims_since.toml`.

Two groups, never counted together; `claims.check` puts a number beside a claim of either.
"""

import datetime
import math
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

GROUPS = ML_LEAKS, SINCE = "ML-Leaks", "since"


def _read(name) -> dict:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


TABLE, LATER = _read("claims.toml"), _read("claims_since.toml")


@dataclass(frozen=True)
class Step:
    """What was fixed for a claim on one day: the number, its band, why, and the verdict `before`.

    `before` is what the rule that the step replaced said of what was measured by then.
    """

    date: datetime.date
    statistic: str
    low: float = -math.inf
    high: float = math.inf
    reason: str = ""
    before: str = ""

    @property
    def band(self) -> str:
        return _band(self.low, self.high)


@dataclass(frozen=True)
class Claim:
    """One testable claim of ML-Leaks, or of a paper since.

    `source` is the section of ML-Leaks, or the later paper, and `group` says which of the two.
    `statistic` says which number is compared with the band `low` … `high`, whose ends may be open
    (infinite); precision (P) and recall (R) are class-averaged unless it says otherwise.
    `differs` gives, for a data set, the reason why the number is known to lie outside the band on
    it in this book. `counted` is what narrows the interval; `arithmetic` says why a claim cannot
    fail; `history` goes from the band before any recording to today's; `number` is the paper's.
    `seen` is what a trial had shown of the number before the band was written.
    """

    id: int
    text: str
    source: str
    paper: str
    statistic: str
    low: float = -math.inf
    high: float = math.inf
    differs: dict[str, str] = field(default_factory=dict)
    counted: str = "seeds"
    arithmetic: str = ""
    history: tuple[Step, ...] = ()
    number: float | None = None
    group: str = ML_LEAKS
    seen: str = ""

    @property
    def band(self) -> str:
        return _band(self.low, self.high)

    def __str__(self):
        return printable(repr(self))


def _of_ml_leaks(section, reason, history=None, **row) -> Claim:
    today = {name: row[name] for name in ("low", "high") if name in row}
    first = {"date": TABLE["first"]["date"], "statistic": row["statistic"], "reason": reason}
    return Claim(**row, source=section,
                 history=tuple(Step(**first | step) for step in history or [today]))


def _since(**row) -> Claim:
    fixed = {name: row[name] for name in ("statistic", "low", "high") if name in row}
    return Claim(**row, group=SINCE, history=(Step(LATER["date"], **fixed),))


def printable(text: str) -> str:
    """`text` with question marks for what the terminal, or the file in its place, cannot show."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _band(low: float, high: float) -> str:
    if low == -math.inf:
        return f"at most {high:g}"
    if high == math.inf:
        return f"at least {low:g}"
    return f"{low:g} to {high:g}"


CLAIMS = {row["id"]: _of_ml_leaks(**row) for row in TABLE["claim"]} | {
    row["id"]: _since(**row) for row in LATER["claim"]}


def of_group(group: str) -> list[Claim]:
    """The claims of ML-Leaks, or those made since, in their order."""
    return [claim for claim in CLAIMS.values() if claim.group == group]
