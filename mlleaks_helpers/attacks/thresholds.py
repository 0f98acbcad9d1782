"""Adversary 3: a threshold on one number, without any shadow model."""

import numpy as np

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.attack import answer_digests, check_shadow, refuse_own
from mlleaks_helpers.attacks.statistics import STATISTICS, WITHOUT_LABEL
from mlleaks_helpers.observation import Observation, as_numbers, check_posteriors, parted


class Threshold:
    """Adversary 3: one number for each record, and a threshold on it. No shadow, no training.

    statistic   "maximum", "deviation" or "entropy" of the posteriors (Section V-B), which need no
                label; "loss" (Yeom et al. 2018), "modified entropy" (Song and Mittal 2021) and
                "gap", 1 where the predicted class is right and 0 elsewhere (Yeom et al. 2018),
                need the record's true label. Entropies and losses count negative: higher = member
    threshold   call records at or above it members; `pick_threshold` finds one, and so does `fit`
                for an adversary who has a shadow model after all. Scores need none.

    `threshold_` is the one in use. Raises ValueError for an unknown statistic, and for a threshold
    that is no number.
    """

    def __init__(self, statistic: str = "maximum", threshold: float | None = None):
        if statistic not in STATISTICS:
            raise ValueError(f"statistic is {statistic!r}: known are {', '.join(STATISTICS)}")
        if threshold is not None:
            validate.between(-np.inf, np.inf, threshold=threshold)
        self.statistic = statistic
        self.threshold = self.threshold_ = threshold
        self.fitted_on_ = None

    def fit(self, shadow: Observation) -> "Threshold":
        """Take the threshold with the highest balanced accuracy on a shadow model.

        Raises ValueError for a shadow without members or without non-members.
        """
        check_shadow(shadow)
        scores = STATISTICS[self.statistic](shadow.posteriors, shadow.labels)
        self.threshold_ = best_threshold(scores, shadow.member)
        self.fitted_on_ = answer_digests(shadow)
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The statistic of each record, (n,).

        Raises ValueError for the answers that the attack was fitted on.
        """
        refuse_own(target, self.fitted_on_)
        return STATISTICS[self.statistic](target.posteriors, target.labels)


def best_threshold(scores, member) -> float:
    """The threshold with the highest balanced accuracy: `scores >= threshold` says member.

    scores  (n,) of a shadow, or of whoever is known to be a member or not
    member  (n,) bool: who is

    It is one of the scores; the highest of several that are equally good, and infinity where
    nothing is better than to call nobody a member. Raises ValueError for scores that are not
    finite, and where members or non-members are missing.
    """
    inside, outside = map(np.sort, parted(scores, member))
    choices = np.unique(scores)[::-1]
    found = len(inside) - np.searchsorted(inside, choices)
    accused = len(outside) - np.searchsorted(outside, choices)
    gain = found * len(outside) - accused * len(inside)
    best = np.argmax(gain)
    return float(choices[best]) if gain[best] > 0 else np.inf


def pick_threshold(random: np.ndarray, *, top: float = 10, statistic: str = "maximum") -> float:
    """The threshold that the highest `top` per cent of random queries reach (Section V-B, Fig. 10).

    random     (n, classes) the target's posteriors for random records; nobody trained on noise,
               so these are non-members
    top        per cent; the paper recommends 10. More means a lower threshold: more records are
               called members
    statistic  one of those that need no label

    Raises ValueError where `random` is None, as it is for text and mixed columns, or holds no
    posteriors; for `top` outside (0, 100); for a statistic that needs labels; and where so many
    answers are equal that more than twice as many as asked reach every threshold.
    """
    if random is None:
        raise ValueError("random is None: for this kind of data nobody knows what a random record "
                         "is, so no threshold can be picked this way")
    validate.inside(0, 100, top=top)
    if statistic not in WITHOUT_LABEL:
        raise ValueError(f"statistic is {statistic!r}: random records have no label, so it must be "
                         f"one of {', '.join(WITHOUT_LABEL)}")
    random = as_numbers(random, "random")
    check_posteriors(random)
    scores = STATISTICS[statistic](random, None)
    threshold = float(np.percentile(scores, 100 - top))
    reach = np.mean(scores >= threshold)
    if reach > max(2 * top / 100, 1 / len(scores)):
        raise ValueError(f"top is {top:g} per cent, but {reach:.1%} of the {len(scores):,} random "
                         f"records reach the threshold {threshold:g}: their answers are equal "
                         "there, so none can be picked this way")
    return threshold
