"""An Observation refuses what no model can have answered."""

import numpy as np
import pytest

from mlleaks_helpers.observation import Observation

GOOD = {
    "posteriors": np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]),
    "labels": np.array([0, 1, 1, 1]),
    "member": np.array([True, True, False, False]),
}


def test_accuracy_is_training_and_test_accuracy():
    assert Observation(**GOOD).accuracy == (1.0, 0.0)


def test_strangers_are_the_non_members_every_second_one_called_a_member():
    seen = Observation(**GOOD | {"member": np.array([False, True, False, False])})
    null = seen.strangers()
    np.testing.assert_array_equal(null.posteriors, seen.posteriors[[0, 2, 3]])
    np.testing.assert_array_equal(null.labels, [0, 1, 1])
    np.testing.assert_array_equal(null.member, [True, False, True])


def test_shuffling_deals_membership_out_anew_and_nothing_else():
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet(np.ones(3), 500)
    seen = Observation(posteriors, posteriors.argmax(1), np.arange(500) < 250)
    null = seen.shuffled(1)
    assert null.member.sum() == 250
    assert not np.array_equal(null.member, seen.member)
    assert np.array_equal(null.posteriors, seen.posteriors)
    assert np.array_equal(null.member, seen.shuffled(1).member)


@pytest.mark.parametrize("name, value, message", [
    ("posteriors", np.array([[2.0, 3.0]] * 4), "sum to 1 .*logits.*got sum 5"),
    ("posteriors", np.array([[1.5, -0.5]] * 4), "non-negative"),
    ("posteriors", np.array([[0.5, np.nan]] * 4), "finite, got .* in row 0"),
    ("posteriors", np.ones((4, 1)), "two classes, got shape"),
    ("posteriors", np.ones((0, 2)), "at least one record"),
    ("labels", np.array([0, 1, 1, 2]), r"0 … 1, .*got 0 … 2"),
    ("labels", np.array([0.0, 1, 1, 1]), "labels must be integers, got float64"),
    ("labels", np.array([0, 1]), "one entry for each of the 4 rows"),
    ("member", np.array([1, 1, 0, 0]), "member must be bool, got int64"),
])
def test_bad_input_is_named(name, value, message):
    with pytest.raises(ValueError, match=message):
        Observation(**GOOD | {name: value})
