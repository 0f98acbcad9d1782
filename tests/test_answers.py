"""A model is asked about every record once, in batches that memory can hold."""

import keras
import numpy as np
import pytest

from mlleaks_helpers.models import Mixup, cnn, mlp
from mlleaks_helpers.models.answers import as_posteriors, batch_size, in_batches

L = keras.layers


@pytest.mark.parametrize("n, size, sizes", [
    (7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2]), (3, 1, [1, 1, 1]), (1001, 1000, [1000, 1]),
])
def test_every_record_is_asked_about_once_and_in_order(n, size, sizes):
    asked = []
    x = np.arange(2 * n).reshape(n, 2)
    answers = in_batches(lambda batch: asked.append(len(batch)) or 3 * batch, x, size)
    assert asked == sizes
    np.testing.assert_array_equal(answers, 3 * x)


def test_answers_of_several_models_are_joined_record_by_record():
    x = np.arange(5.0)
    both = in_batches(lambda batch: np.stack([batch, -batch]), x, 2, axis=1)
    np.testing.assert_array_equal(both, [x, -x])


def wide(channels, *, size=128):
    return keras.Sequential([keras.Input((size, size, 3)), L.Conv2D(channels, 3, padding="same"),
                             L.GlobalAveragePooling2D(), L.Dense(2, "softmax")])


def test_a_batch_is_as_large_as_memory_allows():
    """600 MB for the widest layer: 128·128·64 numbers of four bytes a record leave 143 records."""
    assert batch_size(wide(64), (128, 128, 3)) == 143
    assert batch_size(wide(128), (128, 128, 3)) == 71
    assert batch_size(wide(64, size=2048), (2048, 2048, 3)) == 1
    within = keras.Sequential([keras.Input((128, 128, 3)), wide(64)])
    assert batch_size(within, (128, 128, 3)) == 143
    assert batch_size(Mixup(wide(64), 2, 1.0), (128, 128, 3)) == 143


def test_small_models_are_asked_about_a_thousand_records_at_a_time():
    for build, shape in ((mlp(), (600,)), (cnn(), (28, 28, 1)), (cnn(), (32, 32, 3)),
                         (cnn(), (64, 64, 1))):
        assert batch_size(build(shape, 10), shape) == 1_000


def test_of_a_model_that_does_not_tell_the_records_do():
    assert batch_size(len, (600,)) == batch_size(len, (28, 28, 1)) == 1_000
    assert batch_size(len, (128, 128, 3)) == 600_000_000 // (4 * 64 * 128 * 128 * 3)
    assert batch_size(len, (1_000_000,)) == 150
    fully = keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(8, 3),
                              L.GlobalAveragePooling2D()])
    assert batch_size(fully, (128, 128, 3)) == batch_size(len, (128, 128, 3))


@pytest.mark.parametrize("answer, message", [
    (np.full(4, 0.5), r"one number a record, shape \(4,\)"),
    (np.full((4, 1), 0.5), r"one number a record, shape \(4, 1\)"),
    ([0.5] * 4, "one number a record"),
    (np.full((3, 2), 0.5), r"answers 4 records with shape \(3, 2\): .*\(4, classes\)"),
    (np.full((4, 2, 2), 0.5), r"answers 4 records with shape \(4, 2, 2\)"),
    (0.5, r"answers 4 records with shape \(\)"),
    ([np.full((4, 2), 0.5)] * 3, "3 outputs"),
    ({"logits": 0}, r"a dict of 'logits': .*model\(x\)\['logits'\]"),
    ({}, "a dict of"),
    (np.full((4, 2), "a"), "values of type <U1"),
    (np.full((4, 2), np.nan), "finite"),
    (np.full((4, 2), 3.0), "sum to 1"),
])
def test_what_is_no_table_of_distributions_is_named(answer, message):
    with pytest.raises(ValueError, match=message):
        as_posteriors(answer, 4)


@pytest.mark.parametrize("dtype, kept", [
    ("float64", "float64"), ("float32", "float32"), ("float16", "float32"), ("int64", "float32"),
])
def test_answers_keep_double_precision_and_are_single_otherwise(dtype, kept):
    answer = np.eye(3)[[2, 0]].astype(dtype)
    assert as_posteriors(answer, 2).dtype == kept
    tensor = keras.ops.convert_to_tensor(answer)
    np.testing.assert_array_equal(as_posteriors(tensor, 2), np.eye(3)[[2, 0]])
