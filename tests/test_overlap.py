"""Digests know equal rows again; overlaps are told from what chance makes equal."""

import numpy as np
import pytest

from mlleaks_helpers.overlap import row_digests, same_rows

RNG = np.random.default_rng(0)
ROWS = {
    "posteriors": RNG.random((50, 3)),
    "singles": RNG.random((50, 3)).astype(np.float32),
    "pixels": RNG.integers(256, size=(50, 5, 5, 1), dtype=np.uint8),
    "bits": RNG.integers(2, size=(50, 40)).astype(bool),
    "numbers": RNG.permutation(50),
    "texts": np.array([f"text {k}" for k in range(50)], object),
    "words": np.array([f"word {k}" for k in range(50)]),
    "mixed columns": np.array([[k, f"{k}", k / 7] for k in range(50)], object),
}


@pytest.mark.parametrize("name", ROWS)
def test_equal_rows_have_equal_digests_and_others_do_not(name):
    rows = ROWS[name]
    digests = row_digests(rows)
    assert digests.shape == (50,) and digests.dtype == np.uint64
    assert len(np.unique(digests)) == 50
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(row_digests(rows[order].copy()), digests[order])
    np.testing.assert_array_equal(row_digests(rows[:1]), digests[:1])


def test_the_order_within_a_row_counts():
    assert len(np.unique(row_digests(np.array([[1.0, 2, 3], [3, 2, 1], [2, 1, 3]])))) == 3


def test_minus_zero_is_zero_and_numbers_are_what_they_are_in_any_width():
    assert len(np.unique(row_digests(np.array([[0.0, 1], [-0.0, 1]])))) == 1
    np.testing.assert_array_equal(row_digests(np.arange(5, dtype=np.int16)),
                                  row_digests(np.arange(5)))
    np.testing.assert_array_equal(row_digests(np.array(["a", "long"]))[:1],
                                  row_digests(np.array(["a"])))


def test_no_rows_have_no_digests():
    assert len(row_digests(np.zeros((0, 3)))) == 0


def test_digests_are_spread_evenly():
    """Neighbours differ in half of their bits."""
    digests = row_digests(np.arange(4_000))
    bits = np.unpackbits((digests[1:] ^ digests[:-1]).view(np.uint8)).reshape(-1, 64)
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.05)


def test_digests_are_the_same_in_every_process():
    """Python's own `hash` of a text is not."""
    got = row_digests(np.array(["one", "two"], object))
    assert got.tolist() == [8049088471700961331, 63107399109629585]


# ---------------------------------------------------------------- the same rows


def numbers(low, high):
    return np.arange(low, high).astype(np.uint64)


@pytest.mark.parametrize("some, others, same", [
    (numbers(0, 100), numbers(0, 100), True),
    (numbers(0, 100), numbers(0, 1000), True),
    (numbers(0, 60), numbers(0, 100), True),
    (numbers(0, 100), numbers(45, 145), True),     # 55 of 100
    (numbers(0, 100), numbers(55, 155), False),    # 45 of 100
    (numbers(0, 100), numbers(100, 200), False),
    (numbers(0, 0), numbers(0, 9), False),
    (numbers(0, 9), numbers(0, 0), False),
    (np.repeat(numbers(0, 10), 10), np.repeat(numbers(0, 10), 10), False),   # labels alone
    (numbers(0, 1), numbers(0, 1), False),         # one row proves nothing
])
def test_same_rows_by_hand(some, others, same):
    assert same_rows(some, others) is same


def test_rows_are_known_again_when_the_others_hold_them_twice_or_drew_them():
    rng = np.random.default_rng(0)
    assert same_rows(numbers(0, 500), np.repeat(numbers(0, 500), 2))
    assert same_rows(numbers(0, 500), rng.integers(500, size=500).astype(np.uint64))


@pytest.mark.parametrize("values", [3, 30, 300, 3_000, 30_000])
@pytest.mark.parametrize("many, more", [(20, 20), (300, 300), (300, 3_000), (3_000, 300)])
def test_chance_alone_is_never_taken_for_sameness(values, many, more):
    """Independent draws from few or many values, some of them frequent."""
    rng = np.random.default_rng(values + many)
    for _ in range(50):
        draw = [(values * rng.random(size) ** 2).astype(np.uint64) for size in (many, more)]
        assert not same_rows(*draw)
