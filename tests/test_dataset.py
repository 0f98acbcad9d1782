"""Datasets, their parts and joins, the four-part split, and random records."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlleaks_helpers.data import Dataset, PerPixel, fit_prepare, join, load, random_records, split

PARTS = ("target_train", "target_out", "shadow_train", "shadow_out")
PIXELS = np.arange(48, dtype=np.uint8).reshape(12, 2, 2, 1)


def numbered(n, n_classes=2):
    """n records whose only feature is their row number."""
    rows = np.arange(n)
    x = rows[:, None].astype(np.float32)
    return Dataset("numbered", x, rows % n_classes, tuple("abcdefgh"[:n_classes]), PerPixel())


def odd():
    """Every field is another than by default."""
    return Dataset("odd", PIXELS, np.arange(12) % 3, ("u", "v", "w"), PerPixel(2.0),
                   simulated=True, largest=99)


def rows_of(parts):
    return [getattr(parts, name).x[:, 0].astype(int) for name in PARTS]


def kept(dataset):
    return {field.name: getattr(dataset, field.name) for field in fields(dataset)
            if field.name not in ("x", "y")}


# ---------------------------------------------------------------- Dataset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.arange(3)}, "x has 4 records and y 3 labels"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, "x has 0 records"),
        ({"x": [], "y": []}, "x has 0 records"),
        ({"y": np.array([0.0, 1, 0, 1])}, "y is float64"),
        ({"y": np.zeros((4, 1), int)}, r"shape \(4, 1\)"),
        ({"y": np.array([0, 1, 2, 1])}, "y runs from 0 to 2: with 2 classes"),
        ({"y": np.array([0, -1, 0, 1])}, "y runs from -1 to 1"),
        ({"x": np.array([[0.0], [np.nan], [1], [np.inf]])}, "x has 2 values NaN or infinite"),
        ({"prepare": StandardScaler}, r"a class: give an object, StandardScaler\(\)"),
        ({"prepare": np.log}, r"prepare is .*: give a scikit-learn transformer, with fit"),
        ({"x": np.full((4, 2), 9, np.uint8), "largest": 8},
         "largest is 8, and x has values up to 9: give a number from 9 to 255"),
        ({"x": np.zeros((4, 2), np.uint8), "largest": 256}, "largest is 256"),
        ({"x": np.zeros((4, 2), np.uint8), "largest": 0}, "largest must be at least 1, got 0"),
    ],
)
def test_dataset_refuses(change, message):
    good = {"x": np.zeros((4, 2), np.float32), "y": np.array([0, 1, 0, 1]), "prepare": None}
    with pytest.raises(ValueError, match=message):
        Dataset(name="bad", classes=("no", "yes"), **(good | change))


def test_lists_and_names_in_an_array_are_taken_as_they_come():
    mine = Dataset("mine", [[0.5], [1.5]], [0, 1], np.array(["no", "yes"]))
    assert mine.x.shape == (2, 1) and mine.y.tolist() == [0, 1] and mine.classes == ("no", "yes")
    assert mine.simulated is False and mine.largest is None


@pytest.mark.parametrize("options", [{}, {"prepare": None}])
def test_without_a_prepare_records_are_taken_as_they_are(options):
    mine = Dataset("mine", [[0.5], [1.5]], [0, 1], "ab", **options)
    assert isinstance(mine.prepare, FunctionTransformer)
    _, table = fit_prepare(mine.prepare, mine.x)
    assert table.dtype == np.float32 and table.tolist() == [[0.5], [1.5]]


def test_simulated_is_said_under_any_name():
    renamed = replace(load("shoppers-2"), name="her shoppers")
    assert renamed.simulated
    assert repr(renamed) == "<her shoppers: simulated, 20,000 × 600, 2 classes>"
    assert "simulated" not in repr(load("digits"))
    assert not Dataset("shoppers-2", [[0.5], [1.5]], [0, 1], "ab").simulated


@pytest.mark.parametrize(("index", "rows"), [
    (np.array([7, 2, 2]), [7, 2, 2]), ([3, 1], [3, 1]), (slice(1, 12, 5), [1, 6, 11]),
    (np.arange(12) > 9, [10, 11])])
def test_take_keeps_rows_together_and_all_else(index, rows):
    taken = odd().take(index)
    np.testing.assert_array_equal(taken.x, PIXELS[rows])
    assert taken.y.tolist() == [row % 3 for row in rows]
    assert kept(taken) == {"name": "odd", "classes": ("u", "v", "w"), "prepare": taken.prepare,
                           "simulated": True, "largest": 99}
    assert taken.prepare.min_std == 2.0


def test_take_keeps_the_very_prepare():
    dataset = numbered(10)
    assert dataset.take([0, 1]).prepare is dataset.prepare


# ---------------------------------------------------------------- join


def test_join_puts_parts_below_one_another_and_keeps_all_else():
    dataset = odd()
    joined = join(dataset.take(rows) for rows in ([5, 1], [0], [7, 2]))
    np.testing.assert_array_equal(joined.x, PIXELS[[5, 1, 0, 7, 2]])
    assert joined.y.tolist() == [2, 1, 0, 1, 2]
    assert kept(joined) == kept(dataset)


def test_what_was_split_can_be_joined():
    dataset = numbered(40)
    parts = split(dataset)
    joined = join([parts.shadow_out, parts.target_train])
    assert joined.x[:10].tolist() == parts.shadow_out.x.tolist()
    assert joined.y[10:].tolist() == parts.target_train.y.tolist()


def test_two_loads_of_one_set_can_be_joined():
    assert len(join([load("digits"), load("digits")])) == 2 * 1797


@pytest.mark.parametrize(("change", "message"), [
    ({"name": "even"}, "parts differ in name: 'odd' and 'even'"),
    ({"classes": ("u", "w", "v")}, r"parts differ in classes: \('u', 'v', 'w'\) and"),
    ({"simulated": False}, "parts differ in simulated: True and False"),
    ({"largest": 98}, "parts differ in largest: 99 and 98"),
    ({"prepare": PerPixel(3.0)}, r"differ in prepare: .*std=2.0\) and .*std=3.0\)"),
    ({"prepare": StandardScaler()}, "parts differ in prepare"),
    ({"x": PIXELS.reshape(12, 4)}, r"uint8 of shape \(2, 2, 1\) and uint8 of \(4,\)"),
    ({"x": PIXELS[:, :1]}, "parts differ in their records"),
])
def test_parts_of_different_sets_are_not_joined(change, message):
    with pytest.raises(ValueError, match=message):
        join([odd(), replace(odd(), **change)])


def test_nothing_is_not_joined():
    with pytest.raises(ValueError, match="parts is empty"):
        join([])


# ---------------------------------------------------------------- split


@pytest.mark.parametrize("n", [4, 5, 6, 7, 100, 1003])
def test_split_is_disjoint_equal_and_leaves_out_at_most_three(n):
    parts = rows_of(split(numbered(n)))
    used = np.concatenate(parts)
    assert {len(part) for part in parts} == {n // 4}
    assert len(np.unique(used)) == len(used) == n - n % 4
    if n % 4 == 0:
        assert sorted(used) == list(range(n))


def test_split_deals_the_shuffled_records_in_order():
    order = np.random.default_rng(3).permutation(40)
    assert np.concatenate(rows_of(split(numbered(40), seed=3))).tolist() == order.tolist()
    assert np.concatenate(rows_of(split(numbered(40), size=2, seed=3))).tolist() == (
        order[:8].tolist())


def test_split_shuffles_by_seed():
    first, again, other = (rows_of(split(numbered(400), seed=seed)) for seed in (0, 0, 1))
    for a, b, c in zip(first, again, other, strict=True):
        assert (a == b).all() and (a != c).any()
    assert (first[0] != np.sort(first[0])).any()


def test_split_keeps_labels_and_all_else():
    dataset = odd()
    for part in vars(split(dataset)).values():
        assert part.y.tolist() == (part.x[:, 0, 0, 0] // 4 % 3).tolist()
        assert kept(part) == kept(dataset)


def test_split_of_a_given_size():
    parts = rows_of(split(numbered(100), size=10))
    assert [len(part) for part in parts] == [10] * 4
    assert len(np.unique(np.concatenate(parts))) == 40


@pytest.mark.parametrize("size", [0, -1, 26, 2.5])
def test_split_refuses_size(size):
    with pytest.raises(ValueError, match=rf"size is {size}: numbered has 100 .* from 1 to 25"):
        split(numbered(100), size=size)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_split_refuses_seed(seed):
    with pytest.raises(ValueError, match="seed must be"):
        split(numbered(100), seed=seed)


def test_split_refuses_fewer_than_four_records():
    with pytest.raises(ValueError, match="dataset has 3 records"):
        split(numbered(3))


# ---------------------------------------------------------------- random records


def test_random_bits_are_fair_coins():
    got = random_records(load("shoppers-2"), 500)
    assert got.shape == (500, 600) and got.dtype == np.uint8
    assert set(np.unique(got)) == {0, 1}
    assert got.mean() == pytest.approx(0.5, abs=0.004)  # 300,000 coins: 4 standard errors


@pytest.mark.parametrize(("dataset", "levels"), [
    (load("digits"), 17),
    (Dataset("mine", np.full((2, 8, 8, 3), 40, np.uint8), [0, 1], "ab"), 256)])
def test_random_pixels_are_uniform_over_the_range(dataset, levels):
    got = random_records(dataset)
    assert got.shape == (1_000, *dataset.x.shape[1:]) and got.dtype == np.uint8
    counts = np.bincount(got.ravel(), minlength=levels)
    assert len(counts) == levels
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("name", ["digits", "shoppers-2"])
def test_random_records_do_not_hang_on_the_records_at_hand(name):
    dataset = load(name)
    darkest = dataset.x.reshape(len(dataset), -1).max(axis=1).argmin()
    few = dataset.take([darkest])
    for part in (few, replace(few, name="mine"), join([few, few]), split(dataset).shadow_out,
                 replace(dataset, x=dataset.x[:4] // 2, y=dataset.y[:4])):
        np.testing.assert_array_equal(random_records(part, 50), random_records(dataset, 50))


@pytest.mark.parametrize(("x", "largest"), [([[0, 1]], 1), ([[0, 0]], 1), ([[0, 2]], 255)])
def test_pixels_of_your_own_go_to_255_and_bits_to_1(x, largest):
    mine = Dataset("mine", np.array(x, np.uint8), [0], "a")
    assert mine.largest == largest == random_records(mine).max()
    assert random_records(replace(mine, largest=7)).max() == 7


def test_random_records_repeat_with_their_seed():
    dataset = load("digits")
    one, again, other = (random_records(dataset, 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert len(random_records(dataset)) == 1_000


@pytest.mark.parametrize("x", [np.array(["a text", "another"], object), np.zeros((2, 3)),
                               np.zeros((2, 3), np.float32)])
def test_nobody_knows_what_a_random_text_or_column_is(x):
    with pytest.raises(ValueError, match="dataset is odd, .* for pixels and bits"):
        random_records(Dataset("odd", x, np.array([0, 1]), ("no", "yes")))


@pytest.mark.parametrize(("options", "message"), [
    ({"count": 0}, "count must be at least 1"), ({"count": 2.5}, "count must be a whole number"),
    ({"seed": -1}, "seed must be at least 0"), ({"seed": None}, "seed must be a whole number")])
def test_random_records_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        random_records(odd(), **options)
