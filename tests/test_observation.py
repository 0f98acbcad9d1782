"""An Observation refuses what no model can have answered; `observe` asks about the right part."""

import warnings

import numpy as np
import pytest
from made_up import leaky

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.observation import Observation, observations, observe, parted, pool

GOOD = {
    "posteriors": np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]),
    "labels": np.array([0, 1, 1, 1]),
    "member": np.array([True, True, False, False]),
}


def with_posteriors(posteriors):
    n = len(posteriors)
    return Observation(posteriors, np.zeros(n, int), np.arange(n) < n // 2)


# ---------------------------------------------------------------- what it keeps


def test_accuracy_is_training_and_test_accuracy():
    assert Observation(**GOOD).accuracy == (1.0, 0.0)
    assert Observation(**GOOD | {"member": np.array([True, False, True, True])}).accuracy == (
        pytest.approx(1 / 3), 1.0)


@pytest.mark.parametrize("member, which", [(True, 1), (False, 0)])
def test_accuracy_of_nobody_is_not_a_number_and_no_warning(member, which):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = Observation(**GOOD | {"member": np.full(4, member)}).accuracy
    assert np.isnan(got[which]) and got[1 - which] == 0.5


@pytest.mark.parametrize("name", GOOD)
def test_its_arrays_are_its_own_and_cannot_be_written_to(name):
    given = {key: value.copy() for key, value in GOOD.items()}
    seen = Observation(**given)
    given[name][0] = given[name][2]
    np.testing.assert_array_equal(getattr(seen, name), GOOD[name])
    with pytest.raises(ValueError, match="read-only"):
        getattr(seen, name)[0] = GOOD[name][2]
    assert given[name].flags.writeable


def test_observations_are_compared_as_objects():
    one, other = Observation(**GOOD), Observation(**GOOD)
    assert one == one and one != other and len({one, other}) == 2


def test_posteriors_of_32_bits_are_kept_in_64():
    assert leaky(0, dtype=np.float32).posteriors.dtype == np.float64


# ---------------------------------------------------------------- some of it


@pytest.mark.parametrize("rows, taken", [
    ([2, 0], [2, 0]), (np.array([3, 3, 1]), [3, 3, 1]), (slice(1, None, 2), [1, 3]),
    (slice(None, None, -1), [3, 2, 1, 0]), (np.array([True, False, False, True]), [0, 3]),
    ([-1], [3]),
])
def test_take_picks_the_same_rows_of_everything(rows, taken):
    member = np.array([True, False, False, True])
    seen = Observation(**GOOD | {"labels": np.array([0, 1, 0, 1]), "member": member})
    some = seen.take(rows)
    for name in GOOD:
        np.testing.assert_array_equal(getattr(some, name), getattr(seen, name)[taken])


@pytest.mark.parametrize("rows, message", [
    ([4], "rows must be indices below 4, 4 bools or a slice"),
    ([True, False], "4 bools"), ([0.5], "indices"), ("all", "indices"), ((0, 1), "indices"),
    ([], "at least one record"), (slice(0), "at least one"), (np.zeros(4, bool), "at least one"),
    (2, "be a list"), ([[0, 1]], "be a list"), (None, "be a list"),
])
def test_take_refuses(rows, message):
    with pytest.raises(ValueError, match=message):
        Observation(**GOOD).take(rows)


def test_strangers_are_the_non_members_every_second_one_called_a_member():
    seen = Observation(**GOOD | {"member": np.array([False, True, False, False])})
    null = seen.strangers()
    np.testing.assert_array_equal(null.posteriors, seen.posteriors[[0, 2, 3]])
    np.testing.assert_array_equal(null.labels, [0, 1, 1])
    np.testing.assert_array_equal(null.member, [True, False, True])


def test_shuffling_deals_membership_out_anew_and_nothing_else():
    seen = leaky(0, n=250)
    null = seen.shuffled(1)
    assert null.member.sum() == 250
    assert not np.array_equal(null.member, seen.member)
    assert np.array_equal(null.posteriors, seen.posteriors)
    assert np.array_equal(null.labels, seen.labels)
    assert np.array_equal(null.member, seen.shuffled(1).member)
    assert not np.array_equal(null.member, seen.shuffled(2).member)


# ---------------------------------------------------------------- several


def test_pooled_shadows_keep_every_record_in_order():
    one, two = leaky(0, n=20), leaky(1, n=30, members=10)
    both = pool([one, two])
    for name in GOOD:
        np.testing.assert_array_equal(getattr(both, name), np.concatenate(
            [getattr(one, name), getattr(two, name)]))


@pytest.mark.parametrize("several", [[], [leaky(0), leaky(0, classes=4)]])
def test_only_shadows_with_the_same_classes_can_be_pooled(several):
    with pytest.raises(ValueError, match="same number of classes"):
        pool(several)


def many_answers(models=3, n=5, classes=4):
    rng = np.random.default_rng(0)
    return (rng.dirichlet(np.ones(classes), (models, n)), rng.integers(classes, size=n),
            rng.random((models, n)) < 0.5)


def test_each_model_has_its_own_answers_and_members_and_all_the_labels():
    answers, labels, included = many_answers()
    seen = observations(answers.astype(np.float32), labels, included)
    assert len(seen) == 3
    for k, one in enumerate(seen):
        np.testing.assert_allclose(one.posteriors, answers[k], atol=1e-7)
        np.testing.assert_array_equal(one.labels, labels)
        np.testing.assert_array_equal(one.member, included[k])


@pytest.mark.parametrize("change", [
    lambda a, y, i: (a[0], y, i), lambda a, y, i: (a, y[:-1], i), lambda a, y, i: (a, y, i[:-1]),
    lambda a, y, i: (a, y, i[:, :-1]), lambda a, y, i: (a, np.stack([y] * 3), i),
    lambda a, y, i: (a, y, i.T), lambda a, y, i: (a, y, i[0]),
])
def test_shapes_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError, match="included .* must fit together, got shapes"):
        observations(*change(*many_answers()))


def test_what_an_observation_refuses_many_refuse():
    answers, labels, included = many_answers()
    with pytest.raises(ValueError, match="member must be bool"):
        observations(answers, labels, included.astype(int))


# ---------------------------------------------------------------- what a model may answer


@pytest.mark.parametrize("name, value, message", [
    ("posteriors", np.array([[2.0, 3.0]] * 4), "sum to 1, got sum 5 .*logits.*softmax"),
    ("posteriors", np.array([[1.5, -0.5]] * 4), "non-negative .* minimum -0.5 in row 0.*logits"),
    ("posteriors", np.array([[1e9, 1e300]] * 4), "sum to 1"),
    ("posteriors", np.array([[0.5, np.nan]] * 4), "finite, got .* in row 0"),
    ("posteriors", np.ones((4, 1)), r"two classes, got shape \(4, 1\): .* np.hstack\(\[1 - p, p\]"),
    ("posteriors", np.ones(4), r"two classes, got shape \(4,\)"),
    ("posteriors", np.ones((0, 2)), "at least one record"),
    ("posteriors", np.ones((2, 4, 2)) / 2, r"table .* got shape \(2, 4, 2\)"),
    ("posteriors", [[0.5, "x"]] * 4, "posteriors must be one array of numbers, got list"),
    ("posteriors", [[0.5, 0.5], [1.0]], "posteriors must be one array of numbers"),
    ("posteriors", {"out": 1}, "posteriors must be one array of numbers, got dict"),
    ("labels", np.array([0, 1, 1, 2]), r"0 … 1, .*got 0 … 2"),
    ("labels", np.array([-1, 1, 1, 0]), r"0 … 1, .*got -1 … 1"),
    ("labels", np.array([0.0, 1, 1, 1]), "labels must be integers, got float64"),
    ("labels", np.array([0, 1]), "one entry for each of the 4 rows"),
    ("member", np.array([1, 1, 0, 0]), "member must be bool, got int64"),
    ("member", np.array([[True]] * 4), "one entry for each"),
])
def test_bad_input_is_named(name, value, message):
    with pytest.raises(ValueError, match=message):
        Observation(**GOOD | {name: value})


def softmax(classes, n=500, spread=3.0):
    odds = np.exp(np.random.default_rng(classes).normal(size=(n, classes)) * spread)
    return odds / odds.sum(axis=1, keepdims=True)


def bfloat16(values):
    """Rounded to nearest, as 8 bits hold it."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize("classes", [2, 4, 10, 100])
@pytest.mark.parametrize("rounded", [
    bfloat16, lambda p: p.astype(np.float16), lambda p: p.astype(np.float32), lambda p: p.round(4),
    lambda p: p.round(3), lambda p: p.round(3).astype(np.float32),
])
def test_rounded_distributions_are_distributions(classes, rounded):
    answers = rounded(softmax(classes))
    np.testing.assert_array_equal(with_posteriors(answers).posteriors, answers.astype(float))


@pytest.mark.parametrize("classes, digits", [(2, 1), (10, 2), (3, 1)])
def test_two_digits_of_ten_classes_are_a_distribution(classes, digits):
    with_posteriors(softmax(classes).round(digits))


@pytest.mark.parametrize("classes", [2, 4, 10, 100])
@pytest.mark.parametrize("rounded", [
    np.copy, bfloat16, lambda p: p.astype(np.float16), lambda p: p.round(3), lambda p: p.round(2)])
def test_sigmoids_are_called_by_their_name(classes, rounded):
    each = 1 / (1 + np.exp(-np.random.default_rng(0).normal(size=(50, classes)) * 2))
    with pytest.raises(ValueError, match="sigmoids, .* divide each row by its sum"):
        with_posteriors(rounded(each))


@pytest.mark.parametrize("answers", [
    np.eye(40)[:20] + np.eye(40)[1:21],                        # two labels at once
    np.random.default_rng(0).normal(size=(50, 10)).round(1),   # logits, rounded
    np.zeros((5, 3)), softmax(5) * 1.002, softmax(5) * 0.95, bfloat16(softmax(5) * 0.98),
    (softmax(5) * 0.995).astype(np.float16), (softmax(5) * 0.99).round(4),
])
def test_rounding_excuses_no_more_than_it_explains(answers):
    with pytest.raises(ValueError, match="non-negative and sum to 1"):
        with_posteriors(answers)


# ---------------------------------------------------------------- observe


def part(low, high, name="her data", classes=("a", "b", "c")):
    x = np.stack([np.arange(low, high), np.arange(low, high) % 7], axis=1).astype(np.float32)
    return Dataset(name, x, np.arange(low, high) % 3, classes)


def answer(x):
    """The first class has the share that the record's number says."""
    share = x[:, :1] / 1000
    return np.hstack([share, (1 - share) / 4, (1 - share) * 3 / 4])


def test_observe_asks_about_both_parts_members_first():
    seen = observe(answer, part(0, 30), part(100, 150))
    np.testing.assert_allclose(seen.posteriors[:, 0] * 1000, [*range(30), *range(100, 150)],
                               rtol=1e-6)
    np.testing.assert_array_equal(seen.labels, np.array([*range(30), *range(100, 150)]) % 3)
    np.testing.assert_array_equal(seen.member, np.arange(80) < 30)


def test_any_function_can_be_asked():
    forest_like = observe(lambda x: answer(x).tolist(), part(0, 30), part(100, 150))
    assert len(forest_like) == 80


@pytest.mark.parametrize("other", [
    part(0, 50), part(10, 60), part(20, 120).take(np.arange(0, 40)), part(0, 500),
    part(0, 50).take(np.random.default_rng(0).permutation(50)),
])
def test_the_same_records_on_both_sides_are_refused(other):
    for pair in ((part(0, 50), other), (other, part(0, 50))):
        with pytest.raises(ValueError, match="members and non_members must be different records"):
            observe(answer, *pair)


def test_one_part_twice_is_refused_however_small():
    few = part(0, 2)
    with pytest.raises(ValueError, match="must be different records, got her data and her data"):
        observe(answer, few, few)


def test_data_may_hold_equal_records():
    """A third of the records also among the others; and baskets of few kinds."""
    assert len(observe(answer, part(0, 50), part(35, 85))) == 100
    rng = np.random.default_rng(0)
    baskets = [Dataset("baskets", rng.integers(2, size=(300, 6), dtype=np.uint8),
                       rng.integers(3, size=300), ("a", "b", "c")) for _ in range(2)]
    observe(lambda x: np.full((len(x), 3), 1 / 3), *baskets)


@pytest.mark.parametrize("other", [part(100, 150, classes=("a", "b", "d")), Dataset(
    "wider", np.arange(27).reshape(9, 3).astype(np.float32), np.zeros(9, int), ("a", "b", "c"))])
def test_parts_of_two_data_sets_are_refused(other):
    with pytest.raises(ValueError, match="must come from one data set"):
        observe(answer, part(0, 30), other)


@pytest.mark.parametrize("ask, message", [
    (lambda x: answer(x)[:-1], r"ask must answer one row .*got shape \(29, 3\) for 30 records"),
    (lambda x: answer(x).mean(axis=0), r"ask must answer one row .* got shape \(3,\) for 30"),
    (lambda x: [answer(x), answer(x)], r"ask must answer one row .* got shape \(2, 30, 3\)"),
    (lambda x: 0.5, r"ask must answer one row .* got shape \(\)"),
    (lambda x: {"output": answer(x)}, "what ask answers must be one array of numbers, got dict"),
    (lambda x: None, "what ask answers must be one array|ask must answer one row"),
    (lambda x: ["cat"] * len(x), "what ask answers must be one array of numbers, got list"),
    (lambda x: x[:, :1] / 1000, r"two classes, got shape \(30, 1\): of one sigmoid p"),
    (lambda x: x[:, 0] / 1000, r"two classes, got shape \(30,\): of one sigmoid p"),
    (lambda x: np.log(answer(x) + 1), "sum to 1"),
    (lambda x: answer(x) * np.nan, "posteriors must be finite"),
])
def test_answers_that_are_no_posteriors_are_named(ask, message):
    with pytest.raises(ValueError, match=message):
        observe(ask, part(0, 30), part(100, 150))


# ---------------------------------------------------------------- parted


def test_values_are_parted_into_the_members_and_the_others():
    inside, outside = parted([3, 1, 2], np.array([False, True, False]))
    assert (inside.tolist(), outside.tolist()) == ([1], [3, 2])
