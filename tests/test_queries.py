"""Asking again: values worked out by hand, a slow obvious version, and a model that is a rule."""

import numpy as np
import pytest

from mlleaks_helpers.attacks import (
    flipped,
    flips_needed,
    right_answers,
    robustness,
    shifted,
)


def baskets(n=200, items=60, share=0.3, seed=0):
    return (np.random.default_rng(seed).random((n, items)) < share).astype(np.uint8)


def at_least(count):
    """A model that says 1 of who has bought so many items, and 0 of others."""
    return lambda x: (x.reshape(len(x), -1).sum(axis=1) >= count).astype(int)


# ---------------------------------------------------------------- copies


def test_a_one_is_lost_and_a_zero_gained_by_their_own_chances():
    x = baskets()
    made = flipped(x, 40, lose=0.6, gain=0.05)
    assert made.shape == (200, 40, 60) and made.dtype == x.dtype
    turned = made != x[:, None]
    ones = np.broadcast_to(x[:, None] == 1, turned.shape)
    assert turned[ones].mean() == pytest.approx(0.6, abs=0.01)
    assert turned[~ones].mean() == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("lose, gain, wanted", [(0, 0, lambda x: x), (1, 1, lambda x: 1 - x),
                                                (1, 0, np.zeros_like), (0, 1, np.ones_like)])
def test_at_the_ends_nothing_is_left_to_chance(lose, gain, wanted):
    x = baskets()
    made = flipped(x, 3, lose=lose, gain=gain)
    for copy in range(3):
        np.testing.assert_array_equal(made[:, copy], wanted(x))


def test_every_record_copy_and_entry_has_a_coin_of_its_own():
    turned = flipped(np.zeros((4, 300), int), 4, lose=0, gain=0.5)
    for axis in range(3):
        same = (turned == np.roll(turned, 1, axis)).mean(axis=axis)
        assert same.mean() == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(turned.reshape(16, 300), axis=0)) == 16


def test_the_seed_decides_and_more_copies_begin_with_fewer():
    x = baskets()
    one, same, other = (flipped(x, 5, lose=0.2, gain=0.1, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    np.testing.assert_array_equal(flipped(x, 2, lose=0.2, gain=0.1, seed=3), one[:, :2])


@pytest.mark.parametrize("kind", [bool, np.uint8, int, np.float32])
def test_copies_are_of_the_records_kind_and_leave_them_alone(kind):
    x = baskets().astype(kind)
    before = x.copy()
    made = flipped(x, 2, lose=0.5, gain=0.5)
    assert made.dtype == kind and set(np.unique(made)) == {0, 1}
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(made, flipped(baskets(), 2, lose=0.5, gain=0.5))


@pytest.mark.parametrize("far", [1, 2, 3])
def test_shifts_are_all_that_far_and_no_two_alike(far):
    image = np.zeros((1, 9, 9, 2))
    image[0, 4, 4] = 1, 2
    made = shifted(image, far)
    assert made.shape == (1, 4 * far + 1, 9, 9, 2)
    np.testing.assert_array_equal(made[:, 0], image)
    spots = [tuple(np.argwhere(one[..., 1])[0] - 4) for one in made[0]]
    assert {abs(down) + abs(right) for down, right in spots[1:]} == {far}
    assert len(set(spots)) == len(spots)
    assert all(one[4 + down, 4 + right].tolist() == [1, 2]
               for one, (down, right) in zip(made[0], spots, strict=True))


def test_mirrored_images_follow_and_only_left_and_right_change_places():
    images = np.random.default_rng(0).random((3, 5, 7, 1))
    made = shifted(images, 1, mirrored=True)
    assert made.shape == (3, 10, 5, 7, 1)
    np.testing.assert_array_equal(made[:, :5], shifted(images, 1))
    np.testing.assert_array_equal(made[:, 5:], made[:, :5, :, ::-1])


# ---------------------------------------------------------------- answers


def test_right_answers_by_hand():
    copies = np.array([[[1, 1], [0, 1], [0, 0]], [[1, 0], [1, 1], [0, 0]]])
    right = right_answers(at_least(2), copies, np.array([1, 0]))
    np.testing.assert_array_equal(right, [[True, False, False], [True, False, True]])


def test_posteriors_and_classes_say_the_same_and_each_copy_is_asked_about_once():
    x, asked = baskets(), []

    def posteriors(records):
        asked.append(len(records))
        return np.eye(2)[at_least(18)(records)] * 0.8 + 0.1

    copies = flipped(x, 7, lose=0.2, gain=0.1)
    labels = at_least(18)(x)
    right = right_answers(posteriors, copies, labels)
    np.testing.assert_array_equal(right, right_answers(at_least(18), copies, labels))
    assert sum(asked) == 200 * 7
    slowly = [[at_least(18)(copies[i, [j]])[0] == labels[i] for j in range(7)] for i in range(200)]
    np.testing.assert_array_equal(right, slowly)


def test_images_are_asked_about_as_images():
    images = np.random.default_rng(0).random((3, 5, 7, 1))
    right = right_answers(lambda x: (x[:, 0, 0, 0] > 0.5).astype(int), shifted(images),
                          np.array([0, 1, 1]))
    np.testing.assert_array_equal(right[:, 0], (images[:, 0, 0, 0] > 0.5) == [0, 1, 1])


@pytest.mark.parametrize("yes, copies, odds", [(4, 4, 9), (0, 4, 1 / 9), (3, 4, 7 / 3), (1, 2, 1)])
def test_robustness_by_hand(yes, copies, odds):
    right = np.arange(copies)[None] < yes
    np.testing.assert_allclose(robustness(right), [np.log(odds)])


def test_robustness_counts_a_records_own_answers_in_any_order():
    right = np.random.default_rng(0).random((50, 16)) < 0.7
    score = robustness(right)
    np.testing.assert_allclose(score, robustness(right[:, ::-1]))
    np.testing.assert_allclose(-score, robustness(~right))
    assert (np.argsort(score, kind="stable") == np.argsort(right.sum(axis=1), kind="stable")).all()
    with np.errstate(all="raise"):
        assert np.isfinite(robustness(np.ones((2, 1), bool))).all()


# ---------------------------------------------------------------- the boundary


def test_the_distance_of_a_rule_that_counts():
    """Whoever has m of at least 10 items stops being one at m − 9 lost, on every walk."""
    x = baskets()
    has = x.sum(axis=1)
    labels = np.ones(200, int)
    distance, queries = flips_needed(at_least(10), x, labels, walks=3)
    np.testing.assert_array_equal(distance, np.maximum(has - 9, 0))
    assert queries == 1 + 3 * np.ceil(np.log2(has.max() + 1))


def test_who_is_right_with_nothing_left_is_one_further_than_all():
    x = baskets()
    distance, _ = flips_needed(lambda x: np.zeros(len(x), int), x, np.zeros(200, int), walks=2)
    np.testing.assert_array_equal(distance, x.sum(axis=1) + 1)
    distance, _ = flips_needed(lambda x: np.zeros(len(x), int), x, np.ones(200, int))
    assert (distance == 0).all()


def test_a_wrong_record_is_at_distance_0_even_if_a_part_of_it_is_right():
    x = np.ones((1, 8), int)
    distance, _ = flips_needed(lambda x: (x.sum(axis=1) < 8).astype(int), x, np.array([1]))
    assert distance == [0]


def test_only_what_is_there_is_taken_away_and_in_the_records_shape():
    x, seen = baskets(30, 24).reshape(30, 2, 12), []

    def ask(records):
        seen.append(records)
        return at_least(3)(records)

    flips_needed(ask, x, np.ones(30, int), walks=2)
    assert all(one.shape == x.shape and one.dtype == x.dtype and (one <= x).all() for one in seen)
    queries = flips_needed(at_least(3), x, np.ones(30, int), walks=2)[1]
    assert len(seen) == queries


def decisive(x):
    """Right while item 0 is there: each walk meets it at a random place."""
    return x[:, 0].astype(int)


def test_walks_are_random_and_their_mean_is_taken():
    x = np.ones((400, 9), int)
    labels = np.ones(400, int)
    one, few, many = (flips_needed(decisive, x, labels, walks=walks)[0] for walks in (1, 4, 64))
    assert set(one) == set(range(1, 10))          # item 0 is the first, …, the ninth to go
    assert one.mean() == pytest.approx(5, abs=0.4) and few.mean() == pytest.approx(5, abs=0.2)
    assert one.std() / few.std() == pytest.approx(2, rel=0.15)
    assert one.std() / many.std() == pytest.approx(8, rel=0.15)
    same, other = (flips_needed(decisive, x, labels, walks=1, seed=seed)[0] for seed in (0, 1))
    assert (one == same).all() and (one != other).any()


def test_bisection_finds_where_a_slow_walk_finds_it():
    """Along one walk the answer turns once; a step at a time finds the same place."""
    x, labels = baskets(50, 40), np.ones(50, int)
    weight = np.random.default_rng(1).random(40)

    def ask(records):
        return (records @ weight > 2).astype(int)

    asked = []
    distance, _ = flips_needed(lambda x: asked.append(x) or ask(x), x, labels, walks=1)
    for i in np.flatnonzero(ask(x) == 1):
        for records in asked:
            taken = int((x[i] - records[i]).sum())
            assert (ask(records[[i]])[0] == 1) == (taken < distance[i])


# ---------------------------------------------------------------- errors


X = baskets(4, 6)


@pytest.mark.parametrize("call, message", [
    (lambda: flipped(X * 2, 1, lose=0, gain=0), "x must be records"),
    (lambda: flipped(X / 3, 1, lose=0, gain=0), "x must be records"),
    (lambda: flipped(X[0], 1, lose=0, gain=0), "x must be records"),
    (lambda: flipped(X[:0], 1, lose=0, gain=0), "x must be records"),
    (lambda: flipped(X, 0, lose=0, gain=0), "copies must be at least 1"),
    (lambda: flipped(X, 1, lose=1.1, gain=0), "lose must lie between 0 and 1"),
    (lambda: flipped(X, 1, lose=0, gain=-0.1), "gain must lie between 0 and 1"),
    (lambda: flipped(X, 1, lose=0, gain=0, seed=-1), "seed must be at least 0"),
    (lambda: shifted(X), "images must be"),
    (lambda: shifted(np.ones((1, 5, 5, 1)), 0), "far must be at least 1"),
    (lambda: right_answers(at_least(1), X, np.ones(4, int)), "copies .* and labels"),
    (lambda: right_answers(at_least(1), X[:, None], np.ones(3, int)), "copies .* and labels"),
    (lambda: right_answers(lambda x: np.ones(3), X[:, None], np.ones(4, int)), "ask must answer"),
    (lambda: right_answers(lambda x: np.ones((4, 2, 2)), X[:, None], np.ones(4, int)),
     "ask must answer"),
    (lambda: right_answers(lambda x: ["a"] * len(x), X[:, None], np.ones(4, int)),
     "what ask answers must be"),
    (lambda: robustness(np.ones((3, 2))), "right must be bool"),
    (lambda: robustness(np.ones(3, bool)), "right must be bool"),
    (lambda: robustness(np.ones((3, 0), bool)), "right must be bool"),
    (lambda: flips_needed(at_least(1), X, np.ones(3, int)), "labels must have one entry"),
    (lambda: flips_needed(at_least(1), X, np.ones(4, int), walks=0), "walks must be at least 1"),
    (lambda: flips_needed(at_least(1), X, np.ones(4, int), seed=-1), "seed must be at least 0"),
    (lambda: flips_needed(at_least(1), X + 1, np.ones(4, int)), "x must be records"),
])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
