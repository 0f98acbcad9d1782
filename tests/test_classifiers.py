"""Learned attacks on made-up posteriors with a known answer; no target is trained here."""

import numpy as np
import pytest
from made_up import leaky
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from mlleaks_helpers.attacks import (
    ClassTrees,
    PerClass,
    TopPosteriors,
    attack_mlp,
    attack_regression,
    attack_trees,
)
from mlleaks_helpers.attacks.classifiers import PENALTIES, ask_each, fit_each, penalised
from mlleaks_helpers.metrics import auc, decisions, evaluate
from mlleaks_helpers.observation import Observation, pool

CLASSIFIERS = {"mlp": attack_mlp(), "regression": attack_regression()}


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
    everyone = decisions(attack, unlike)
    np.testing.assert_array_equal(decisions(attack, unlike.take(slice(5))), everyone[:5])
    assert attack.threshold_ == TopPosteriors.threshold_ == 0.5


def test_a_shadow_of_noise_teaches_a_random_direction():
    """On a signal with one direction the attack lands far above or far below one half."""
    target = leaky(1)
    attacks = [TopPosteriors(3, LogisticRegression()).fit(leaky(0, n=100).shuffled(k))
               for k in range(24)]
    found = np.array([auc(one.score_samples(target), target.member).value for one in attacks])
    assert 2 < (found > 0.5).sum() < 22
    assert abs(found.mean() - 0.5) < 3 * found.std() / np.sqrt(24)


def test_fitting_does_not_change_the_classifier_that_was_passed():
    classifier = DummyClassifier()
    TopPosteriors(3, classifier).fit(leaky(0))
    assert not hasattr(classifier, "classes_")


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
    shadow, target = leaky(0, n=100, classes=4), leaky(1, classes=4)
    scores = PerClass(attack_regression()).fit(shadow).score_samples(target)
    for label in range(4):
        mine, theirs = shadow.labels == label, target.labels == label
        alone = attack_regression().fit(shadow.posteriors[mine], shadow.member[mine])
        expected = alone.predict_proba(target.posteriors[theirs])[:, 1]
        np.testing.assert_array_equal(scores[theirs], expected)


def test_a_class_that_the_shadow_never_met_is_left_undecided():
    shadow, target = leaky(0, n=100, classes=4), leaky(1, classes=4)
    attack = PerClass().fit(shadow.take(shadow.labels != 3))
    unknown = target.labels == 3
    assert (attack.score_samples(target)[unknown] == 0.5).all()
    assert not decisions(attack, target)[unknown].any()
    assert decisions(attack, target)[~unknown].any()


def test_a_score_just_above_one_half_is_a_yes():
    assert PerClass.threshold_ == np.nextafter(0.5, 1) > 0.5


def test_shadows_without_a_class_that_has_both_kinds_are_refused():
    shadow = leaky(0, classes=2)
    apart = shadow.take(shadow.member == (shadow.labels == 0))
    with pytest.raises(ValueError, match="non-members of at least one class, got only one .* of 2"):
        PerClass().fit(apart)


def test_shadows_must_know_the_targets_classes():
    with pytest.raises(ValueError, match="target must have the shadows' 10 classes, got 4"):
        PerClass().fit(leaky(0, n=50)).score_samples(leaky(1, classes=4))


def test_k_is_checked_at_once():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        TopPosteriors(0)


# ---------------------------------------------------------------- unequal groups

UNEQUAL = {
    "top, network": lambda: TopPosteriors(),
    "top, regression": lambda: TopPosteriors(3, attack_regression()),
    "top, forest": lambda: TopPosteriors(3, RandomForestClassifier(min_samples_leaf=20,
                                                                   random_state=0)),
    "per class": lambda: PerClass(),
}


@pytest.mark.parametrize("members, n", [(2_000, 200), (200, 2_000)])
@pytest.mark.parametrize("name", UNEQUAL)
def test_a_shadow_with_few_of_one_kind_does_not_accuse_everyone_or_nobody(name, members, n):
    shadow = leaky(0, n=n, members=members, classes=4)
    both = evaluate(UNEQUAL[name]().fit(shadow), leaky(1, classes=4))
    equal = evaluate(UNEQUAL[name]().fit(leaky(0, n=1_100, classes=4)), leaky(1, classes=4))
    assert 0.55 < both.recall.value < 0.95 and 0.05 < both.fpr.value < 0.45
    assert both.macro_recall.value > equal.macro_recall.value - 0.05


def test_scores_are_as_if_the_shadow_had_as_many_of_both():
    """By hand: two in three are members, the classifier says so to everyone: undecided."""
    shadow = leaky(0, n=100, members=200)
    attack = TopPosteriors(3, DummyClassifier(strategy="prior")).fit(shadow)
    np.testing.assert_allclose(attack.score_samples(leaky(1)), 0.5)
    attack.classifier_.class_prior_ = np.array([0.2, 0.8])   # odds 4, of which 2 are the shadow's
    np.testing.assert_allclose(attack.score_samples(leaky(1)), 2 / 3)


def test_with_equal_groups_the_score_is_the_classifiers_own():
    shadow, target = leaky(0), leaky(1)
    attack = TopPosteriors(10, attack_regression()).fit(shadow)
    own = attack_regression().fit(np.sort(shadow.posteriors)[:, ::-1], shadow.member)
    np.testing.assert_allclose(attack.score_samples(target),
                               own.predict_proba(np.sort(target.posteriors)[:, ::-1])[:, 1],
                               rtol=1e-9)


def test_an_attack_of_many_shadows_is_one_of_all_their_records():
    one, two = leaky(0, n=80), leaky(2, n=80)
    pooled = TopPosteriors(3, attack_regression()).fit(pool([one, two]))
    swapped = TopPosteriors(3, attack_regression()).fit(pool([two, one]))
    one, other = (attack.score_samples(leaky(1)) for attack in (pooled, swapped))
    np.testing.assert_allclose(one, other, atol=1e-3)


# ---------------------------------------------------------------- that do not limit the adversary


def band(seed, n=1_500):
    """Members just below certainty; of the non-members half above it, half well below."""
    rng = np.random.default_rng(seed)
    member = np.arange(2 * n) < n
    nines = np.where(member, 3.0, np.where(np.arange(2 * n) % 2, 5.0, 1.0))
    rest = np.minimum(10 ** -(nines + rng.normal(scale=0.5, size=2 * n)), 0.5)
    posteriors = np.column_stack([1 - rest, 0.75 * rest, 0.25 * rest])
    return Observation(posteriors, np.zeros(2 * n, int), member)


def test_trees_see_a_band_where_a_line_sees_more_of_the_same():
    def area(classifier):
        return roc_auc_score(band(1).member,
                             TopPosteriors(3, classifier).fit(band(0)).score_samples(band(1)))

    assert area(attack_trees()) > 0.95 and area(attack_regression()) < 0.7


def test_trees_are_boosted_trees_whatever_the_number_of_threads():
    plain = HistGradientBoostingClassifier(max_leaf_nodes=8, max_iter=60, early_stopping=False,
                                           random_state=0)
    x, member = band(0).posteriors, band(0).member
    np.testing.assert_array_equal(attack_trees().fit(x, member).predict_proba(x),
                                  plain.fit(x, member).predict_proba(x))
    assert attack_trees(3).random_state == 3


def by_class(seed, n=3_000, classes=6, right=0.8):
    """Of even classes the members are surest, of odd ones the non-members."""
    rng = np.random.default_rng(seed)
    member, labels = np.arange(2 * n) < n, rng.integers(classes, size=2 * n)
    predicted = np.where(rng.random(2 * n) < right, labels, (labels + 2) % classes)
    sure = (member == (predicted % 2 == 0)) + rng.normal(scale=0.7, size=2 * n)
    logits = rng.normal(scale=0.1, size=(2 * n, classes))
    logits[np.arange(2 * n), predicted] += 4 + sure
    odds = np.exp(logits)
    return Observation(odds / odds.sum(axis=1, keepdims=True), labels, member)


@pytest.mark.parametrize("predicted", [True, False])
def test_trees_that_know_the_class_look_at_each_in_its_own_way(predicted):
    shadow, target = by_class(0), by_class(1)
    blind = TopPosteriors(3, attack_trees()).fit(shadow)
    assert 0.45 < roc_auc_score(target.member, blind.score_samples(target)) < 0.55
    sees = ClassTrees(predicted=predicted).fit(shadow)
    assert roc_auc_score(target.member, sees.score_samples(target)) > 0.65


def test_the_predicted_class_needs_no_label():
    shadow, target = by_class(0), by_class(1)
    other = Observation(target.posteriors, (target.labels + 1) % 6, target.member)
    for predicted in (True, False):
        attack = ClassTrees(predicted=predicted).fit(shadow)
        same = np.array_equal(attack.score_samples(target), attack.score_samples(other))
        assert same == predicted


def test_class_trees_look_at_k_posteriors_and_at_the_classes_own():
    """A class that is not among the k largest tells by its logit."""
    def unlikely(seed, n=1_000):
        """Never predicted, the true class is likelier for members."""
        rng = np.random.default_rng(seed)
        member, labels = np.arange(2 * n) < n, rng.integers(4, size=2 * n)
        logits = rng.normal(scale=0.1, size=(2 * n, 4))
        logits[np.arange(2 * n), (labels + 1) % 4] += 6
        logits[np.arange(2 * n), labels] += 2.0 * member - 3
        odds = np.exp(logits)
        return Observation(odds / odds.sum(axis=1, keepdims=True), labels, member)

    shadow, target = unlikely(0), unlikely(1)
    knows, blind = (roc_auc_score(target.member, attack.fit(shadow).score_samples(target))
                    for attack in (ClassTrees(1), ClassTrees(1, predicted=True)))
    assert knows > 0.95 and blind < 0.85
    one, three = (ClassTrees(k).fit(shadow).classifier_.n_features_in_ for k in (1, 3))
    assert (one, three) == (3, 5)


def test_more_classes_than_trees_take_as_categories():
    shadow, target = (leaky(seed, n=400, classes=300) for seed in (0, 1))
    scores = ClassTrees().fit(shadow).score_samples(target)
    assert roc_auc_score(target.member, scores) > 0.6
    few = ClassTrees().fit(leaky(0)).classifier_
    assert few.is_categorical_.tolist() == [True, False, False, False, False]


def test_class_trees_refuse_what_other_attacks_refuse():
    shadow = leaky(0)
    with pytest.raises(ValueError, match="k must be"):
        ClassTrees(0)
    with pytest.raises(ValueError, match="ClassTrees has learned nothing yet"):
        ClassTrees().score_samples(shadow)
    with pytest.raises(ValueError, match="the shadows' 10 classes, got 12"):
        ClassTrees().fit(shadow).score_samples(leaky(1, classes=12))
    with pytest.raises(ValueError, match="fitted on"):
        ClassTrees().fit(shadow).score_samples(shadow)
    with pytest.raises(ValueError, match="members and non-members"):
        ClassTrees().fit(shadow.take(slice(0, 100)))


def test_class_trees_are_as_if_the_shadow_had_as_many_of_both():
    few = ClassTrees().fit(leaky(0, members=3_000))
    called = few.score_samples(leaky(1)) >= few.threshold_
    assert 0.3 < called.mean() < 0.7


def test_the_penalty_is_the_one_that_serves_held_out_records_best():
    """Against scikit-learn's own cross-validation, of one class: the same folds, the same C."""
    shadow = leaky(0, n=60, gap=1.0)
    one = Observation(shadow.posteriors, np.zeros(120, int), shadow.member)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(penalised(1.0), {"C": PENALTIES}, scoring="neg_log_loss", cv=folds)
    search.fit(one.posteriors, one.member)
    assert PerClass().fit(one).penalty_ == search.best_params_["C"]
    assert PerClass(attack_regression()).fit(one).penalty_ is None


def test_many_columns_and_few_records_want_a_penalty():
    shadow, target = (leaky(seed, n=300, classes=20, gap=1.0) for seed in (0, 1))
    chosen, free = (roc_auc_score(target.member, attack.fit(shadow).score_samples(target))
                    for attack in (PerClass(), PerClass(attack_regression())))
    assert chosen > free and PerClass().fit(shadow).penalty_ < 1e6


def test_fit_each_and_ask_each_keep_classes_apart():
    features = np.array([[0.0], [1.0], [0.0], [1.0], [5.0]])
    classes, member = np.array([0, 0, 7, 7, 3]), np.array([False, True, True, False, True])
    lines = fit_each(penalised(100.0), features, classes, member)
    assert list(lines) == [0, 7]  # of class 3 there is one kind only
    said = ask_each(lines, np.array([[1.0], [1.0], [1.0]]), np.array([0, 7, 3]))
    assert said[0] > 0.5 > said[1] and said[2] == 0.5
