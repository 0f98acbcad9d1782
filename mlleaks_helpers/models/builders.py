"""Builders: functions that make a fresh, compiled Keras model.

A `Builder` takes the shape of one record and the number of classes, so that the same builder
serves the target, the shadow and every defense. Any function of that form will do.
"""

from collections.abc import Callable

import numpy as np
from sklearn.base import clone

from mlleaks_helpers.models.backend import keras

Builder = Callable[[tuple[int, ...], int], keras.Model]


def mlp(hidden: int = 128, *, learning_rate: float = 0.001, l2: float = 1e-7) -> Builder:
    """The paper's network for tables and text: one hidden layer of tanh units, then softmax.

    The architecture is from the paper, Section III-B; tanh, the learning rate and the L2
    penalty on the weights are from the authors' released code. `learning_rate` may also be a
    schedule of Keras's.
    """
    if hidden < 1:
        raise ValueError(f"hidden must be at least 1 unit, got {hidden}")

    def build(input_shape, classes):
        layers = keras.layers
        return _compiled(
            [
                keras.Input(input_shape),
                layers.Flatten(),
                layers.Dense(hidden, "tanh", kernel_regularizer=_penalty(l2)),
            ],
            classes, learning_rate, l2,
        )

    return build


def cnn(filters: int = 32, hidden: int = 128, *, learning_rate: float = 0.001,
        l2: float = 1e-7) -> Builder:
    """The paper's network for images: two 5×5 convolutions, each pooled, one hidden layer.

    The architecture is from the paper, Section III-B; details from the authors' released code.
    Building it raises ValueError for images smaller than 12×12 pixels.
    """

    def build(input_shape, classes):
        if len(input_shape) != 3 or min(input_shape[:2]) < 12:
            raise ValueError("input_shape must be (height, width, channels) with at least "
                             f"12×12 pixels for two convolutions, got {input_shape}")
        layers = keras.layers
        penalty = {"kernel_regularizer": _penalty(l2)}
        return _compiled(
            [
                keras.Input(input_shape),
                layers.Conv2D(filters, 5, padding="same", activation="relu", **penalty),
                layers.MaxPooling2D(),
                layers.Conv2D(filters, 5, activation="relu", **penalty),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(hidden, "tanh", **penalty),
            ],
            classes, learning_rate, l2,
        )

    return build


def softmax_regression(*, learning_rate: float = 0.01, l2: float = 1e-7) -> Builder:
    """No hidden layer: logistic regression for any number of classes."""

    def build(input_shape, classes):
        return _compiled([keras.Input(input_shape), keras.layers.Flatten()],
                         classes, learning_rate, l2)

    return build


def classical(estimator) -> Builder:
    """A Builder of fresh copies of a scikit-learn classifier, which `train` trains like any model.

    With `random_state=None` the copy draws from the generator that `train` seeds.
    """

    def build(input_shape, classes):
        return Classical(clone(estimator), classes)

    return build


class Classical:
    """A scikit-learn classifier that is fitted and asked as a Keras model is."""

    history = None

    def __init__(self, estimator, classes: int):
        self.estimator = estimator
        self.classes = classes

    def fit(self, x, y, **_):
        self.estimator.fit(x.reshape(len(x), -1), y)
        return self

    def __call__(self, x, training=False) -> np.ndarray:
        """Posteriors (n, classes) float32; a class that was not in the training part gets 0."""
        posteriors = np.zeros((len(x), self.classes), np.float32)
        posteriors[:, self.estimator.classes_] = self.estimator.predict_proba(
            x.reshape(len(x), -1))
        return posteriors


def _penalty(l2):
    return keras.regularizers.L2(l2) if l2 else None


def _compiled(layers, classes, learning_rate, l2):
    output = keras.layers.Dense(classes, "softmax", kernel_regularizer=_penalty(l2),
                                dtype="float32")
    model = keras.Sequential([*layers, output])
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model
