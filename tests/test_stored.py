"""Observations as arrays and back: nothing lost, nothing mixed up."""

import numpy as np
import pytest
from scipy.special import softmax

from mlleaks_helpers.observation import Observation
from mlleaks_helpers.stored import from_arrays, posteriors, to_arrays


def confident(n=200, classes=5, seed=0):
    """Posteriors as they come: many of them within a millionth of 1."""
    rng = np.random.default_rng(seed)
    values = softmax(rng.normal(scale=8, size=(n, classes)), axis=1).astype(np.float32)
    return Observation(values, rng.integers(classes, size=n), rng.random(n) < 0.5)


@pytest.mark.parametrize("classes", [2, 5, 256, 257, 1_000])
def test_everything_comes_back_where_it_was(classes):
    """Target, three shadows, random, part and references, all different; also of more than 256 classes."""
    target, *shadows = (confident(40, classes, seed) for seed in range(4))
    random = confident(30, classes, 9).posteriors
    part = np.random.default_rng(1).integers(3, size=40)
    references = np.random.default_rng(2).normal(scale=20, size=(3, 40))
    back, back_shadows, back_random, back_part, back_references = from_arrays(
        to_arrays(target, shadows, random, part, references))
    assert isinstance(back_shadows, tuple) and len(back_shadows) == 3
    for one, other in zip((target, *shadows), (back, *back_shadows), strict=True):
        np.testing.assert_allclose(other.posteriors, one.posteriors, atol=1e-3)
        np.testing.assert_array_equal(other.labels, one.labels)
        np.testing.assert_array_equal(other.member, one.member)
    np.testing.assert_allclose(back_random, random, atol=1e-3)
    np.testing.assert_array_equal(back_part, part)
    np.testing.assert_allclose(back_references, references, rtol=1e-3, atol=1e-3)
    assert back_references.dtype == np.float64


def test_the_largest_label_is_not_wrapped():
    values = np.full((2, 300), 1 / 300)
    seen = Observation(values, np.array([256, 299]), np.array([True, False]))
    target, (shadow,), *_ = from_arrays(to_arrays(seen, [seen], None, None, None))
    assert target.labels.tolist() == shadow.labels.tolist() == [256, 299]
    assert to_arrays(confident(), [confident()], None, None, None)["labels"].dtype == np.uint8


def test_what_there_is_not_stays_away():
    arrays = to_arrays(confident(), [confident()], None, None, None)
    assert not {"random", "part", "references"} & arrays.keys()
    assert from_arrays(arrays)[2:] == (None, None, None)


def test_log_posteriors_keep_confident_records_apart():
    """Fails where posteriors themselves are halved: those near 1 would become ties."""
    seen = confident()
    back = posteriors(to_arrays(seen, [seen], None, None, None)["target"])
    top, top_back = seen.posteriors.max(axis=1), back.max(axis=1)
    assert np.abs(top_back - top)[top > 0.9].max() < 1e-3
    assert len(np.unique(top_back)) > 0.9 * len(np.unique(top))
    assert len(np.unique(top.astype(np.float16))) < 0.8 * len(np.unique(top))


def test_a_posterior_of_zero_stays_zero():
    values = np.array([[1.0, 0.0], [0.25, 0.75]])
    exact = Observation(values, np.array([0, 1]), np.array([True, False]))
    with np.errstate(all="raise"):
        back = posteriors(to_arrays(exact, [exact], None, None, None)["target"])
    assert back[0, 1] == 0
    np.testing.assert_allclose(back, values, atol=1e-3)


def test_rows_that_round_alike_can_be_read():
    """56 equal posteriors: each logarithm is rounded the same way, and the sum leaves 1."""
    flat = np.full((4, 56), 1 / 56)
    seen = Observation(flat, np.arange(4), np.arange(4) < 2)
    logs = to_arrays(seen, [seen], None, None, None)["target"]
    assert np.abs(np.exp(logs.astype(float)).sum(axis=1) - 1).min() > 1e-3
    np.testing.assert_allclose(posteriors(logs).sum(axis=1), 1, atol=1e-12)
