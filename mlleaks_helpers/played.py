"""Recorded references at work: each model in turn plays the target, against some of the others.

What the page on later papers and the lessons of the worst case measure, so that a claim that is
judged on two pages is judged by the same numbers.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from mlleaks_helpers.attacks.lira import lira
from mlleaks_helpers.attacks.references import References
from mlleaks_helpers.interval import Interval, around, fixed_sets_interval, mean_interval
from mlleaks_helpers.metrics import resolves
from mlleaks_helpers.observation import parted
from mlleaks_helpers.recorded import over_seeds, recorded_references

TARGETS = 8
RATE = 0.01


def turns(references: References, count: int, targets: int = TARGETS) -> Iterator[tuple]:
    """A target's logits (n,), its members (n,) bool, and `count` others to compare with.

    The first `targets` models play, and as far as there are enough others each meets others.
    Raises ValueError for more references than there are beside the target.
    """
    if count > len(references) - 1:
        raise ValueError(f"count is {count}, and beside a target there are {len(references) - 1}")
    stride = max((len(references) - 1) // targets, 1)
    for k in range(min(targets, len(references))):
        logits, member, others = references.without(k)
        yield logits, member, others.models((stride * k + np.arange(count)) % len(others))


def reached(attacks: dict, references: References, count: int,
            targets: int = TARGETS) -> dict[str, np.ndarray]:
    """AUC and TPR at 1 % FPR of each attack on each target, {name: (targets, 2)}.

    attacks  {name: a function of a target's logits and the references, such as `lira`}

    TPR is NaN for too few records.
    """
    rows = {name: [] for name in attacks}
    for logits, member, others in turns(references, count, targets):
        for name, attack in attacks.items():
            scores = attack(logits, others)
            rows[name].append((area(scores, member), found(scores, member)))
    return {name: np.array(row) for name, row in rows.items()}


def area(scores, member) -> float:
    """The value of `auc`, whose interval costs twice as much again, and is not read here."""
    inside, outside = parted(scores, member)
    ranks = stats.rankdata(np.concatenate([inside, outside]))[:len(inside)]
    return (ranks.mean() - (len(inside) + 1) / 2) / len(outside)


def found(scores, member) -> float:
    """The value of `tpr_at_fpr`, or NaN where that would be fewer than ten non-members."""
    inside, outside = parted(scores, member)
    if not resolves(len(outside), RATE):
        return np.nan
    threshold = np.sort(outside)[-1 - int(len(outside) * RATE + 1e-9)]
    return (inside > threshold).mean()


def ratio_interval(above, below) -> Interval:
    """How many times as large the mean of one is as that of the other, of the same repetitions.

    Fieller's (1954): all c for which the mean of above − c · below may be 0 by Student's t. Its
    upper end is infinite where `below` may be 0, its lower one −∞ where that says nothing.

    Raises ValueError for fewer than two repetitions, unequal lengths, and a mean of 0 below.
    """
    above, below = np.asarray(above, float), np.asarray(below, float)
    if above.ndim != 1 or above.shape != below.shape or len(above) < 2:
        raise ValueError("above and below must be two sequences of one length, at least 2, got "
                         f"shapes {above.shape} and {below.shape}")
    if below.mean() <= 0 or above.mean() < 0:
        raise ValueError(f"the mean of above must be at least 0 and that of below positive, got "
                         f"{above.mean():g} and {below.mean():g}")
    covariance = np.cov(above, below) * stats.t.ppf(0.975, len(above) - 1) ** 2 / len(above)
    square = below.mean() ** 2 - covariance[1, 1]
    middle = above.mean() * below.mean() - covariance[0, 1]
    last = above.mean() ** 2 - covariance[0, 0]
    inside = middle**2 - square * last
    root = np.sqrt(max(inside, 0))
    low = (middle - root) / square if square > 0 or square < 0 <= inside else -np.inf
    high = (middle + root) / square if square > 0 else np.inf
    return around(above.mean() / below.mean(), low, high)


def difference_interval(one, other) -> Interval:
    """The mean of one less that of the other, of repetitions that are not paired (Welch 1947)."""
    half = fixed_sets_interval([one, -np.asarray(other, float)])
    return Interval(2 * half.value, 2 * half.low, 2 * half.high)


def dropout_change(name: str = "location", count: int = 64, targets: int = TARGETS) -> Interval:
    """Claim 117: what dropout changes about LiRA's TPR at 1 % FPR, target by target."""
    plain, dropout = (recorded_references(name, recipe).references.models(slice(count + 1))
                      for recipe in ("plain", "dropout"))
    masked, bare = (reached({"LiRA": lira}, one, count, targets)["LiRA"][:, 1]
                    for one in (dropout, plain))
    return mean_interval(masked - bare)


def gap_attack(name: str, recipe: str = "dropout") -> np.ndarray:
    """Claim 113: balanced accuracy of calling members those who are answered rightly, (seeds,)."""
    return 0.5 + over_seeds(name, recipe, "gap") / 2
