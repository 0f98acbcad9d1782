"""Smoothed labels, worked out by hand, for one model and for a stack of them."""

import keras
import numpy as np
import pytest

from mlleaks_helpers.models import SmoothedCrossEntropy

POSTERIORS = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]], np.float32)
TARGETS = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])  # of labels 0 and 2, an amount of 0.3
LOSSES = -(TARGETS * np.log(POSTERIORS)).sum(axis=1)


@pytest.mark.parametrize("y", [[0, 2], [[0], [2]], [0.0, 2.0]])
def test_one_loss_a_record_by_hand(y):
    loss = SmoothedCrossEntropy(0.3)
    np.testing.assert_allclose(loss.call(np.array(y), POSTERIORS), LOSSES, rtol=1e-5)
    assert float(loss(np.array(y), POSTERIORS)) == pytest.approx(LOSSES.mean(), rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 1)])
def test_a_stack_of_models_gives_a_loss_for_each_and_each_record(shape):
    y = np.array([[0, 2], [2, 0], [1, 1]])
    posteriors = np.stack([POSTERIORS, POSTERIORS[::-1], POSTERIORS])
    losses = np.array(SmoothedCrossEntropy(0.3).call(y.reshape(shape), posteriors))
    middle = -(np.array([0.1, 0.8, 0.1]) * np.log(POSTERIORS)).sum(axis=1)
    np.testing.assert_allclose(losses, [LOSSES, LOSSES[::-1], middle], rtol=1e-5)


def test_no_smoothing_is_the_plain_cross_entropy():
    plain = keras.losses.sparse_categorical_crossentropy(np.array([0, 2]), POSTERIORS)
    np.testing.assert_allclose(SmoothedCrossEntropy(0).call(np.array([0, 2]), POSTERIORS), plain,
                               rtol=1e-6)


def test_the_amount_is_in_the_configuration_and_comes_back():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    texts = []
    for amount in (0.1, 0.25):
        model.compile("adam", SmoothedCrossEntropy(amount))
        texts.append(model.to_json())
    assert texts[0] != texts[1]
    back = keras.losses.deserialize(keras.losses.serialize(
        SmoothedCrossEntropy(0.25, name="mine", reduction="sum")))
    assert (type(back), back.amount, back.name, back.reduction) == (
        SmoothedCrossEntropy, 0.25, "mine", "sum")


@pytest.mark.parametrize("amount", [1, -0.1, "a"])
def test_an_amount_out_of_range_is_named(amount):
    with pytest.raises(ValueError, match=f"amount is a share, .* got {amount!r}"):
        SmoothedCrossEntropy(amount)
