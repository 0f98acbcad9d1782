"""Attacks on made-up posteriors with a known answer; no model is trained here."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from mlleaks_helpers.attacks import (
    PerClass,
    TopPosteriors,
    attack_mlp,
    attack_regression,
    top_posteriors,
)
from mlleaks_helpers.metrics import auc, evaluate
from mlleaks_helpers.observation import Observation, pool


def posteriors_of(rng, n, classes, confidence):
    """n records; the winner's logit stands out by `confidence` and any class may win."""
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), rng.integers(classes, size=n)] += confidence
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True)


def leaky(seed, *, n=600, classes=10, gap=2.0):
    """A model that is more confident on members by `gap`."""
    rng = np.random.default_rng(seed)
    posteriors = np.concatenate([posteriors_of(rng, n, classes, 2 + gap),
                                 posteriors_of(rng, n, classes, 2)])
    return Observation(posteriors, posteriors.argmax(axis=1), np.arange(2 * n) < n)


CLASSIFIERS = {"mlp": attack_mlp(), "regression": attack_regression()}


def test_top_posteriors_by_hand():
    got = top_posteriors(np.array([[0.1, 0.6, 0.05, 0.25], [0.7, 0.1, 0.2, 0.0]]), 3)
    np.testing.assert_array_equal(got, [[0.6, 0.25, 0.1], [0.7, 0.2, 0.1]])


def test_a_missing_third_posterior_is_zero():
    got = top_posteriors(np.array([[0.3, 0.7]]), 3)
    np.testing.assert_array_equal(got, [[0.7, 0.3, 0.0]])


def test_top_posteriors_needs_at_least_one():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_posteriors(np.ones((2, 2)) / 2, 0)


def test_relabelling_the_classes_changes_nothing():
    """Fails where the sort is dropped: without it the attack sees classes, not confidence."""
    shadow, target = leaky(0), leaky(1)
    order = np.random.default_rng(0).permutation(10)
    renamed = Observation(target.posteriors[:, order], target.labels, target.member)
    attack = TopPosteriors(3, attack_regression()).fit(shadow)
    np.testing.assert_allclose(attack.score_samples(target), attack.score_samples(renamed))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_planted_signal_is_found_the_right_way_up(name):
    report = evaluate(TopPosteriors(3, CLASSIFIERS[name]).fit(leaky(0)), leaky(1))
    assert report.auc.low > 0.8
    assert report.macro_recall.low > 0.7


def test_the_attack_network_reaches_logistic_regression():
    shadow, target = leaky(0, n=2000), leaky(1, n=2000)
    mlp, regression = (
        auc(TopPosteriors(3, c).fit(shadow).score_samples(target), target.member).value
        for c in CLASSIFIERS.values()
    )
    assert mlp >= regression - 0.01


def test_the_papers_network_is_the_default():
    attack = TopPosteriors().fit(leaky(0))
    assert attack.k == 3
    assert attack.classifier_.hidden_layer_sizes == (64,)


def test_the_threshold_is_fixed_before_the_target_is_seen():
    attack = TopPosteriors(3, attack_regression()).fit(leaky(0))
    unlike = leaky(1, gap=0)
    everyone = attack.predict(unlike)
    few = Observation(unlike.posteriors[:5], unlike.labels[:5], unlike.member[:5])
    np.testing.assert_array_equal(attack.predict(few), everyone[:5])


def test_a_shadow_of_noise_teaches_a_random_direction():
    """On a signal with one direction the attack lands far above or far below one half."""
    target = leaky(1)
    attacks = [TopPosteriors(3, attack_regression()).fit(leaky(0).shuffled(k)) for k in range(40)]
    found = np.array([auc(one.score_samples(target), target.member).value for one in attacks])
    assert 5 < (found > 0.5).sum() < 35
    assert abs(found.mean() - 0.5) < 3 * found.std() / np.sqrt(40)


def test_an_attack_fitted_on_the_target_is_refused():
    """The trap of the paper's released code: an attack that has seen the answers."""
    target = leaky(0)
    attack = TopPosteriors(3, attack_regression()).fit(target)
    for again in (target, target.shuffled(1)):
        with pytest.raises(ValueError, match="target is the observation .* was fitted on"):
            evaluate(attack, again)


def test_fitting_does_not_change_the_classifier_that_was_passed():
    classifier = DummyClassifier()
    TopPosteriors(3, classifier).fit(leaky(0))
    assert not hasattr(classifier, "classes_")


def test_a_shadow_without_non_members_is_refused():
    shadow = leaky(0)
    half = Observation(shadow.posteriors[:600], shadow.labels[:600], shadow.member[:600])
    with pytest.raises(ValueError, match="shadow must hold members and non-members, got 600"):
        TopPosteriors().fit(half)


def test_each_class_has_an_attack_of_its_own():
    """Members of even classes are surer, of odd classes less sure: one rule for all is blind."""
    def seen(seed):
        both = leaky(seed, n=2000, classes=4, gap=3)
        swapped = np.where(both.labels % 2 == 0, both.member, ~both.member)
        return Observation(both.posteriors, both.labels, swapped)

    shadow, target = seen(0), seen(1)
    assert evaluate(PerClass().fit(shadow), target).auc.low > 0.8
    assert evaluate(TopPosteriors().fit(shadow), target).auc.value < 0.6


def test_per_class_is_a_loop_over_the_classes():
    shadow, target = leaky(0), leaky(1)
    scores = PerClass().fit(shadow).score_samples(target)
    for label in range(10):
        mine, theirs = shadow.labels == label, target.labels == label
        alone = attack_regression().fit(shadow.posteriors[mine], shadow.member[mine])
        expected = alone.predict_proba(target.posteriors[theirs])[:, 1]
        np.testing.assert_array_equal(scores[theirs], expected)


def test_a_class_that_the_shadow_never_met_is_left_undecided():
    shadow, target = leaky(0), leaky(1)
    known = shadow.labels != 3
    less = Observation(shadow.posteriors[known], shadow.labels[known], shadow.member[known])
    attack = PerClass().fit(less)
    unknown = target.labels == 3
    assert (attack.score_samples(target)[unknown] == 0.5).all()
    assert not attack.predict(target)[unknown].any()


def test_per_class_does_not_peek_and_refuses_its_own_data():
    shadow, target = leaky(0), leaky(1)
    attack = PerClass().fit(shadow)
    noise = target.shuffled(7)
    np.testing.assert_array_equal(attack.score_samples(target), attack.score_samples(noise))
    with pytest.raises(ValueError, match="fitted on"):
        attack.score_samples(shadow)


def test_pooled_shadows_keep_every_record_in_order():
    one, two = leaky(0), leaky(1)
    both = pool([one, two])
    assert len(both) == len(one) + len(two)
    np.testing.assert_array_equal(both.posteriors[len(one):], two.posteriors)
    np.testing.assert_array_equal(both.member[len(one):], two.member)


@pytest.mark.parametrize("observations", [[], [leaky(0), leaky(0, classes=4)]])
def test_only_shadows_with_the_same_classes_can_be_pooled(observations):
    with pytest.raises(ValueError, match="same number of classes"):
        pool(observations)
