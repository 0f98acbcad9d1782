"""Trying attacks on the adversary's own shadow: nobody is scored by what learned from him."""

import numpy as np
import pytest
from made_up import leaky

from mlleaks_helpers.attacks import (
    Threshold,
    TopPosteriors,
    attack_regression,
    choose,
    held_out,
)

SHADOW = leaky(0)


class ByHeart:
    """Knows the records that it learned from, and nothing of others."""

    threshold_ = 0.5

    def fit(self, shadow):
        self.known = {row.tobytes(): seen for row, seen in
                      zip(shadow.posteriors, shadow.member, strict=True)}
        return self

    def score_samples(self, target):
        return np.array([self.known.get(row.tobytes(), 0.25) for row in target.posteriors], float)


def test_scores_come_from_attacks_that_learned_from_the_others():
    scores, called = held_out(ByHeart(), SHADOW)
    assert (scores == 0.25).all() and not called.any()


def test_every_fold_gets_its_own_place():
    """Against the slow way: one attack a fold, on the rows that are not in it."""
    from sklearn.model_selection import StratifiedKFold

    scores, called = held_out(Threshold("loss"), SHADOW, folds=4, seed=3)
    folds = StratifiedKFold(4, shuffle=True, random_state=3).split(SHADOW.member, SHADOW.member)
    for learned, rest in folds:
        attack = Threshold("loss").fit(SHADOW.take(learned))
        np.testing.assert_array_equal(scores[rest], attack.score_samples(SHADOW.take(rest)))
        np.testing.assert_array_equal(called[rest], scores[rest] >= attack.threshold_)
    other, _ = held_out(ByHeart(), SHADOW, folds=2, seed=1)
    assert other.shape == scores.shape == called.shape == (1_200,)


def test_the_seed_deals_and_the_attack_is_left_alone():
    line = TopPosteriors(classifier=attack_regression())
    one, again, other = (held_out(line, SHADOW, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other) and not hasattr(line, "classifier_")


def test_folds_matter():
    few, many = (held_out(Threshold("maximum"), SHADOW, folds=folds)[1] for folds in (2, 10))
    assert not np.array_equal(few, many)


def test_she_chooses_what_works_on_held_out_records():
    attacks = {"by heart": ByHeart(), "gap": Threshold("gap"), "loss": Threshold("loss")}
    assert choose(attacks, SHADOW) == "loss"
    assert choose({"loss": Threshold("loss"), "gap": Threshold("gap")}, SHADOW) == "loss"
    assert choose({"one": Threshold("loss"), "two": Threshold("loss")}, SHADOW) == "one"


def test_where_certainty_tells_nothing_the_gap_is_chosen():
    """Every answer equally sure; members are answered rightly, non-members by chance."""
    from mlleaks_helpers.observation import Observation

    rng = np.random.default_rng(0)
    member, labels = np.arange(600) < 300, rng.integers(4, size=600)
    says = np.where(member, labels, rng.integers(4, size=600))
    shadow = Observation(0.2 * np.eye(4)[says] + 0.2, labels, member)
    assert choose({"maximum": Threshold(), "gap": Threshold("gap")}, shadow) == "gap"


@pytest.mark.parametrize("folds", [1, 0, 2.5])
def test_folds_that_are_none(folds):
    with pytest.raises(ValueError, match="folds"):
        held_out(Threshold(), SHADOW, folds=folds)


def test_too_few_of_one_kind_for_the_folds():
    rows = np.r_[0:5, 600:602]
    with pytest.raises(ValueError, match="at least 3 members and non-members, one a fold, got 2"):
        held_out(Threshold(), SHADOW.take(rows))
    held_out(Threshold(), SHADOW.take(np.r_[0:3, 600:603]))
    with pytest.raises(ValueError, match="members and non-members"):
        held_out(Threshold(), SHADOW.take(slice(0, 100)))
    with pytest.raises(ValueError, match="at least one attack to choose from"):
        choose({}, SHADOW)
