"""A builder that gives a model, or a part of one, for the second time is noticed."""

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import (
    Classical,
    Stack,
    dropout,
    l2,
    label_smoothing,
    mixup,
    mlp,
    stacking,
    train,
)
from mlleaks_helpers.models.fresh import fresh

L, ADAM = keras.layers, keras.optimizers.Adam()
SHAPE, CLASSES = (3,), 2
RNG = np.random.default_rng(0)
PART, OTHER = (Dataset("noise", RNG.random((20, 3), np.float32), np.arange(20) % 2, "ab")
               for _ in range(2))


def model(*layers, optimizer="adam", classes=CLASSES, activation="softmax"):
    made = keras.Sequential([keras.Input(SHAPE), *layers, L.Dense(classes, activation)])
    made.compile(optimizer, "sparse_categorical_crossentropy")
    return made


class Own(keras.Model):
    """A model that is no chain of layers, with a weight of its own."""

    def __init__(self, scale=None):
        super().__init__()
        self.last = L.Dense(CLASSES, "softmax")
        self.scale = self.add_weight(shape=()) if scale is None else scale

    def call(self, x, training=False):
        return self.last(x * self.scale)


def own(*args):
    made = Own(*args)
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def stack(forest):
    return Stack(model(), Classical(forest, CLASSES), Classical(LogisticRegression(), CLASSES))


def sharing(make, *parts):
    """A builder that uses the same parts on each call."""
    return lambda shape, classes: make(*parts)


def the_same(made):
    return lambda shape, classes: made


@pytest.mark.parametrize("build, what", [
    (the_same(model()), "sequential"),
    (the_same(own()), "own"),
    (sharing(own, keras.Variable(1.0)), "variable"),
    (sharing(model, L.Dense(4)), "kernel"),
    (sharing(model, keras.Sequential([L.Dense(4)])), "kernel"),
    (sharing(model, L.BatchNormalization(scale=False, center=False)), "moving_mean"),
    (sharing(model, L.Dropout(0.5)), "seed_generator"),
    (lambda shape, classes: model(optimizer=ADAM), "Adam"),
    (the_same(Classical(RandomForestClassifier(), 2)), "Classical"),
    (sharing(Classical, RandomForestClassifier(), 2), "RandomForestClassifier"),
    (sharing(stack, RandomForestClassifier()), "RandomForestClassifier"),
    (stacking(the_same(model())), "sequential"),
    (dropout(the_same(model(L.Dense(2)))), "kernel"),
    (mixup(the_same(model())), "sequential"),
    (label_smoothing(the_same(model())), "sequential"),
    (l2(the_same(model()), 0.1), "Adam"),
])
def test_what_was_in_a_model_before_is_refused(build, what):
    fresh(build, SHAPE, CLASSES)
    with pytest.raises(ValueError, match=f"anew on each call, got .*{what}.* in a model before"):
        fresh(build, SHAPE, CLASSES)


def test_the_first_model_stays_as_it_was_trained():
    shared = model()
    target = train(the_same(shared), PART, epochs=1)
    before = target(OTHER.x)
    with pytest.raises(ValueError, match="in a model before"):
        train(the_same(shared), OTHER, epochs=1)
    with pytest.raises(ValueError, match="in a model before"):
        train(sharing(model, *target.model.layers), OTHER, epochs=1)
    np.testing.assert_array_equal(target(OTHER.x), before)


@pytest.mark.parametrize("build", [
    mlp(4), dropout(mlp(4)), stacking(mlp(4)), mixup(l2(label_smoothing(mlp(4)), 0.1)),
    sharing(model, L.Flatten()),  # remembers nothing
    lambda shape, classes: own(),
])
def test_a_new_model_on_each_call_is_taken(build):
    first, second = fresh(build, SHAPE, CLASSES), fresh(build, SHAPE, CLASSES)
    assert first is not second


def test_weights_may_be_loaded_in_the_builder():
    weights = model().get_weights()

    def build(shape, classes):
        made = model()
        made.set_weights(weights)
        return made

    first, second = fresh(build, SHAPE, CLASSES), fresh(build, SHAPE, CLASSES)
    for one, two in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_frozen_layer_may_serve_several_models_until_one_would_train_it():
    base = L.Dense(4)
    base.trainable = False
    for _ in range(2):
        fresh(sharing(model, base), SHAPE, CLASSES)
    base.trainable = True
    with pytest.raises(ValueError, match="kernel that was in a model before"):
        fresh(sharing(model, base), SHAPE, CLASSES)


def test_a_layer_that_a_model_trained_is_not_for_others_even_frozen():
    base = L.Dense(4)
    fresh(sharing(model, base), SHAPE, CLASSES)
    base.trainable = False
    with pytest.raises(ValueError, match="kernel that was in a model before"):
        fresh(sharing(model, base), SHAPE, CLASSES)


def uncompiled(shape, classes):
    return keras.Sequential([keras.Input(shape), L.Dense(classes, "softmax")])


def two_answers(shape, classes):
    record = keras.Input(shape)
    made = keras.Model(record, {"p": L.Dense(classes, "softmax")(record), "q": record})
    made.compile("adam")
    return made


@pytest.mark.parametrize("build, message", [
    (model(), "build must be a function .* got Sequential"),
    (RandomForestClassifier(), "build must be a function .* got RandomForestClassifier"),
    ("mlp", "build must be a function .* got str"),
    (the_same(None), "build must give a Keras model, .* got NoneType"),
    (the_same(RandomForestClassifier()), "build must give a Keras model, .* got RandomForest"),
    (uncompiled, "a compiled model, got a Sequential without optimizer"),
    (lambda *_: model(classes=1, activation="sigmoid"), r"2 posteriors, .*got shape \(1, 1\)"),
    (lambda *_: model(classes=3), r"2 posteriors, one a class, got shape \(1, 3\)"),
    (lambda *_: model(activation=None), "logits"),
    (stacking(lambda *_: model(activation=None)), "logits"),
    (two_answers, "a dict of 'p', 'q'"),
])
def test_what_is_no_builder_of_models_with_posteriors_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        fresh(build, SHAPE, CLASSES)
