"""A threshold for each class, against a loop and on classes that differ."""

import numpy as np
import pytest
from made_up import leaky, mean_area

from mlleaks_helpers.attacks import STATISTICS, ClassThresholds, Threshold, best_threshold
from mlleaks_helpers.metrics import auc, decisions, evaluate
from mlleaks_helpers.observation import Observation


@pytest.mark.parametrize("statistic", STATISTICS)
def test_each_threshold_is_the_best_of_its_class(statistic):
    shadow, target = leaky(0, n=200, classes=4), leaky(1, n=50, classes=4)
    attack = ClassThresholds(statistic).fit(shadow)
    scores = STATISTICS[statistic](shadow.posteriors, shadow.labels)
    expected = [best_threshold(scores[own], shadow.member[own])
                for own in (shadow.labels == label for label in range(4))]
    np.testing.assert_array_equal(attack.thresholds_, expected)
    assert len(set(expected)) == 4 or statistic == "gap"
    asked = STATISTICS[statistic](target.posteriors, target.labels)
    for record, label in enumerate(target.labels):
        assert attack.score_samples(target)[record] == asked[record] - expected[label]
    np.testing.assert_array_equal(decisions(attack, target),
                                  asked >= np.array(expected)[target.labels])


def test_the_modified_entropy_is_the_default_and_decisions_begin_at_zero():
    assert ClassThresholds().statistic == "modified entropy"
    assert ClassThresholds().threshold_ == 0


def by_class(seed):
    """A model is surer of everyone of the first class than of any member of the second."""
    rng = np.random.default_rng(seed)
    member, labels = np.arange(2_000) < 1_000, np.arange(2_000) % 2
    logit = np.where(labels == 0, 6.0, 0) + 2 * member + rng.normal(scale=0.7, size=2_000)
    right = 1 / (1 + np.exp(-logit))
    posteriors = np.where(labels[:, None] == np.arange(2), right[:, None], 1 - right[:, None])
    return Observation(posteriors, labels, member)


def test_classes_of_which_a_model_is_unequally_sure_are_told_apart():
    own, common = (evaluate(attack.fit(by_class(0)), by_class(1))
                   for attack in (ClassThresholds(), Threshold("modified entropy")))
    assert own.balanced_accuracy.low > 0.88 > 0.75 > common.balanced_accuracy.high
    assert own.auc.low > 0.9 > common.auc.high


@pytest.mark.parametrize("of_class", ["nobody", "members", "non-members", "upside down"])
def test_a_class_that_has_no_threshold_of_its_own_takes_that_of_all(of_class):
    full = leaky(0, classes=4)
    last = full.labels == 3
    shadow = {
        "nobody": lambda: full.take(~last),
        "members": lambda: full.take(~last | full.member),
        "non-members": lambda: full.take(~last | ~full.member),
        "upside down": lambda: Observation(
            np.where(last[:, None], np.where(full.member[:, None], [0.4, 0.3, 0.2, 0.1],
                                             [0.1, 0.1, 0.1, 0.7]), full.posteriors),
            full.labels, full.member),
    }[of_class]()
    attack = ClassThresholds("loss").fit(shadow)
    scores = STATISTICS["loss"](shadow.posteriors, shadow.labels)
    assert attack.thresholds_[3] == best_threshold(scores, shadow.member)
    assert attack.thresholds_[3] not in attack.thresholds_[:3]


def test_where_no_threshold_is_better_than_nobody_scores_stay_finite():
    shadow = Observation([[0.9, 0.1], [0.6, 0.4]], [0, 0], [False, True])
    attack = ClassThresholds("maximum").fit(shadow)
    np.testing.assert_array_equal(attack.thresholds_, [0.9, 0.9])
    assert np.isfinite(attack.score_samples(leaky(1, classes=2))).all()


def test_there_is_nothing_to_find_among_strangers():
    attack = ClassThresholds().fit(leaky(0))
    areas = mean_area(attack.score_samples(strangers := leaky(1, n=10_000, gap=0)),
                      strangers.shuffled().member, groups=200)
    assert areas == pytest.approx(0.5, abs=0.012)


def test_the_targets_membership_is_not_looked_at():
    attack, target = ClassThresholds().fit(leaky(0)), leaky(1)
    np.testing.assert_array_equal(attack.score_samples(target),
                                  attack.score_samples(target.shuffled()))
    assert auc(attack.score_samples(target), target.member).low > 0.8


@pytest.mark.parametrize("ask, message", [
    (lambda: ClassThresholds("median"), "statistic is 'median': known are maximum, deviation"),
    (lambda: ClassThresholds().score_samples(leaky(0)), "has learned nothing yet: fit it on a"),
    (lambda: ClassThresholds().fit(leaky(0)).score_samples(leaky(0)), "target is the observation"),
    (lambda: ClassThresholds().fit(leaky(0)).score_samples(leaky(1, classes=4)),
     "target must have the shadow's 10 classes, got 4"),
    (lambda: ClassThresholds().fit(leaky(0).take(slice(600))), "members and non-members, got 600"),
])
def test_class_thresholds_refuse(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
