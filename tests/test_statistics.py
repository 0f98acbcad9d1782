"""Statistics by hand, and that they tell apart what 32 bits round to 1."""

import math

import numpy as np
import pytest
from made_up import leaky

from mlleaks_helpers.attacks import STATISTICS, WITHOUT_LABEL, logit, top_posteriors
from mlleaks_helpers.metrics import auc, tpr_at_fpr
from mlleaks_helpers.recorded import recorded


def scores_of(statistic, posteriors, labels):
    return STATISTICS[statistic](np.asarray(posteriors, float), np.asarray(labels))


# ---------------------------------------------------------------- top posteriors


def test_top_posteriors_by_hand():
    got = top_posteriors(np.array([[0.1, 0.6, 0.05, 0.25], [0.7, 0.1, 0.2, 0.0]]), 3)
    np.testing.assert_array_equal(got, [[0.6, 0.25, 0.1], [0.7, 0.2, 0.1]])


def test_a_missing_third_posterior_is_zero():
    got = top_posteriors(np.array([[0.3, 0.7]]), 3)
    np.testing.assert_array_equal(got, [[0.7, 0.3, 0.0]])


@pytest.mark.parametrize("k, message", [(0, "k must be at least 1, got 0"),
                                        (1.5, "k must be a whole number, got 1.5")])
def test_top_posteriors_needs_at_least_one(k, message):
    with pytest.raises(ValueError, match=message):
        top_posteriors(np.ones((2, 2)) / 2, k)


# ---------------------------------------------------------------- by hand


def test_statistics_by_hand():
    posteriors, labels = [[0.5, 0.25, 0.25], [0.1, 0.9, 0.0], [0.2, 0.7, 0.1]], [1, 0, 1]
    expected = {
        "maximum": [0.5, 0.9, 0.7],
        "deviation": [math.sqrt(1 / 72), math.sqrt(0.82 / 3 - 1 / 9), math.sqrt(0.54 / 3 - 1 / 9)],
        "entropy": [-1.5 * math.log(2), 0.9 * math.log(0.9) + 0.1 * math.log(0.1),
                    0.2 * math.log(0.2) + 0.7 * math.log(0.7) + 0.1 * math.log(0.1)],
        "loss": [-math.log(4), math.log(0.1), math.log(0.7)],
        "modified entropy": [0.75 * math.log(0.25) + 0.5 * math.log(0.5) + 0.25 * math.log(0.75),
                             0.9 * math.log(0.1) + 0.9 * math.log(0.1),
                             0.3 * math.log(0.7) + 0.2 * math.log(0.8) + 0.1 * math.log(0.9)],
        "gap": [0, 0, 1],
    }
    assert expected.keys() == STATISTICS.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(scores_of(name, posteriors, labels), values, err_msg=name)


def test_the_logit_by_hand_is_about_the_label_and_not_the_largest():
    got = logit(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.25, 0.75, 0]]), np.array([0, 2, 1]))
    np.testing.assert_allclose(got, [0, math.log(0.2 / 0.8), math.log(3)], rtol=1e-12)


def test_the_loss_is_the_log_likelihood_and_the_maximum_the_largest_posterior():
    seen = leaky(0)
    right = seen.posteriors[np.arange(len(seen)), seen.labels]
    np.testing.assert_allclose(scores_of("loss", seen.posteriors, seen.labels), np.log(right),
                               rtol=1e-9)
    np.testing.assert_allclose(scores_of("maximum", seen.posteriors, None),
                               seen.posteriors.max(axis=1), rtol=1e-15)


def modified_entropy(posterior, label):
    """Song and Mittal (2021), equation for Mentr, one class after the other."""
    total = 0.0
    for i, p in enumerate(map(float, posterior)):
        total -= (1 - p) * math.log(p) if i == label else p * math.log1p(-p)
    return total


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_modified_entropy_is_that_of_song_and_mittal(dtype):
    """Also where the model is all but certain, and for the float32 that models return."""
    seen = leaky(0, n=100, gap=12, dtype=dtype)
    expected = [modified_entropy(p, y) for p, y in zip(seen.posteriors, seen.labels, strict=True)]
    got = scores_of("modified entropy", seen.posteriors, seen.labels)
    np.testing.assert_allclose(got, -np.array(expected), rtol=1e-6)


# ---------------------------------------------------------------- next to 1


@pytest.mark.parametrize("statistic", sorted(set(STATISTICS) - {"gap"}))
def test_where_the_largest_posterior_rounds_to_one_the_others_still_tell(statistic):
    """Many answers of a digits model are exactly 1 in the float32 that models return."""
    posteriors = np.array([[1, rest, rest] for rest in (1e-5, 1e-8, 1e-9, 1e-10)], np.float32)
    scores = scores_of(statistic, posteriors, np.zeros(4, int))
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize("statistic", ["maximum", "loss"])
def test_the_order_goes_on_as_far_as_32_bits_reach_and_to_none_at_all(statistic):
    rests = [0.4, 0.1, 1.001e-3, 0.999e-3, *10.0 ** -np.arange(4, 45), 0]
    posteriors = np.array([[1 - rest, rest, 0] for rest in rests])
    scores = scores_of(statistic, posteriors, np.zeros(len(rests), int))
    assert np.isfinite(scores).all() and (np.diff(scores) > 0).all()


def test_logits_are_in_order_to_both_ends_and_turn_with_the_label():
    rests = np.array([0, *10.0 ** -np.arange(44, 0, -1), 0.5])
    posteriors = np.stack([1 - rests, rests], axis=1)
    sure, wrong = (logit(posteriors, np.full(len(rests), label)) for label in (0, 1))
    assert np.isfinite(sure).all() and (np.diff(sure) < 0).all()
    np.testing.assert_allclose(sure, -wrong)
    assert sure[0] == pytest.approx(46 * math.log(10)) and sure[-1] == 0


def test_the_maximum_stays_on_the_posteriors_scale():
    rests = np.array([0.5, 0.1, 1e-3, 1e-6, 1e-12, 1e-20, 0])
    scores = scores_of("maximum", np.stack([1 - rests, rests], axis=1), None)
    np.testing.assert_allclose(scores, 1 - rests, rtol=0, atol=1e-10)
    assert scores_of("maximum", [[0.9, 0.1], [0.1, 0.9]], None).tolist() == [0.9, 0.9]


def test_rows_that_rounding_left_short_of_one_keep_their_maximum():
    np.testing.assert_array_equal(scores_of("maximum", [[0.333] * 3, [0.998, 0.001, 0]], None),
                                  [0.333, 0.998])


@pytest.mark.parametrize("statistic", ["maximum", "loss"])
def test_on_mnist_some_are_found_at_a_low_rate(statistic):
    """18 % of the answers are 1 in 32 bits: taken as equal, nobody is found."""
    seen = recorded("mnist").target
    got = tpr_at_fpr(scores_of(statistic, seen.posteriors, seen.labels), seen.member, 0.01)
    assert got.value == pytest.approx(0.0136, abs=0.0005)
    assert tpr_at_fpr(seen.posteriors.max(axis=1), seen.member, 0.01).value == 0


@pytest.mark.parametrize("statistic", STATISTICS)
def test_certainty_about_the_wrong_class_is_a_finite_score(statistic):
    right, wrong = scores_of(statistic, [[1.0, 0.0], [1.0, 0.0]], [0, 1])
    assert np.isfinite([right, wrong]).all()
    if statistic in WITHOUT_LABEL:
        assert right == wrong
    else:
        assert right == pytest.approx(1 if statistic == "gap" else 0) and right > wrong
    if statistic in ("loss", "modified entropy"):
        assert right > wrong + 60


# ---------------------------------------------------------------- what they look at


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_planted_signal_is_found_the_right_way_up(statistic, dtype):
    seen = leaky(0, dtype=dtype)
    found = auc(scores_of(statistic, seen.posteriors, seen.labels), seen.member)
    assert found.low > (0.6 if statistic == "gap" else 0.8)


def test_with_two_classes_three_statistics_are_one_ranking():
    seen = leaky(0, classes=2)
    orders = [np.argsort(scores_of(name, seen.posteriors, None)) for name in WITHOUT_LABEL]
    np.testing.assert_array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[0], orders[2])


@pytest.mark.parametrize("statistic", STATISTICS)
def test_no_statistic_changes_with_the_names_of_the_classes(statistic):
    seen = leaky(0)
    order = np.random.default_rng(0).permutation(10)
    renamed = scores_of(statistic, seen.posteriors[:, order], np.argsort(order)[seen.labels])
    np.testing.assert_allclose(renamed, scores_of(statistic, seen.posteriors, seen.labels))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_who_needs_the_label_says_so(statistic):
    seen = leaky(0)
    other = (seen.labels + 1) % 10
    same = np.array_equal(scores_of(statistic, seen.posteriors, seen.labels),
                          scores_of(statistic, seen.posteriors, other))
    assert same == (statistic in WITHOUT_LABEL)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_statistic_leaves_the_posteriors_alone(statistic):
    posteriors = leaky(0, n=5).posteriors.copy()
    before = posteriors.copy()
    scores_of(statistic, posteriors, np.zeros(10, int))
    np.testing.assert_array_equal(posteriors, before)
