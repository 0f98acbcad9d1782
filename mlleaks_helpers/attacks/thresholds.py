"""Adversary 3: a threshold on one number, without any shadow model."""

import numpy as np
from sklearn.metrics import roc_curve

from mlleaks_helpers.attacks.classifiers import _check_shadow, _refuse_own
from mlleaks_helpers.attacks.statistics import STATISTICS, WITHOUT_LABEL
from mlleaks_helpers.observation import Observation, check_posteriors


class Threshold:
    """Adversary 3: one number for each record, and a threshold on it. No shadow, no training.

    statistic   "maximum", "deviation" or "entropy" of the posteriors (Section V-B), which need no
                label; "loss" (Yeom et al. 2018) and "modified entropy" (Song and Mittal 2021) need
                the record's true label. Entropies and losses count negative: higher = member
    threshold   call records at or above it members; `pick_threshold` finds one, and so does `fit`
                for an adversary who has a shadow model after all. Scores need none.
    """

    def __init__(self, statistic: str = "maximum", threshold: float | None = None):
        if statistic not in STATISTICS:
            raise ValueError(f"statistic is {statistic!r}: known are {', '.join(STATISTICS)}")
        self.statistic = statistic
        self.threshold = threshold

    def fit(self, shadow: Observation) -> "Threshold":
        """Take the threshold with the highest balanced accuracy on a shadow model.

        Raises ValueError for a shadow without members or without non-members.
        """
        _check_shadow(shadow)
        scores = STATISTICS[self.statistic](shadow.posteriors, shadow.labels)
        fpr, tpr, thresholds = roc_curve(shadow.member, scores, drop_intermediate=False)
        self.threshold = float(thresholds[np.argmax(tpr - fpr)])
        self.fitted_on_ = shadow.posteriors
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The statistic of each record, (n,).

        Raises ValueError for the very observation that the attack was fitted on.
        """
        _refuse_own(target, getattr(self, "fitted_on_", None))
        return STATISTICS[self.statistic](target.posteriors, target.labels)

    def predict(self, target: Observation) -> np.ndarray:
        """True where the statistic reaches the threshold, (n,) bool.

        Raises ValueError where there is no threshold.
        """
        if self.threshold is None:
            raise ValueError("threshold is None: give one, for example from pick_threshold")
        return self.score_samples(target) >= self.threshold


def pick_threshold(random: np.ndarray, *, top: float = 10, statistic: str = "maximum") -> float:
    """The threshold that the highest `top` per cent of random queries reach (Section V-B, Fig. 10).

    random     (n, classes) the target's posteriors for random records; nobody trained on noise,
               so these are non-members
    top        per cent; the paper recommends 10. More means a lower threshold: more records are
               called members
    statistic  one of those that need no label

    Raises ValueError where `random` is None, as it is for text and mixed columns, or holds no
    posteriors; for `top` outside (0, 100); and for a statistic that needs labels.
    """
    if random is None:
        raise ValueError("random is None: for this kind of data nobody knows what a random record "
                         "is, so no threshold can be picked this way")
    if not 0 < top < 100:
        raise ValueError(f"top must lie between 0 and 100 per cent, got {top}")
    if statistic not in WITHOUT_LABEL:
        raise ValueError(f"statistic is {statistic!r}: random records have no label, so it must be "
                         f"one of {', '.join(WITHOUT_LABEL)}")
    random = np.asarray(random, float)
    check_posteriors(random)
    return float(np.percentile(STATISTICS[statistic](random, None), 100 - top))
