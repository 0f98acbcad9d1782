"""The simulated shoppers: one table, five numbers of classes, the same everywhere."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from mlleaks_helpers.data import load, shoppers


def test_what_a_shopper_is():
    baskets = shoppers.baskets()
    assert baskets.shape == (20_000, 600) and baskets.dtype == np.uint8
    assert set(np.unique(baskets)) == {0, 1}
    assert 0.06 < baskets.mean() < 0.1


@pytest.mark.parametrize("k", shoppers.CLASS_COUNTS)
def test_classes_are_numbered_from_0(k):
    y = shoppers.labels(k)
    assert y.shape == (20_000,) and y.dtype == np.int64
    assert np.unique(y).tolist() == list(range(k))


@pytest.mark.parametrize("k", shoppers.CLASS_COUNTS)
def test_the_classes_that_come_with_the_package_are_those_of_k_means(k):
    """All of them where they were made; another machine's rounding may move a few."""
    assert (shoppers.labels(k) == shoppers.grouped(k)).mean() > 0.999


def test_shoppers_share_one_table_and_differ_in_classes():
    few, many = load("shoppers-2"), load("shoppers-100")
    assert (few.x == many.x).all()
    assert len({tuple(np.bincount(load(name).y)) for name in shoppers.NAMES}) == 5


def test_shoppers_are_the_same_in_every_process():
    code = (
        "from mlleaks_helpers.data import shoppers; import hashlib; "
        "print(hashlib.sha256(shoppers.baskets()).hexdigest(), "
        "hashlib.sha256(shoppers.labels(10)).hexdigest())"
    )
    here = (shoppers.baskets(), shoppers.labels(10))
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [hashlib.sha256(array).hexdigest() for array in here]


def test_no_class_of_shoppers_is_too_small_to_learn():
    for name in shoppers.NAMES:
        assert np.bincount(load(name).y).min() >= 20


@pytest.mark.parametrize("k", [2, 10])
def test_a_class_is_the_group_with_the_nearest_centre(k):
    baskets, y = shoppers.baskets(), shoppers.labels(k)
    centres = np.stack([baskets[y == group].mean(axis=0) for group in range(k)])
    distances = ((baskets[:500, None] - centres) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == y[:500]).mean() > 0.95  # k-means stopped after 20 rounds


@pytest.mark.parametrize("k", [10, 20])
def test_a_class_has_the_number_of_the_shopper_it_started_from(k):
    own = shoppers.labels(k)[:k] == np.arange(k)
    assert own.mean() > 0.4  # if the classes had other numbers: 1 / k


def test_nobody_can_write_on_the_one_table():
    for array in (shoppers.baskets(), shoppers.labels(2), load("shoppers-2").x):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
