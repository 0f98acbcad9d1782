"""How well an attack does, always with a 95 % interval. The positive class is "member".

NumPy, SciPy and scikit-learn only: scores in, numbers out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats
from sklearn.metrics import roc_curve

from mlleaks_helpers import validate
from mlleaks_helpers.interval import MIDDLE, Interval, around, mean_interval
from mlleaks_helpers.observation import Observation, parted

__all__ = ["Interval", "Report", "auc", "decision_metrics", "decisions", "evaluate",
           "mean_interval", "null_control", "report", "resolves", "roc", "tpr_at_fpr"]

DRAWS = 4_000
Z = stats.norm.ppf(0.975)
FALSE_POSITIVES_NEEDED = 10


@dataclass(frozen=True)
class Report:
    """One attack on one target. Every metric is an `Interval`.

    precision, recall              of the member class: what the paper reports for adversary 3
    macro_precision, macro_recall  averaged over members and non-members: what the paper reports
                                   for adversaries 1 and 2 (for equal numbers of both,
                                   macro_recall is also the accuracy)
    balanced_accuracy              another name for macro_recall
    fpr                            share of the non-members that are called members
    auc                            chance that a member scores above a non-member
    tpr_at_fpr                     {rate: true positive rate at that false positive rate}; None
                                   where there are too few non-members to resolve the rate
    """

    members: int
    non_members: int
    precision: Interval
    recall: Interval
    macro_precision: Interval
    macro_recall: Interval
    accuracy: Interval
    fpr: Interval
    auc: Interval
    tpr_at_fpr: dict[float, Interval | None]

    @property
    def balanced_accuracy(self) -> Interval:
        return self.macro_recall

    @property
    def base_rate(self) -> float:
        """The share of members among those asked about: the precision of accusing everybody."""
        return self.members / (self.members + self.non_members)

    def rows(self) -> dict[str, str]:
        """Every metric in words, for printing."""
        named = {
            "precision, member class": self.precision,
            "recall, member class": self.recall,
            "precision, class-averaged": self.macro_precision,
            "recall, class-averaged": self.macro_recall,
            "accuracy": self.accuracy,
            "false positive rate": self.fpr,
            "AUC": self.auc,
        }
        named |= {f"TPR at {100 * rate:g} % FPR": value for rate, value in self.tpr_at_fpr.items()}
        few = f"not resolved by {self.non_members:,} non-members"
        words = {name: few if value is None else str(value) for name, value in named.items()}
        return words | {"base rate": f"{self.base_rate:.3f} of those asked about are members"}

    def __str__(self):
        return "\n".join(f"{name:28}{value}" for name, value in self.rows().items())

    __repr__ = __str__

    def _repr_html_(self):
        body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>"
                       for name, value in self.rows().items())
        parts = f"{self.members:,} members, {self.non_members:,} non-members"
        return (f'<table class="report"><thead><tr><th>{parts}</th>'
                f"<th>value [95 % interval]</th></tr></thead><tbody>{body}</tbody></table>")


def decisions(attack, target: Observation) -> np.ndarray:
    """Whom `attack` calls a member: True where the score reaches its threshold, (n,) bool.

    Raises ValueError where the attack has no threshold.
    """
    return _reached(attack.score_samples(target), attack)


def evaluate(attack, target: Observation, *, rates=(0.01, 0.001)) -> Report:
    """Score and judge a fitted `attack` on `target`; every metric of the book at once.

    `attack` needs `score_samples` and `threshold_` (`attacks.Attack`), and is asked once. `rates`
    are false positive rates for which the true positive rate is wanted. Raises ValueError as
    `decisions` and `report` do.
    """
    scores = attack.score_samples(target)
    return report(scores, _reached(scores, attack), target.member, rates=rates)


def _reached(scores, attack):
    if getattr(attack, "threshold_", None) is None:
        raise ValueError("threshold_ is None, so there are scores and no decisions: fit the attack "
                         "on a shadow, or give it a threshold, for example from pick_threshold")
    return scores >= attack.threshold_


def report(scores, predicted, member, *, rates=(0.01, 0.001)) -> Report:
    """As `evaluate`, from scores (n,), decisions (n,) bool and the truth (n,) bool.

    Raises ValueError for decisions or a truth that are not bool, for scores that are not finite,
    for unequal lengths, and where members or non-members are missing.
    """
    if np.asarray(predicted).dtype != bool:
        raise ValueError("predicted must be bool, True for who is called a member, got "
                         f"{np.asarray(predicted).dtype}")
    inside, outside = parted(predicted, member)
    return Report(
        members=len(inside),
        non_members=len(outside),
        **decision_metrics(int(inside.sum()), len(inside), int(outside.sum()), len(outside)),
        auc=auc(scores, member),
        tpr_at_fpr={rate: tpr_at_fpr(scores, member, rate) if resolves(len(outside), rate) else None
                    for rate in rates},
    )


def decision_metrics(hits: int, members: int, alarms: int, non_members: int) -> dict[str, Interval]:
    """Metrics of yes/no decisions: `hits` members and `alarms` non-members were called members.

    Each metric is a function of two rates, and each rate is a proportion with the Jeffreys
    posterior Beta(x + ½, n − x + ½) (Brown, Cai and DasGupta 2001). The intervals of recall and of
    the false positive rate are the middle 95 % of theirs; the others' come from drawing both rates.
    Raises ValueError for counts that are not whole, groups of nobody, and more called members
    than there are.
    """
    validate.whole(0, hits=hits, alarms=alarms)
    validate.whole(1, members=members, non_members=non_members)
    validate.between(0, members, hits=hits)
    validate.between(0, non_members, alarms=alarms)
    found = (hits + 0.5, members - hits + 0.5)
    accused = (alarms + 0.5, non_members - alarms + 0.5)
    rng = np.random.default_rng(0)
    drawn = _from_rates(rng.beta(*found, DRAWS), rng.beta(*accused, DRAWS), members, non_members)
    values = _from_rates(hits / members, alarms / non_members, members, non_members)
    ends = {name: np.quantile(drawn[name], MIDDLE) for name in drawn}
    ends |= {"recall": special.betaincinv(*found, MIDDLE),
             "fpr": special.betaincinv(*accused, MIDDLE)}
    return {name: around(value, *ends[name]) for name, value in values.items()}


def _from_rates(tpr, fpr, members, non_members):
    precision = _share(members * tpr, non_members * fpr)
    negative_precision = _share(non_members * (1 - fpr), members * (1 - tpr))
    correct = members * tpr + non_members * (1 - fpr)
    return {
        "precision": precision,
        "recall": tpr,
        "macro_precision": (precision + negative_precision) / 2,
        "macro_recall": (tpr + 1 - fpr) / 2,
        "accuracy": correct / (members + non_members),
        "fpr": fpr,
    }


def _share(right, wrong):
    """right / (right + wrong), and 0 where nothing was called, as scikit-learn has it."""
    called = right + wrong
    return np.divide(right, called, out=np.zeros_like(called, dtype=float), where=called > 0)


def auc(scores, member) -> Interval:
    """Area under the ROC curve, with DeLong's interval (1988) on the logit scale.

    A perfect or perfectly wrong ranking has no variance to estimate; its interval is that of
    a proportion with all successes in the smaller group. Raises ValueError for fewer than two
    members or non-members.
    """
    inside, outside = parted(scores, member)
    m, n = len(inside), len(outside)
    if min(m, n) < 2:
        raise ValueError(f"member must hold at least two members and two non-members, got {m} "
                         f"and {n}: one alone has no spread")
    together = stats.rankdata(np.concatenate([inside, outside]))
    beaten = (together[:m] - stats.rankdata(inside)) / n
    beating = (together[m:] - stats.rankdata(outside)) / m
    value = beaten.mean()
    error = np.sqrt(beaten.var(ddof=1) / m + beating.var(ddof=1) / n)
    if error == 0 or value in (0, 1):
        return _extreme(value, min(m, n))
    logit, spread = special.logit(value), Z * error / (value * (1 - value))
    return Interval(float(value), *special.expit([logit - spread, logit + spread]).tolist())


def _extreme(value, n):
    slack = 1 - 0.025 ** (1 / n)
    return Interval(float(value), max(0.0, float(value) - slack), min(1.0, float(value) + slack))


def roc(scores, member) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: false positive rates and true positive rates, from (0, 0) to (1, 1)."""
    parted(scores, member)
    fpr, tpr, _ = roc_curve(member, scores, drop_intermediate=False)
    return fpr, tpr


def resolves(non_members: int, rate: float) -> bool:
    """Whether that many non-members can show this false positive rate: ten false alarms."""
    return non_members * rate >= FALSE_POSITIVES_NEEDED - 1e-9


def tpr_at_fpr(scores, member, rate: float) -> Interval:
    """The share of members found while at most `rate` of the non-members are false alarms.

    Nothing is interpolated: the threshold is a non-member's own score. The interval covers both
    that threshold (it is redrawn as by a bootstrap of the non-members) and the share of members
    above it. Raises ValueError where `rate` would be fewer than ten false alarms.
    """
    inside, outside = parted(scores, member)
    m, n = len(inside), len(outside)
    validate.inside(0, 1, rate=rate)
    if not resolves(n, rate):
        raise ValueError(f"rate {rate:g} needs at least {FALSE_POSITIVES_NEEDED / rate:,.0f} "
                         f"non-members (ten false alarms), got {n:,}")
    allowed = int(n * rate + 1e-9)
    highest_first, in_order = np.sort(outside)[::-1], np.sort(inside)

    def found(threshold):
        return m - np.searchsorted(in_order, threshold, side="right")

    rng = np.random.default_rng(0)
    redrawn = (n * rng.beta(allowed + 1, n - allowed, DRAWS)).astype(int)
    hits = found(highest_first[redrawn])
    draws = rng.beta(hits + 0.5, m - hits + 0.5)
    return around(found(highest_first[allowed]) / m, *np.quantile(draws, MIDDLE))


def null_control(scores, member, *, draws: int = 1_000, seed: int = 0) -> Interval:
    """Where the AUC falls when membership is dealt out at random: mean and middle 95 %.

    An AUC inside this band is what chance gives with this many records. Raises ValueError for
    fewer than two draws.
    """
    validate.whole(2, draws=draws)
    inside, outside = parted(scores, member)
    m, n = len(inside), len(outside)
    ranks = stats.rankdata(np.concatenate([inside, outside]))
    rng = np.random.default_rng(seed)
    sums = np.array([rng.permutation(ranks)[:m].sum() for _ in range(draws)])
    values = (sums - m * (m + 1) / 2) / (m * n)
    return around(values.mean(), *np.quantile(values, MIDDLE))
