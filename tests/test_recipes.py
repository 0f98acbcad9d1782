"""What NumPy can train of a Keras model, and what is left to Keras."""

import numpy as np
import pytest

from mlleaks_helpers.models import (
    Classical,
    Mixup,
    SmoothedCrossEntropy,
    cnn,
    dropout,
    keras,
    l2,
    label_smoothing,
    mixup,
    mlp,
    softmax_regression,
    stacking,
)
from mlleaks_helpers.models.network import Activation, Dense, Dropout, Flatten
from mlleaks_helpers.models.recipes import obstacle, recipe

L, OPT = keras.layers, keras.optimizers


def model(*layers, optimizer="adam", loss="sparse_categorical_crossentropy", weights=None,
          shape=(12,), end=()):
    made = keras.Sequential([keras.Input(shape), *layers, *(end or [L.Dense(3, "softmax")])])
    made.compile(optimizer, loss, loss_weights=weights)
    return made


def test_a_recipe_holds_what_the_model_says():
    made = model(L.Flatten(), L.Dropout(0.3),
                 L.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L2(0.5),
                         bias_regularizer=keras.regularizers.L1(0.25)),
                 L.Dropout(0.6), L.Dense(5, use_bias=False), L.LeakyReLU(0.2),
                 optimizer=OPT.Adam(0.5, beta_1=0.25, beta_2=0.75, epsilon=0.125),
                 loss=SmoothedCrossEntropy(0.4), shape=(2, 6))
    got = recipe(made, 10)
    kinds = [Flatten, Dropout, Dense, Activation, Dropout, Dense, Activation, Dense]
    assert [type(part) for part in got.parts] == kinds
    assert [part.rate for part in got.parts if isinstance(part, Dropout)] == [0.3, 0.6]
    dense = [part for part in got.parts if isinstance(part, Dense)]
    assert [[shape for _, shape in part.initial] for part in dense] == [
        [(12, 8), (8,)], [(8, 5)], [(5, 3), (3,)]]
    assert [part.penalties for part in dense] == [[(0, 0.5), (0.25, 0)], [(0, 0)], [(0, 0)] * 2]
    adam = got.optimizer
    assert (adam.rates, adam.beta_1, adam.beta_2, adam.epsilon) == ([0.5], 0.25, 0.75, 0.125)
    assert (got.smoothing, got.alpha, got.dtype) == (0.4, None, "float32")


def test_momentum_a_schedule_and_mixtures_are_in_the_recipe():
    schedule = OPT.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    assert recipe(model(optimizer=OPT.Adam(schedule)), 3).optimizer.rates == [0.5, 0.5, 0.25]
    sgd = recipe(model(optimizer=OPT.SGD(0.5, momentum=0.25)), 3).optimizer
    assert (sgd.rates, sgd.momentum) == ([0.5], 0.25)
    mixed = recipe(mixup(mlp(4), 0.75)((12,), 3), 3)
    assert (mixed.alpha, mixed.smoothing) == (0.75, 0)


@pytest.mark.parametrize("build", [
    mlp(4), softmax_regression(), dropout(mlp(4)), l2(mlp(4), 0.1), label_smoothing(mlp(4)),
    mixup(mlp(4)), mixup(dropout(l2(mlp(4), 0.1))), label_smoothing(dropout(mlp(4)), 0.0),
    mlp(4, learning_rate=OPT.schedules.ExponentialDecay(0.1, 10, 0.5)),
])
def test_the_builders_of_the_book_have_no_obstacle(build):
    assert obstacle(build((12,), 3)) is None


def changed(part, **values):
    for name, value in values.items():
        setattr(part, name, value)
    return part


def with_own_bias(made):
    made.layers[-1].bias.assign([0.0, 0.0, 1.0])
    return made


def network_of_mixtures(loss):
    made = model(loss=loss)
    return Mixup(made, 3, 1.0)


def functional():
    record = keras.Input((12,))
    made = keras.Model(record, L.Dense(3, "softmax")(record))
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def ones(shape, dtype):
    return np.ones(shape, dtype)


def own_penalty(weight):
    return keras.ops.sum(weight**4)


class OwnLoss(SmoothedCrossEntropy):
    pass


class OwnDense(L.Dense):
    pass


OBSTACLES = {
    "a Functional, not a Sequential model": functional,
    "a Stack, not a Sequential": lambda: stacking(mlp(4))((12,), 3),
    "a Classical, not a Sequential": lambda: Classical(None),
    "Conv2D) is left to Keras": lambda: cnn(2, 4)((12, 12, 1), 3),
    "BatchNormalization) is left to Keras": lambda: model(L.BatchNormalization()),
    "OwnDense) is left to Keras": lambda: model(OwnDense(4)),
    "GaussianNoise) is left to Keras": lambda: model(L.GaussianNoise(0.1)),
    "not a plain Adam or SGD: RMSprop": lambda: model(optimizer="rmsprop"),
    "not a plain Adam or SGD: AdamW": lambda: model(optimizer="adamw"),
    "Adam clipnorm": lambda: model(optimizer=OPT.Adam(clipnorm=1.0)),
    "Adam amsgrad": lambda: model(optimizer=OPT.Adam(amsgrad=True)),
    "Adam weight_decay": lambda: model(optimizer=OPT.Adam(weight_decay=0.1)),
    "SGD nesterov": lambda: model(optimizer=OPT.SGD(momentum=0.1, nesterov=True)),
    "activation of its own, LeakyReLU": lambda: model(L.Dense(4, activation=L.LeakyReLU())),
    "activation of its own, own_penalty": lambda: model(L.Dense(4, activation=own_penalty)),
    "constrained": lambda: model(L.Dense(4, kernel_constraint="non_neg")),
    "constrained or": lambda: model(L.Dense(4, bias_constraint="non_neg")),
    "or frozen": lambda: model(L.Dense(4, trainable=False)),
    "frozen weights": lambda: changed(model(), trainable=False),
    "an activity regularizer": lambda: model(L.Dense(4, activity_regularizer="l2")),
    "another type than float32": lambda: model(L.Dense(4, dtype="mixed_bfloat16")),
    "differ in their type": lambda: model(L.Dense(4, dtype="float64")),
    "has a noise_shape": lambda: model(L.Dropout(0.5, noise_shape=(1, 12))),
    "an input that is not flat": lambda: model(L.Dense(4), L.Flatten(), shape=(3, 4)),
    "has the penalty function": lambda: model(L.Dense(4, kernel_regularizer=own_penalty)),
    "has the penalty Orthogonal": lambda: model(
        L.Dense(4, bias_regularizer=None, kernel_regularizer="orthogonal_regularizer")),
    "initializer of its own": lambda: model(L.Dense(4, kernel_initializer=ones)),
    "sets weights itself": lambda: with_own_bias(model()),
    "the loss is weighted": lambda: model(weights=[100.0]),
    "the loss mse is not sparse": lambda: model(loss="mse"),
    "the loss OwnLoss is": lambda: model(loss=OwnLoss(0.1)),
    "the loss SmoothedCrossEntropy is not": lambda: model(
        loss=SmoothedCrossEntropy(0.1, reduction="sum")),
    "the loss SparseCategoricalCrossentropy is not": lambda: model(
        loss=keras.losses.SparseCategoricalCrossentropy(reduction="sum")),
    "is not categorical_crossentropy": lambda: network_of_mixtures("mse"),
    "does not end in a softmax": lambda: model(end=[L.Dense(3, "sigmoid")]),
    "not end in a softmax": lambda: model(end=[L.Dense(3, "softmax"), L.Dropout(0.1)]),
    "no layer has weights": lambda: model(end=[L.Activation("softmax")]),
}


@pytest.mark.parametrize("reason", OBSTACLES)
def test_what_is_left_to_keras_is_told(reason):
    assert reason in obstacle(OBSTACLES[reason]())
