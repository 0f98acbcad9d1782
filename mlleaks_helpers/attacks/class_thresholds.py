"""A threshold for each class: how sure a model is of its members differs from class to class."""

import numpy as np

from mlleaks_helpers.attacks.attack import answer_digests, check_shadow, refuse_own
from mlleaks_helpers.attacks.statistics import STATISTICS
from mlleaks_helpers.attacks.thresholds import best_threshold
from mlleaks_helpers.observation import Observation


class ClassThresholds:
    """One number for each record, and a threshold for its class (Song and Mittal 2021).

    statistic  one of `STATISTICS`; theirs is "modified entropy", 0 only for an answer that is sure
               and right. Classes are the records' true labels

    The thresholds, `thresholds_`, are those with the highest balanced accuracy on a shadow; a class
    that has none there takes that of all records. Scores count from the class's threshold, so that
    `threshold_` is 0. Raises ValueError for an unknown statistic.
    """

    threshold_ = 0.0

    def __init__(self, statistic: str = "modified entropy"):
        if statistic not in STATISTICS:
            raise ValueError(f"statistic is {statistic!r}: known are {', '.join(STATISTICS)}")
        self.statistic = statistic

    def fit(self, shadow: Observation) -> "ClassThresholds":
        """Take the thresholds that serve best on a shadow model.

        Raises ValueError for a shadow without members or without non-members.
        """
        check_shadow(shadow)
        scores = STATISTICS[self.statistic](shadow.posteriors, shadow.labels)
        common = best_threshold(scores, shadow.member)
        if np.isinf(common):
            common = scores.max()
        self.thresholds_ = np.full(shadow.posteriors.shape[1], common)
        for label in np.unique(shadow.labels):
            its, member = scores[shadow.labels == label], shadow.member[shadow.labels == label]
            if len(np.unique(member)) == 2 and np.isfinite(best := best_threshold(its, member)):
                self.thresholds_[label] = best
        self.fitted_on_ = answer_digests(shadow)
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The statistic of each record, less its class's threshold, (n,).

        Raises ValueError before `fit`, for the answers that it was fitted on, and for another
        number of classes.
        """
        if not hasattr(self, "thresholds_"):
            raise ValueError("ClassThresholds has learned nothing yet: fit it on a shadow")
        if target.posteriors.shape[1] != len(self.thresholds_):
            raise ValueError(f"target must have the shadow's {len(self.thresholds_)} classes, got "
                             f"{target.posteriors.shape[1]}")
        refuse_own(target, self.fitted_on_)
        scores = STATISTICS[self.statistic](target.posteriors, target.labels)
        return scores - self.thresholds_[target.labels]
