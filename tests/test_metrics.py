"""Metrics against hand-computed values, scikit-learn, a slow obvious version, and known laws."""

import numpy as np
import pytest
from made_up import leaky
from scipy import stats
from sklearn import metrics as sklearn_metrics

from mlleaks_helpers import metrics
from mlleaks_helpers.attacks import Threshold
from mlleaks_helpers.metrics import Interval, Report

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
    for _ in range(400):
        scores = normal_scores(shift, rng)
        got = metrics.auc(scores, MEMBER), metrics.tpr_at_fpr(scores, MEMBER, 0.01)
        covered += [i.low <= truth <= i.high for i, truth in zip(got, (auc, tpr), strict=True)]
    fewest, most = stats.binom.interval(0.998, 400, 0.95)
    assert (covered >= fewest).all() and covered[0] <= most, covered
    assert covered[1] <= 397  # few false alarms, whole numbers: a little wide is allowed


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
    for _ in range(400):
        got = metrics.decision_metrics(rng.binomial(m, tpr), m, rng.binomial(n, fpr), n)
        for name in truth:
            covered[name] += got[name].low <= truth[name] <= got[name].high
    fewest, most = stats.binom.interval(0.9998, 400, 0.95)
    assert all(fewest <= count <= most for count in covered.values()), covered


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
    for _ in range(100):
        scores = rng.normal(size=600)
        band = metrics.null_control(scores, member, draws=200)
        inside += band.low <= metrics.auc(scores, member).value <= band.high
    assert 88 <= inside <= 100
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


# ---------------------------------------------------------------- ends of intervals


@pytest.mark.parametrize("hits, members, alarms, non_members", [
    (3, 10, 1, 10), (7, 10, 0, 12), (10, 10, 9, 11), (0, 10, 10, 10), (40, 90, 700, 1_000)])
def test_recall_and_fpr_end_where_jeffreys_puts_them(hits, members, alarms, non_members):
    got = metrics.decision_metrics(hits, members, alarms, non_members)
    for name, x, n in (("recall", hits, members), ("fpr", alarms, non_members)):
        low, high = stats.beta.interval(0.95, x + 0.5, n - x + 0.5)
        ends = (min(low, x / n), max(high, x / n))
        assert (got[name].low, got[name].high) == pytest.approx(ends, abs=1e-9), name


@pytest.mark.parametrize("hits, members, alarms, non_members", [
    (6, 10, 2, 12), (9, 12, 8, 10), (300, 1_000, 20, 150)])
def test_the_other_metrics_end_where_a_million_draws_put_them(hits, members, alarms, non_members):
    rng = np.random.default_rng(99)
    tpr = rng.beta(hits + 0.5, members - hits + 0.5, 10**6)
    fpr = rng.beta(alarms + 0.5, non_members - alarms + 0.5, 10**6)
    right, wrong = members * tpr, non_members * fpr
    missed, cleared = members - right, non_members - wrong
    drawn = {
        "precision": right / (right + wrong),
        "macro_precision": (right / (right + wrong) + cleared / (cleared + missed)) / 2,
        "macro_recall": (tpr + 1 - fpr) / 2,
        "accuracy": (right + cleared) / (members + non_members),
    }
    got = metrics.decision_metrics(hits, members, alarms, non_members)
    for name, values in drawn.items():
        low, high = np.quantile(values, [0.025, 0.975])
        ends = got[name].low, got[name].high
        assert ends == pytest.approx((low, high), abs=0.05 * (high - low)), name


def test_the_threshold_of_tpr_at_fpr_moves_as_a_bootstrap_moves_it():
    """So many members that only the threshold moves; its rank in a bootstrap is known exactly."""
    n, allowed = 1_000, 10
    members = np.linspace(0, n, 200_001)[:-1]
    scores = np.concatenate([members, np.arange(n)])
    got = metrics.tpr_at_fpr(scores, np.arange(len(scores)) < len(members), 0.01)
    rank = np.arange(n)  # of the redrawn threshold: at most r if r + 1 ranks give 11 draws
    below = stats.binom.sf(allowed, n, (rank + 1) / n)
    low, high = (np.searchsorted(below, share) for share in (0.025, 0.975))
    assert got.value == pytest.approx((allowed + 1) / n, abs=1e-5)
    assert (got.low, got.high) == pytest.approx(((low + 1) / n, (high + 1) / n), abs=4e-4)


def test_tpr_at_fpr_ends_where_a_bootstrap_ends():
    rng = np.random.default_rng(4)
    inside, outside = rng.normal(1.5, 1, 400), rng.normal(size=2_000)
    scores, member = np.concatenate([inside, outside]), np.arange(2_400) < 400
    drawn = []
    for _ in range(2_000):
        threshold = np.sort(rng.choice(outside, 2_000))[-21]
        drawn.append((rng.choice(inside, 400) > threshold).mean())
    got = metrics.tpr_at_fpr(scores, member, 0.01)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.02)


def test_null_control_is_the_law_of_mann_and_whitney():
    m, n = 40, 70
    got = metrics.null_control(np.arange(110.0), np.arange(110) < m, draws=4_000, seed=1)
    half = 1.96 * np.sqrt((m + n + 1) / (12 * m * n))
    assert (got.value, got.low, got.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=0.01)
    other = metrics.null_control(np.arange(110.0), np.arange(110) < m, draws=4_000, seed=2)
    assert got != other


@pytest.mark.parametrize("hits, members, alarms, non_members", [
    (0, 5, 0, 5), (5, 5, 5, 5), (5, 5, 0, 5), (0, 5, 5, 5), (0, 2_000, 0, 2_000)])
def test_no_interval_of_decisions_has_no_width(hits, members, alarms, non_members):
    got = metrics.decision_metrics(hits, members, alarms, non_members)
    assert all(one.low < one.high for one in got.values())


@pytest.mark.parametrize("counts, message", [
    ((3, 2, 0, 5), "hits must lie between 0 and 2, got 3"),
    ((1, 2, 6, 5), "alarms must lie between 0 and 5, got 6"),
    ((-1, 2, 0, 5), "hits must be at least 0, got -1"),
    ((0, 0, 0, 5), "members must be at least 1, got 0"),
    ((0, 5, 0, 0), "non_members must be at least 1, got 0"),
    ((0.5, 5, 0, 5), "hits must be a whole number, got 0.5"),
])
def test_counts_that_cannot_be_are_named(counts, message):
    with pytest.raises(ValueError, match=message):
        metrics.decision_metrics(*counts)


# ---------------------------------------------------------------- evaluate and its report


class Scripted:
    """Scores and a threshold that are written down, and how often it was asked."""

    def __init__(self, scores, threshold):
        self.scores, self.threshold_, self.asked = np.asarray(scores), threshold, 0

    def score_samples(self, target):
        self.asked += 1
        return self.scores


def test_evaluate_asks_once_and_cuts_at_the_threshold_itself():
    target = leaky(0, n=3)
    attack = Scripted([0.2, 0.5, 0.8, 0.5, 0.1, 0.3], 0.5)
    got = metrics.evaluate(attack, target)
    assert attack.asked == 1
    assert (got.recall.value, got.fpr.value) == pytest.approx((2 / 3, 1 / 3))
    np.testing.assert_array_equal(metrics.decisions(attack, target), [0, 1, 1, 1, 0, 0])
    assert got.auc == metrics.auc(attack.scores, target.member)


def test_evaluate_is_the_report_of_scores_and_decisions():
    target = leaky(0)
    attack = Threshold("loss", -0.5)
    scores = attack.score_samples(target)
    expected = metrics.report(scores, scores >= -0.5, target.member, rates=(0.05,))
    assert metrics.evaluate(attack, target, rates=(0.05,)) == expected
    assert list(expected.tpr_at_fpr) == [0.05]


@pytest.mark.parametrize("threshold", [np.inf, -np.inf])
def test_a_threshold_may_be_out_of_reach(threshold):
    got = metrics.evaluate(Threshold("maximum", threshold), leaky(0))
    assert got.recall.value == got.fpr.value == (threshold < 0)


def test_an_attack_without_a_threshold_makes_no_decisions():
    class OnlyScores:
        def score_samples(self, target):
            return np.zeros(len(target))

    for judge in (metrics.decisions, metrics.evaluate):
        with pytest.raises(ValueError, match="threshold_ is None"):
            judge(OnlyScores(), leaky(0))


def test_every_line_of_a_report_says_what_it_holds():
    """All fields differ, so that a swapped line shows."""
    values = {name: Interval(k / 20, k / 20 - 0.01, k / 20 + 0.02) for k, name in enumerate(
        ("precision", "recall", "macro_precision", "macro_recall", "accuracy", "fpr", "auc"), 1)}
    low = {0.01: Interval(0.5, 0.4, 0.6), 0.001: None}
    got = Report(members=300, non_members=900, **values, tpr_at_fpr=low)
    assert got.rows() == {
        "precision, member class": "0.050 [0.040, 0.070]",
        "recall, member class": "0.100 [0.090, 0.120]",
        "precision, class-averaged": "0.150 [0.140, 0.170]",
        "recall, class-averaged": "0.200 [0.190, 0.220]",
        "accuracy": "0.250 [0.240, 0.270]",
        "false positive rate": "0.300 [0.290, 0.320]",
        "AUC": "0.350 [0.340, 0.370]",
        "TPR at 1 % FPR": "0.500 [0.400, 0.600]",
        "TPR at 0.1 % FPR": "not resolved by 900 non-members",
        "base rate": "0.250 of those asked about are members",
    }
    for name, words in got.rows().items():
        assert any(line.startswith(name) and line.endswith(words) for line in str(got).split("\n"))
        assert f"<tr><td>{name}</td><td>{words}</td></tr>" in got._repr_html_()
    assert "300 members, 900 non-members" in got._repr_html_()
    assert got.balanced_accuracy == values["macro_recall"] and got.base_rate == 0.25


def test_a_report_says_the_base_rate():
    """Everybody is called a member: an accuracy of .9 is that of the base rate."""
    member = np.arange(220) < 200
    got = metrics.report(np.zeros(220), np.ones(220, bool), member)
    assert got.base_rate == got.accuracy.value == got.precision.value == 200 / 220
    assert got.macro_recall.value == 0.5
    assert (got.members, got.non_members) == (200, 20)


@pytest.mark.parametrize("rate", [0, 1, -0.1, "0.1"])
def test_a_rate_out_of_range_is_named(rate):
    with pytest.raises(ValueError, match="rate must lie above 0 and below 1, got"):
        metrics.tpr_at_fpr(np.arange(2500.0), MEMBER, rate)


def test_few_draws_are_no_null_control():
    with pytest.raises(ValueError, match="draws must be at least 2, got 1"):
        metrics.null_control(np.arange(2500.0), MEMBER, draws=1)
