"""Adversary 3: statistics by hand, thresholds by the slow way, and attacks that cannot peek."""

import math

import numpy as np
import pytest
from scipy import stats

from mlleaks_helpers.attacks import (
    STATISTICS,
    PerClass,
    Threshold,
    TopPosteriors,
    attack_regression,
    pick_threshold,
)
from mlleaks_helpers.metrics import auc, report
from mlleaks_helpers.observation import Observation

WITHOUT_LABEL = ("maximum", "deviation", "entropy")


def leaky(seed, *, n=600, classes=10, gap=2.0, dtype=float):
    """A model whose true class stands out by 2, and by `gap` more for its members."""
    rng = np.random.default_rng(seed)
    member, labels = np.arange(2 * n) < n, rng.integers(classes, size=2 * n)
    logits = rng.normal(size=(2 * n, classes))
    logits[np.arange(2 * n), labels] += 2 + gap * member
    odds = np.exp(logits)
    return Observation((odds / odds.sum(axis=1, keepdims=True)).astype(dtype), labels, member)


def scores_of(statistic, posteriors, labels):
    member = np.zeros(len(labels), bool)
    return Threshold(statistic).score_samples(Observation(posteriors, labels, member))


# ---------------------------------------------------------------- the five statistics


def test_statistics_by_hand():
    posteriors = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]])
    expected = {
        "maximum": [0.5, 0.9],
        "deviation": [math.sqrt(1 / 72), math.sqrt(0.82 / 3 - 1 / 9)],
        "entropy": [-1.5 * math.log(2), 0.9 * math.log(0.9) + 0.1 * math.log(0.1)],
        "loss": [-math.log(4), math.log(0.1)],
        "modified entropy": [0.75 * math.log(0.25) + 0.5 * math.log(0.5) + 0.25 * math.log(0.75),
                             0.9 * math.log(0.1) + 0.9 * math.log(0.1)],
    }
    assert expected.keys() == STATISTICS.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(scores_of(name, posteriors, np.array([1, 0])), values)


def modified_entropy(posterior, label):
    """Song and Mittal (2021), equation for Mentr, one class after the other."""
    total = 0.0
    for i, p in enumerate(map(float, posterior)):
        total -= (1 - p) * math.log(p) if i == label else p * math.log1p(-p)
    return total


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_modified_entropy_is_that_of_song_and_mittal(dtype):
    """Also where the model is all but certain, and for the float32 that models return."""
    seen = leaky(0, gap=12, dtype=dtype)
    expected = [modified_entropy(p, y) for p, y in zip(seen.posteriors, seen.labels, strict=True)]
    got = scores_of("modified entropy", seen.posteriors, seen.labels)
    np.testing.assert_allclose(got, -np.array(expected), rtol=1e-6)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_certainty_about_the_wrong_class_is_a_finite_score(statistic):
    right, wrong = scores_of(statistic, np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    assert np.isfinite([right, wrong]).all()
    assert right == wrong if statistic in WITHOUT_LABEL else right == 0 > wrong + 60


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_planted_signal_is_found_the_right_way_up(statistic, dtype):
    seen = leaky(0, dtype=dtype)
    assert auc(Threshold(statistic).score_samples(seen), seen.member).low > 0.8


@pytest.mark.parametrize("statistic", ["deviation", "entropy"])
def test_where_the_largest_posterior_rounds_to_one_the_others_still_tell(statistic):
    """Many answers of a digits model are exactly 1 in the float32 that models return."""
    posteriors = np.array([[1, rest, rest] for rest in (1e-8, 1e-9, 1e-10)], np.float32)
    scores = scores_of(statistic, posteriors, np.zeros(3, int))
    assert (np.diff(scores) > 0).all()


def test_with_two_classes_three_statistics_are_one_ranking():
    seen = leaky(0, classes=2)
    orders = [np.argsort(Threshold(name).score_samples(seen)) for name in WITHOUT_LABEL]
    np.testing.assert_array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[0], orders[2])


@pytest.mark.parametrize("statistic", WITHOUT_LABEL)
def test_the_papers_statistics_need_no_label_and_no_class_names(statistic):
    seen, rng = leaky(0), np.random.default_rng(0)
    renamed = Observation(seen.posteriors[:, rng.permutation(10)], rng.permutation(seen.labels),
                          seen.member)
    attack = Threshold(statistic)
    np.testing.assert_allclose(attack.score_samples(seen), attack.score_samples(renamed))


def test_an_unknown_statistic_is_refused():
    with pytest.raises(ValueError, match="statistic is 'median': known are maximum, deviation"):
        Threshold("median")


# ---------------------------------------------------------------- the threshold


def test_decisions_begin_at_the_threshold_itself():
    posteriors = np.array([[0.5, 0.5], [0.75, 0.25], [0.8, 0.2]])
    seen = Observation(posteriors, np.zeros(3, int), np.zeros(3, bool))
    np.testing.assert_array_equal(Threshold(threshold=0.75).predict(seen), [False, True, True])


def test_without_a_threshold_there_are_scores_and_no_decisions():
    assert len(Threshold().score_samples(leaky(0))) == 1200
    with pytest.raises(ValueError, match="threshold is None: .* pick_threshold"):
        Threshold().predict(leaky(0))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_fit_takes_the_best_threshold_of_the_shadow(statistic):
    shadow = leaky(0, n=40)
    got = Threshold(statistic).fit(shadow).threshold
    scores = Threshold(statistic).score_samples(shadow)

    def balanced(threshold):
        return report(scores, scores >= threshold, shadow.member).macro_recall.value

    assert balanced(got) == max(balanced(score) for score in scores)


def test_a_threshold_from_a_shadow_works_on_the_target():
    shadow, target = leaky(0), leaky(1)
    said_yes = Threshold().fit(shadow).predict(target)
    best = Threshold().fit(target).threshold
    scores = Threshold().score_samples(target)
    got, most = (report(scores, said, target.member).macro_recall.value
                 for said in (said_yes, scores >= best))
    assert 0.75 < got <= most < got + 0.03


def test_a_threshold_fitted_on_the_target_is_refused():
    target = leaky(0)
    attack = Threshold().fit(target)
    for score in (attack.score_samples, attack.predict):
        with pytest.raises(ValueError, match="target is the observation .* was fitted on"):
            score(target)


def test_a_shadow_without_non_members_is_refused():
    seen = leaky(0)
    half = Observation(seen.posteriors[:600], seen.labels[:600], seen.member[:600])
    with pytest.raises(ValueError, match="shadow must hold members and non-members, got 600"):
        Threshold().fit(half)


# ---------------------------------------------------------------- a threshold from noise


def noise(n=1000):
    return leaky(9, n=n // 2, gap=0).posteriors


@pytest.mark.parametrize("statistic", WITHOUT_LABEL)
@pytest.mark.parametrize("top", [5, 10, 25, 0.1])
def test_the_picked_threshold_is_a_percentile(statistic, top):
    random = noise()
    scores = scores_of(statistic, random, np.zeros(len(random), int))
    got = pick_threshold(random, top=top, statistic=statistic)
    assert got == np.percentile(scores, 100 - top)
    assert np.mean(scores >= got) == pytest.approx(top / 100)


def test_ten_per_cent_of_the_maximum_is_the_default():
    random = noise()
    assert pick_threshold(random) == np.percentile(random.max(axis=1), 90)


@pytest.mark.parametrize("statistic", WITHOUT_LABEL)
def test_a_larger_top_accuses_more(statistic):
    picked = [pick_threshold(noise(), top=top, statistic=statistic) for top in (5, 10, 25, 50)]
    assert picked == sorted(picked, reverse=True) and len(set(picked)) == 4


def test_where_noise_looks_like_non_members_the_alarm_rate_is_as_asked():
    target = leaky(1, n=2000)
    attack = Threshold("maximum", pick_threshold(noise(20_000), top=10))
    assert attack.predict(target)[~target.member].mean() == pytest.approx(0.10, abs=0.025)


@pytest.mark.parametrize("options, message", [
    ({"random": None}, "random is None: .* nobody knows what a random record is"),
    ({"top": 0}, "top must lie between 0 and 100 per cent, got 0"),
    ({"top": 100}, "top must lie between 0 and 100 per cent, got 100"),
    ({"statistic": "loss"}, "statistic is 'loss': random records have no label"),
    ({"statistic": "modified entropy"}, "random records have no label"),
    ({"statistic": "median"}, "statistic is 'median'"),
    ({"random": np.array([[0.5, np.nan]])}, "posteriors must be finite"),
    ({"random": np.array([[6.5, -2.0]])}, "are these logits"),
])
def test_picking_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        pick_threshold(**{"random": noise()} | options)


# ---------------------------------------------------------------- for every attack

ATTACKS = {
    "top posteriors, network": lambda: TopPosteriors(),
    "top posteriors, regression": lambda: TopPosteriors(3, attack_regression()),
    "per class": lambda: PerClass(),
    **{f"threshold, {name}": lambda name=name: Threshold(name) for name in STATISTICS},
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_can_be_fitted_again(name):
    attack, shadow, target = ATTACKS[name](), leaky(0), leaky(1)
    first = attack.fit(shadow).predict(target)
    np.testing.assert_array_equal(attack.fit(shadow).predict(target), first)


@pytest.mark.parametrize("attack", [TopPosteriors(), PerClass()])
def test_an_attack_that_has_learned_nothing_says_so(attack):
    with pytest.raises(ValueError, match="has learned nothing yet: fit it on a shadow"):
        attack.score_samples(leaky(1))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_peeks_at_membership(name):
    attack, target = ATTACKS[name]().fit(leaky(0)), leaky(1)
    members_unknown = Observation(target.posteriors, target.labels,
                                  np.random.default_rng(0).random(len(target)) < 0.5)
    for other in (target.shuffled(7), members_unknown):
        np.testing.assert_array_equal(attack.score_samples(target), attack.score_samples(other))
        np.testing.assert_array_equal(attack.predict(target), attack.predict(other))


@pytest.mark.parametrize("name", ATTACKS)
def test_on_a_null_observation_every_attack_falls_to_chance(name):
    """Of 200 intervals of 95 %, about ten miss one half: neither none nor many."""
    attack = ATTACKS[name]().fit(leaky(0))
    missed = 0
    for seed in range(200):
        null = leaky(1000 + seed, n=150, gap=0)
        got = auc(attack.score_samples(null), null.member)
        missed += not got.low <= 0.5 <= got.high
    fewest, most = stats.binom.interval(0.999, 200, 0.05)
    assert fewest <= missed <= most
