"""Attacks that compare a record with strangers: people of whom the adversary knows that they are
not members.

They need no reference model. Scores are higher for likelier members.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from mlleaks_helpers import validate
from mlleaks_helpers.observation import as_numbers

ROUNDING = 1e-12


def p_values(scores: np.ndarray, strangers: np.ndarray) -> np.ndarray:
    """The chance that a stranger scores as high as each record, (n,), above 0 and at most 1.

    scores     (n,) by any attack
    strangers  (m,) the same attack's scores of people who are no members, on whom it was not
               fitted

    (1 + strangers that score as high) / (m + 1), which holds for any m (the rank among them is
    uniform for a further stranger). One minus it is the population attack (Ye et al. 2022).
    Raises ValueError for no strangers, and for scores that are not finite.
    """
    scores, strangers = finite(scores, "scores"), np.sort(finite(strangers, "strangers"))
    as_high = len(strangers) - np.searchsorted(strangers, scores, side="left")
    return (1 + as_high) / (len(strangers) + 1)


def accused(scores: np.ndarray, strangers: np.ndarray, *, false_share: float = 0.1) -> np.ndarray:
    """The list of names: whom to call members so that few of them are none, (n,) bool.

    Of those on the list at most the `false_share` are strangers, on average over draws of the
    people asked about (Benjamini and Hochberg 1995, over `p_values`). The list may be empty.
    Raises ValueError for a share that is not between 0 and 1, and as `p_values` does.
    """
    validate.inside(0, 1, false_share=false_share)
    chances = p_values(scores, strangers)
    ordered = np.sort(chances)
    allowed = false_share * np.arange(1, len(ordered) + 1) / len(ordered)
    passed = np.flatnonzero(ordered <= allowed * (1 + ROUNDING))
    return chances <= (ordered[passed[-1]] if len(passed) else 0)


class QuantileThresholds:
    """A threshold for each record, from people like it who are no members (Bertran et al. 2023).

    Boosted trees learn from a record what score one like it has that only `rate` of strangers
    exceed. No reference model, and no knowledge of the target's structure.

    rate  the false positive rate at which members are wanted
    seed  which half of the strangers the trees learn from; on the other one the level is set

    `threshold_` is what a score must exceed its record's quantile by so that `rate` of the other
    half are accused.
    """

    def __init__(self, rate: float = 0.01, *, seed: int = 0):
        validate.inside(0, 1, rate=rate)
        validate.whole(0, seed=seed)
        self.rate = rate
        self.seed = seed

    def fit(self, strangers: np.ndarray, scores: np.ndarray) -> "QuantileThresholds":
        """Learn from the records (m, columns) of people who are no members, and their scores (m,).

        Raises ValueError for unequal lengths, and for fewer strangers than the rate needs: one
        false alarm in each half.
        """
        scores, strangers = finite(scores, "scores"), np.asarray(strangers)
        if strangers.ndim != 2 or len(strangers) != len(scores):
            raise ValueError("strangers must be a table with one row a score, got shape "
                             f"{strangers.shape} for {len(scores)} scores")
        if len(scores) * self.rate < 2:
            raise ValueError(f"rate {self.rate:g} needs at least {2 / self.rate:,.0f} strangers, "
                             f"got {len(scores):,}")
        learned, level = train_test_split(np.arange(len(scores)), test_size=0.5,
                                          random_state=self.seed)
        self.trees_ = HistGradientBoostingRegressor(
            loss="quantile", quantile=1 - self.rate, max_leaf_nodes=8, max_iter=60,
            early_stopping=False, random_state=self.seed)
        with threadpool_limits(1, "openmp"):  # as for `attack_trees`
            self.trees_.fit(strangers[learned], scores[learned])
        self.threshold_ = lowest_threshold(self.rate, self._beyond(strangers[level], scores[level]))
        return self

    def score_samples(self, records: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """By how much each record's score exceeds what is expected of strangers like it, (n,).

        Raises ValueError before `fit`, and for unequal lengths.
        """
        if not hasattr(self, "trees_"):
            raise ValueError("QuantileThresholds has learned nothing yet: fit it on strangers")
        scores, records = finite(scores, "scores"), np.asarray(records)
        if len(scores) != len(records):
            raise ValueError(f"scores must have one entry for each of the {len(records)} records, "
                             f"got {len(scores)}")
        return self._beyond(records, scores)

    def _beyond(self, records, scores):
        with threadpool_limits(1, "openmp"):
            return scores - self.trees_.predict(records)


def lowest_threshold(rate: float, strangers: np.ndarray) -> float:
    """The lowest threshold that at most `rate` of the strangers' scores (m,) reach."""
    highest_first = np.sort(strangers)[::-1]
    return float(np.nextafter(highest_first[int(len(strangers) * rate + 1e-9)], np.inf))


def finite(values, name: str) -> np.ndarray:
    """A copy as float64. Raises ValueError unless it is a list of at least one finite number."""
    values = as_numbers(values, name)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be a list of at least one number, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {(~np.isfinite(values)).sum()} that are not")
    return values
