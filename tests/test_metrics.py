"""Metrics against hand-computed values, scikit-learn, a slow obvious version, and known laws."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from mlleaks_helpers import metrics
from mlleaks_helpers.metrics import Interval

MEMBER = np.repeat([True, False], [1250, 1250])


def normal_scores(shift, rng, member=MEMBER):
    return rng.normal(size=len(member)) + shift * member


@pytest.mark.parametrize("shift", [0, 0.5, 3, -1])
def test_point_values_are_scikit_learns(shift):
    rng = np.random.default_rng(0)
    scores = normal_scores(shift, rng).round(1)  # with ties
    predicted = scores > 0.5
    got = metrics.report(scores, predicted, MEMBER)
    fpr = predicted[~MEMBER].mean()
    expected = {
        "precision": sklearn_metrics.precision_score(MEMBER, predicted),
        "recall": sklearn_metrics.recall_score(MEMBER, predicted),
        "macro_precision": sklearn_metrics.precision_score(MEMBER, predicted, average="macro"),
        "macro_recall": sklearn_metrics.recall_score(MEMBER, predicted, average="macro"),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(MEMBER, predicted),
        "accuracy": sklearn_metrics.accuracy_score(MEMBER, predicted),
        "auc": sklearn_metrics.roc_auc_score(MEMBER, scores),
        "fpr": fpr,
    }
    for name, value in expected.items():
        interval = getattr(got, name)
        assert interval.value == pytest.approx(value), name
        assert interval.low <= interval.value <= interval.high


def test_averages_by_hand_on_unequal_parts():
    # 4 members, 2 found; 10 non-members, 1 false alarm
    got = metrics.decision_metrics(2, 4, 1, 10)
    assert got["precision"].value == pytest.approx(2 / 3)
    assert got["recall"].value == pytest.approx(1 / 2)
    assert got["macro_precision"].value == pytest.approx((2 / 3 + 9 / 11) / 2)
    assert got["macro_recall"].value == pytest.approx((1 / 2 + 9 / 10) / 2)
    assert got["accuracy"].value == pytest.approx(11 / 14)
    assert got["fpr"].value == pytest.approx(1 / 10)


def test_a_constant_attack_shows_the_papers_quarter_and_half():
    """Fig. 7 of the paper has cells .25 / .50: an attack that says the same to everyone."""
    nobody = metrics.decision_metrics(0, 1000, 0, 1000)
    assert (nobody["macro_precision"].value, nobody["macro_recall"].value) == (0.25, 0.5)
    assert nobody["precision"].value == 0
    assert nobody["precision"].high > 0.9  # nothing was called, so nothing is known


@pytest.mark.parametrize("m, n", [(3, 5), (40, 25)])
def test_auc_is_the_share_of_pairs_in_order(m, n):
    rng = np.random.default_rng(m)
    scores = rng.integers(0, 6, m + n).astype(float)
    member = np.repeat([True, False], [m, n])
    pairs = [(a > b) + (a == b) / 2 for a in scores[member] for b in scores[~member]]
    assert metrics.auc(scores, member).value == pytest.approx(np.mean(pairs))


def test_delong_variance_is_the_bootstraps():
    rng = np.random.default_rng(3)
    member = np.repeat([True, False], [100, 900])
    scores = normal_scores(0.5, rng, member) * (1 + 2 * member)
    inside, outside = scores[member], scores[~member]
    draws = [
        np.concatenate([rng.choice(inside, 100), rng.choice(outside, 900)]) for _ in range(2000)
    ]
    draws = [metrics.auc(draw, member).value for draw in draws]
    got = metrics.auc(scores, member)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert got.high - got.low == pytest.approx(high - low, rel=0.08)


@pytest.mark.parametrize("shift", [0, 0.5, 2])
def test_intervals_cover_the_truth(shift):
    """Normal scores: AUC and TPR at 1 % FPR are known in closed form."""
    rng = np.random.default_rng(int(10 * shift))
    auc = stats.norm.cdf(shift / np.sqrt(2))
    tpr = stats.norm.sf(stats.norm.isf(0.01) - shift)
    covered = np.zeros(2)
    for _ in range(1000):
        scores = normal_scores(shift, rng)
        got = metrics.auc(scores, MEMBER), metrics.tpr_at_fpr(scores, MEMBER, 0.01)
        covered += [i.low <= truth <= i.high for i, truth in zip(got, (auc, tpr), strict=True)]
    assert (covered >= 930).all() and covered[0] <= 970, covered
    assert covered[1] <= 985  # few false alarms, whole numbers: a little wide is allowed


@pytest.mark.parametrize("tpr, fpr", [(0.98, 0.2), (0.6, 0.5), (0.05, 0.01)])
def test_intervals_of_decisions_cover_the_truth(tpr, fpr):
    rng = np.random.default_rng(0)
    m, n = 1250, 900
    truth = {
        "precision": m * tpr / (m * tpr + n * fpr),
        "recall": tpr,
        "macro_precision": (m * tpr / (m * tpr + n * fpr)
                            + n * (1 - fpr) / (n * (1 - fpr) + m * (1 - tpr))) / 2,
        "macro_recall": (tpr + 1 - fpr) / 2,
        "fpr": fpr,
        "accuracy": (m * tpr + n * (1 - fpr)) / (m + n),
    }
    covered = dict.fromkeys(truth, 0)
    for _ in range(1000):
        got = metrics.decision_metrics(rng.binomial(m, tpr), m, rng.binomial(n, fpr), n)
        for name in truth:
            covered[name] += got[name].low <= truth[name] <= got[name].high
    assert all(925 <= count <= 975 for count in covered.values()), covered


def test_mean_interval_covers_the_mean_of_five_seeds():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        got = metrics.mean_interval(rng.normal(0.7, 0.02, 5))
        covered += got.low <= 0.7 <= got.high
    assert 0.93 <= covered / 2000 <= 0.97


def test_an_interval_of_shares_ends_where_shares_end():
    shares, free = [0.1, 0.9, 0.99], metrics.mean_interval([0.1, 0.9, 0.99])
    cut = metrics.mean_interval(shares, within=(0, 1))
    assert free.low < 0 < 1 < free.high
    assert (cut.value, cut.low, cut.high) == (free.value, 0, 1)
    assert metrics.mean_interval([0.5, 0.51], within=(0, 1)) == metrics.mean_interval([0.5, 0.51])


@pytest.mark.parametrize("value, scores", [(1, [3.0, 4, 1, 2]), (0, [1.0, 2, 3, 4])])
def test_a_perfect_ranking_of_few_records_is_not_certain(value, scores):
    got = metrics.auc(scores, [True, True, False, False])
    assert got.value == value
    assert got.high - got.low > 0.5


def test_tpr_at_fpr_is_a_point_of_the_roc_curve_and_never_above_its_rate():
    rng = np.random.default_rng(5)
    scores = normal_scores(1, rng).round(1)  # with ties at the threshold
    fpr, tpr = metrics.roc(scores, MEMBER)
    best = tpr[fpr <= 0.01].max()
    assert metrics.tpr_at_fpr(scores, MEMBER, 0.01).value == pytest.approx(best)


def test_a_rate_that_too_few_non_members_show_is_refused():
    scores = normal_scores(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"rate 0\.001 needs at least 10,000 non-members.*1,250"):
        metrics.tpr_at_fpr(scores, MEMBER, 0.001)
    got = metrics.report(scores, scores > 0, MEMBER)
    assert got.tpr_at_fpr[0.001] is None
    assert "not resolved by 1,250 non-members" in str(got)
    assert metrics.resolves(10_000, 0.001) and metrics.resolves(1_000, 0.01)


def test_null_control_holds_the_auc_of_noise_and_not_of_signal():
    rng = np.random.default_rng(0)
    member = np.repeat([True, False], [300, 300])
    inside = 0
    for _ in range(200):
        scores = rng.normal(size=600)
        band = metrics.null_control(scores, member, draws=200)
        inside += band.low <= metrics.auc(scores, member).value <= band.high
    assert 0.90 <= inside / 200 <= 0.99
    assert metrics.auc(normal_scores(1, rng, member), member).low > band.high


def test_members_and_non_members_are_not_interchangeable():
    """Swapping them turns every ranking upside down."""
    scores = normal_scores(1, np.random.default_rng(0))
    forward, backward = metrics.auc(scores, MEMBER), metrics.auc(scores, ~MEMBER)
    assert forward.value > 0.7
    assert backward.value == pytest.approx(1 - forward.value)


@pytest.mark.parametrize("scores, member, message", [
    ([0.1, np.nan], [True, False], "scores must be finite, got 1"),
    ([0.1, 0.2, 0.3], [True, False], "one entry a record, got shape"),
    ([0.1, 0.2], [1, 0], "member must be bool"),
    ([0.1, 0.2], [True, True], "members and non-members, got 2 members among 2"),
])
def test_bad_input_is_named(scores, member, message):
    with pytest.raises(ValueError, match=message):
        metrics.auc(scores, member)


def test_one_member_has_no_spread():
    with pytest.raises(ValueError, match="two members and two non-members, got 1 and 9"):
        metrics.auc(np.arange(10.0), np.arange(10) == 3)


def test_delongs_formula_written_out():
    scores, member = np.array([3.0, 1, 4, 1, 5, 9, 2]), np.arange(7) < 3
    order = (np.sign(scores[member][:, None] - scores[~member]) + 1) / 2
    value = order.mean()
    error = np.sqrt(stats.tvar(order.mean(axis=1)) / 3 + stats.tvar(order.mean(axis=0)) / 4)
    logit = np.log(value / (1 - value))
    ends = [logit + sign * 1.959964 * error / (value * (1 - value)) for sign in (-1, 1)]
    got = metrics.auc(scores, member)
    np.testing.assert_allclose([got.low, got.high], 1 / (1 + np.exp(-np.array(ends))), atol=1e-6)


def test_scores_are_no_decisions():
    scores = normal_scores(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="predicted must be bool, .*got float64"):
        metrics.report(scores, scores, MEMBER)


def test_an_interval_upside_down_is_refused():
    for value, low, high in ((0.85, 0.95, 0.75), (np.nan, np.nan, np.nan)):
        with pytest.raises(ValueError, match="value must lie between low and high"):
            Interval(value, low, high)


@pytest.mark.parametrize("values", [[0.5], [], [0.5, np.nan]])
def test_a_mean_needs_two_finite_seeds(values):
    with pytest.raises(ValueError, match="at least two finite numbers"):
        metrics.mean_interval(values)


def test_an_interval_prints_itself():
    assert str(Interval(0.5, 0.4, 0.6)) == "0.500 [0.400, 0.600]"
    assert str(Interval(-0.0001, -0.02, 0)) == "0.000 [-0.020, 0.000]"
