"""Adversary 3: thresholds by the slow way, from shadows and from noise."""

import numpy as np
import pytest
from made_up import leaky

from mlleaks_helpers.attacks import (
    STATISTICS,
    WITHOUT_LABEL,
    Threshold,
    best_threshold,
    pick_threshold,
)
from mlleaks_helpers.metrics import decisions, evaluate
from mlleaks_helpers.observation import Observation
from mlleaks_helpers.recorded import recorded


def balanced_accuracy(called, member):
    return (called[member].mean() + 1 - called[~member].mean()) / 2


# ---------------------------------------------------------------- Threshold


@pytest.mark.parametrize("arguments, message", [
    (("median",), "statistic is 'median': known are maximum, deviation"),
    ((0.9,), "statistic is 0.9: known are"),
    (("maximum", "0.9"), "threshold must lie between -inf and inf, got '0.9'"),
    (("maximum", float("nan")), "threshold must lie between -inf and inf, got nan"),
])
def test_what_is_no_statistic_or_threshold_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Threshold(*arguments)


def test_decisions_begin_at_the_threshold_itself():
    posteriors = np.array([[0.5, 0.5], [0.75, 0.25], [0.8, 0.2]])
    seen = Observation(posteriors, np.zeros(3, int), np.zeros(3, bool))
    np.testing.assert_array_equal(decisions(Threshold(threshold=0.75), seen), [False, True, True])


@pytest.mark.parametrize("judge", [decisions, evaluate])
def test_without_a_threshold_there_are_scores_and_no_decisions(judge):
    assert len(Threshold().score_samples(leaky(0))) == 1200
    with pytest.raises(ValueError, match="threshold_ is None, .* pick_threshold"):
        judge(Threshold(), leaky(0))


def test_fit_leaves_what_was_given_and_sets_the_one_in_use():
    given = Threshold("entropy", -0.5)
    assert (given.threshold, given.threshold_) == (-0.5, -0.5)
    given.fit(leaky(0))
    assert given.threshold == -0.5 != given.threshold_


@pytest.mark.parametrize("statistic", STATISTICS)
def test_fit_takes_the_best_threshold_of_the_shadows_own_scores(statistic):
    shadow = leaky(0, n=40)
    got = Threshold(statistic).fit(shadow).threshold_
    scores = STATISTICS[statistic](shadow.posteriors, shadow.labels)
    assert got in scores
    assert balanced_accuracy(scores >= got, shadow.member) == max(
        balanced_accuracy(scores >= score, shadow.member) for score in scores)


def test_a_threshold_from_a_shadow_works_on_the_target():
    shadow, target = leaky(0), leaky(1)
    said_yes = decisions(Threshold().fit(shadow), target)
    scores = Threshold().score_samples(target)
    best = scores >= Threshold().fit(target).threshold_
    got, most = (balanced_accuracy(said, target.member) for said in (said_yes, best))
    assert 0.75 < got <= most < got + 0.03


# ---------------------------------------------------------------- the best threshold


@pytest.mark.parametrize("scores, member, best", [
    ([1, 2, 3, 4], [0, 0, 1, 1], 3),
    ([1, 2, 3, 4], [0, 1, 0, 1], 4),          # 2 is as good: the highest of both
    ([1, 2, 2, 3], [0, 0, 1, 1], 3),          # ties are called together
    ([1, 2, 3, 4], [1, 1, 0, 0], np.inf),     # upside down: nobody
    ([5, 5, 5], [0, 1, 1], np.inf),
    ([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 1, 0], 5),   # unequal groups
    ([-3.0, -2.0, -1.0, 0.0], [0, 1, 1, 1], -2),
])
def test_best_threshold_by_hand(scores, member, best):
    assert best_threshold(np.array(scores), np.array(member, bool)) == best


@pytest.mark.parametrize("seed", range(20))
def test_best_threshold_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    member = np.append([True, False], rng.random(rng.integers(2, 30)) < 0.3)
    scores = rng.integers(0, 8, len(member)) + 2.0 * member
    tried = {t: balanced_accuracy(scores >= t, member) for t in (*scores, np.inf)}
    most = max(tried.values())
    assert best_threshold(scores, member) == max(
        t for t, value in tried.items() if value > most - 1e-9)


@pytest.mark.parametrize("scores, member, message", [
    ([0.1, np.nan], [True, False], "scores must be finite, got 1"),
    ([0.1, 0.2, 0.3], [True, False], "one entry a record"),
    ([0.1, 0.2], [1, 0], "member must be bool"),
    ([0.1, 0.2], [True, True], "members and non-members, got 2 members among 2"),
    (["a", "b"], [True, False], "scores must be numbers"),
])
def test_scores_that_nobody_can_cut_are_refused(scores, member, message):
    with pytest.raises(ValueError, match=message):
        best_threshold(scores, np.array(member))


# ---------------------------------------------------------------- a threshold from noise


def noise(n=1000):
    return leaky(9, n=n // 2, gap=0).posteriors.copy()


@pytest.mark.parametrize("statistic", WITHOUT_LABEL)
@pytest.mark.parametrize("top", [5, 10, 25, 0.1])
def test_the_picked_threshold_is_a_percentile(statistic, top):
    random = noise()
    scores = STATISTICS[statistic](random, None)
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
    called = decisions(attack, target)
    assert called[~target.member].mean() == pytest.approx(0.10, abs=0.025)


@pytest.mark.parametrize("name", ["retail-2", "retail-10", "retail-20", "retail-50"])
@pytest.mark.parametrize("top", [5, 10])
def test_as_many_reach_it_as_asked_where_most_answers_round_to_one(name, top):
    """On retail-2, 94 % of the largest posteriors of noise are 1 in 32 bits."""
    random = recorded(name).random
    got = pick_threshold(random, top=top)
    reach = np.mean(STATISTICS["maximum"](random, None) >= got)
    assert reach == pytest.approx(top / 100, abs=0.005)
    assert 0.5 < got < 1 + 1e-10


@pytest.mark.parametrize("equal, top", [(1000, 10), (300, 10), (201, 10)])
def test_where_answers_are_equal_no_threshold_is_picked(equal, top):
    random = noise()
    random[:equal] = np.eye(10)[0]
    with pytest.raises(ValueError, match=f"top is 10 per cent, but {equal / 10:.1f}% of the 1,000"):
        pick_threshold(random, top=top)


@pytest.mark.parametrize("equal", [1, 99, 200])
def test_some_equal_answers_do_no_harm(equal):
    random = noise()
    random[:equal] = np.eye(10)[0]
    reach = np.mean(STATISTICS["maximum"](random, None) >= pick_threshold(random, top=10))
    assert 0.1 <= reach <= 0.2


def test_one_of_a_few_may_always_reach_it():
    assert pick_threshold(noise()[:3], top=10) < 1


@pytest.mark.parametrize("options, message", [
    ({"random": None}, "random is None: .* nobody knows what a random record is"),
    ({"top": 0}, "top must lie above 0 and below 100, got 0"),
    ({"top": 100}, "top must lie above 0 and below 100, got 100"),
    ({"top": None}, "top must lie above 0 and below 100, got None"),
    ({"statistic": "loss"}, "statistic is 'loss': random records have no label"),
    ({"statistic": "modified entropy"}, "random records have no label"),
    ({"statistic": "gap"}, "random records have no label"),
    ({"statistic": "median"}, "statistic is 'median'"),
    ({"random": np.array([[0.5, np.nan]])}, "posteriors must be finite"),
    ({"random": np.array([[6.5, -2.0]])}, "are these logits"),
    ({"random": "noise"}, "random must be one array of numbers, got str"),
])
def test_picking_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        pick_threshold(**{"random": noise()} | options)
