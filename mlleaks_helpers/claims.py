"""What the paper claims, in one table, and `check`: our number beside the paper's.

A chapter checks a claim in a visible cell. The verdict is the cell's output, so the published
page, `_build/claims.json` and the scoreboard all come from the same executed notebook:

    python -m mlleaks_helpers.claims EXECUTED_NOTEBOOKS claims.json > scoreboard.md
"""

import json
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mlleaks_helpers.metrics import Interval

MIME = "application/vnd.mlleaks.verdict+json"


@dataclass(frozen=True)
class Claim:
    """One testable claim of ML-Leaks.

    `statistic` says which number is compared with the band `low` … `high`; precision (P) and
    recall (R) are class-averaged unless it says otherwise. `differs` gives, for a data set, the
    reason why the number is known to lie outside the band on it in this book.
    """

    id: int
    text: str
    section: str
    paper: str
    statistic: str
    low: float
    high: float
    differs: dict[str, str] = field(default_factory=dict)


CLAIMS = {claim.id: claim for claim in [
    # Adversary 1
    Claim(1, "One shadow and one attack model do as well as ten shadows and an attack a class",
          "III-B, Fig. 1", "largest difference in R .02", "R, one shadow minus ten", -.03, .03, {
        "shoppers-100 (simulated), attack network": "The loss lies at the edge of the band; with "
                                                    "logistic regression in place of the attack "
                                                    "network it is smaller."}),
    Claim(2, "More shadow models do not help", "III-B, Fig. 5", "spread .01–.02",
          "change of R from one shadow to ten", -.03, .03),
    Claim(3, "Adversary 1 succeeds on CIFAR-100", "III-B, Fig. 1", "R .95", "R", .90, 1, {
        "cifar100": "After 200 epochs in place of 100 it does, at the same accuracies; the "
                    "paper's Figures 10 and 11, though, look more like our 100."}),
    Claim(4, "Adversary 1 succeeds on Location", "III-B, Fig. 1", "R .87", "R", .84, .92),
    Claim(5, "Adversary 1 succeeds on News", "III-B, Fig. 1", "R .88", "R", .80, 1),
    Claim(6, "Adversary 1 fails on MNIST", "III-B, Fig. 1", "R .52", "R", .44, .56, {
        "mnist5k": "1,250 training images, and another network, leave a gap several times the "
                   "paper's .02."}),
    Claim(7, "Over data sets, the attack grows with the train–test gap", "III-B, Fig. 2",
          "rank correlation .89", "rank correlation of gap and R", .7, 1),
    Claim(8, "The attack grows with the number of epochs", "III-B, Fig. 3", "R .65 → .91",
          "R after 100 epochs minus R after 10", .15, 1),
    Claim(9, "… and levels off after about 50 epochs", "III-B, Fig. 3", "+.03",
          "R after 100 epochs minus R after 50", -.06, .06),
    Claim(10, "More classes, more leakage, on the same records", "III-B, Fig. 1",
          "R .58 → .85", "rank correlation of the number of classes and R", .9, 1),
    Claim(11, "The three largest posteriors do as well as all of them", "III-B, Fig. 4",
          "difference at most .01", "R with three posteriors minus R with all", -.02, 1),
    Claim(12, "Halving the shadow's hyperparameters costs little", "III-C", "R .85 → .83",
          "loss of R", -.04, .04),
    Claim(13, "Doubling them costs little, too", "III-C", "R .85 → .80", "loss of R", -.04, .08),
    Claim(14, "One shadow of the wrong family does badly", "III-C", "no number",
          "R, combining attack minus wrong family", 0, 1),
    Claim(15, "The combining attack matches the known structure for networks", "III-C, Table II",
          "R .86 → .85", "loss of R", -1, .04, {
        "shoppers-100 (simulated)": "A forest's members answer where many of a network's "
                                    "non-members do, and the pooled attack accuses those too."}),
    Claim(16, "… and loses a little for random forests", "III-C, Table II", "R 1.0 → .93",
          "loss of R", -1, .10),
    Claim(17, "A random forest leaks completely", "III-C, Table II", "R 1.0", "R", .97, 1),
    # Adversary 2
    Claim(18, "Attacks transfer between data sets with little loss", "IV-C, Fig. 7",
          "mean R −.065", "mean loss of R off the diagonal", -1, .10, {
              "twelve recorded sets": "The ranking transfers, the cut does not: some of our "
              "targets are much surer of their members than others.",
              "seven real sets": "The same: CIFAR-100 and Location are less sure of their "
              "members than CIFAR-10, Face and News."}),
    Claim(19, "… even from texts to images: News to CIFAR-100", "IV-C, Fig. 7", "R .95", "R",
          .88, 1, {
              "news → cifar100": "After 200 epochs in place of 100 it does: the line learned from "
              "News asks for members as sure as its own."}),
    Claim(20, "… and sometimes beat adversary 1", "IV-C, Fig. 7",
          "Purchase-10 → News R .92, not .86", "best transfer minus diagonal, R", 0, 1),
    Claim(21, "A shadow that does not overfit (Adult) is useless", "IV-C, Fig. 7",
          "R .50 on half the targets", "median R over targets", 0, .60),
    Claim(22, "Location is a hard target for transfer", "IV-C, Fig. 7", "best R .78, not .86",
          "diagonal minus best transfer, R", .03, 1, {
        "location": "Sets whose models hesitate as Location's do serve it as well as its own."}),
    Claim(23, "Members of CIFAR-100 and News lie together, apart from non-members",
          "IV-C, Fig. 8", "a picture", "balanced accuracy of one line for both", .80, 1),
    # Adversary 3
    Claim(24, "Maximum, standard deviation and entropy do the same", "V-C, Fig. 9",
          "AUC within .005", "largest difference in AUC", 0, .01),
    Claim(25, "The maximum alone finds members on six sets", "V-C, Fig. 9", "AUC .82–.97",
          "largest difference from the paper's AUC", 0, .05, {
        "retail-100 (stand-in for Purchase-100)": "It finds members, and more of them: 1,500 "
                                                  "baskets of another shop leak more than "
                                                  "Purchase-100 at the same gap."}),
    Claim(26, "A threshold from random queries works on CIFAR-100", "V-C, Fig. 10",
          "member P .88", "member P at t = 10", .75, 1),
    Claim(27, "… and fails on CIFAR-10", "V-C, Fig. 10", "member R .16 with AUC .82",
          "member R at t = 10", 0, .50, {
        "cifar10": "Where a model puts noise differs from target to target: one of our three "
                   "fails as the paper's does, two are attacked well."}),
    Claim(28, "A larger t raises recall", "V-C, Fig. 10", "on every set",
          "smallest step of member R", 0, 1),
    Claim(29, "No fixed threshold suits all sets", "V-C, Fig. 11", "no number",
          "range of the best thresholds", .1, 1),
    Claim(30, "Adversary 3 is only slightly below 1 and 2", "V-C, Fig. 12",
          "R .52, not .82, on CIFAR-10", "mean loss of R", -1, .05, {
        "five recorded sets": "On CIFAR-10 the threshold from noise fails on one target of three; "
                              "on faces it lies too high once, and too low twice.",
        "retail (stand-in)": "Coin-flip baskets have 300 items where a receipt has 8: the model "
                             "is surer of them than of any member, and no threshold is found."}),
    # Defenses
    Claim(31, "Dropout cuts adversary 1", "VI-A, Fig. 13", "mean R −.14", "mean drop of R", .05, 1),
    Claim(32, "… on CIFAR-100 in particular", "VI-A, Fig. 13", "R .95 → .60", "R", 0, .75),
    Claim(33, "… but not on News", "VI-A, Fig. 13", "R .86 → .86", "drop of R", -.05, .05),
    Claim(34, "… and keeps or raises accuracy", "VI-A, Fig. 15", "mean +.019",
          "mean change of test accuracy", -.03, 1, {
        "retail (stand-in)": "A receipt has eight items: without half of them it is another one."}),
    Claim(35, "Dropout .75 on both layers leaves almost nothing", "VI-A, Fig. 17", "R .53", "R",
          0, .58, {
        "shoppers-100 (simulated)": "1,500 records a part, fewer than the paper's Purchase can "
                                    "have had, leave more to the attack."}),
    Claim(36, "Dropout counts on the input and on the hidden layer", "VI-A, Fig. 17",
          "R .77 → .57 from .25 to .75 hidden", "smallest step of R along either axis", 0, 1),
    Claim(37, "Stacking cuts adversary 1 wherever she succeeds", "VI-B, Fig. 13",
          "R falls by .03 (Purchase-2) to .37", "smallest drop of R where it was above .55",
          .02, 1),
    Claim(38, "… at a larger cost in accuracy than dropout", "VI-B, Fig. 15", "−.091, not +.019",
          "mean accuracy, dropout minus stacking", 0, 1, {
        "retail (stand-in)": "Dropout costs short receipts more than anywhere, and the stack's "
                             "forest knows k-means classes better than a network does."}),
    Claim(39, "The attack falls where the gap falls", "VI, Figs. 16, 19", "correlation .68–.83",
          "correlation of both reductions", .5, 1),
    Claim(40, "Adversary 3 withstands dropout better: on MNIST its recall rises", "VI-A, Fig. 14",
          "member R .45 → .99", "rise of member R", .1, 1, {
        "mnist": "Her threshold lies below nearly everybody without dropout, too: there is no "
                 "room to rise."}),
    # In the paper's figures, not in its words
    Claim(41, "Adversary 1 succeeds on Purchase-100", "III-B, Fig. 1", "R .85", "R", .80, .90),
]}


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
        return f"{words} {self.why}" if self.why else words

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


def _band(claim: Claim) -> str:
    if claim.low <= -1:
        return f"at most {claim.high:g}"
    return f"{claim.low:g} to {claim.high:g}"


def check(claim_id: int, measured: Interval, *, data: str) -> Verdict:
    """Put `measured` beside the paper's number, as a box; fail when the claim stops holding.

    Raises AssertionError when the value leaves the claim's band, unless the table says, with the
    reason, that the claim does not reproduce on `data`; and ValueError for an unknown claim.
    """
    if claim_id not in CLAIMS:
        raise ValueError(f"claim_id must be one of 1 … {max(CLAIMS)}, got {claim_id}")
    verdict = Verdict(CLAIMS[claim_id], measured, data)
    assert verdict.in_band or verdict.why, str(verdict)
    return verdict


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


if __name__ == "__main__":
    source, target = sys.argv[1:]
    found = collect(source)
    Path(target).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n",
                            encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    print(scoreboard(found))
