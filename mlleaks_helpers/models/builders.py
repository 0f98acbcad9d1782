"""Builders: functions that make a fresh, compiled Keras model.

A `Builder` takes the shape of one record and the number of classes, so that the same builder
serves the target, the shadow and every defense. Any function of that form will do.
"""

from collections.abc import Callable

import numpy as np
from sklearn.base import clone

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.validate import not_negative, positive, whole

Builder = Callable[[tuple[int, ...], int], keras.Model]


def mlp(hidden: int = 128, *, learning_rate: float = 0.001, l2: float = 1e-7) -> Builder:
    """The paper's network for tables and text: one hidden layer of tanh units, then softmax.

    The architecture is from the paper, Section III-B; tanh, the learning rate and the L2
    penalty on the weights are from the authors' released code. `learning_rate` may also be a
    schedule of Keras's.
    """
    _check(learning_rate, l2, hidden=hidden)

    def build(input_shape, classes):
        layers = keras.layers
        return _compiled(
            [
                keras.Input(input_shape),
                layers.Flatten(),
                layers.Dense(int(hidden), "tanh", kernel_regularizer=_penalty(l2)),
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
    _check(learning_rate, l2, filters=filters, hidden=hidden)

    def build(input_shape, classes):
        if len(input_shape) != 3 or min(input_shape[:2]) < 12:
            raise ValueError("input_shape must be (height, width, channels) with at least "
                             f"12×12 pixels for two convolutions, got {input_shape}")
        layers = keras.layers
        penalty = {"kernel_regularizer": _penalty(l2)}
        return _compiled(
            [
                keras.Input(input_shape),
                layers.Conv2D(int(filters), 5, padding="same", activation="relu", **penalty),
                layers.MaxPooling2D(),
                layers.Conv2D(int(filters), 5, activation="relu", **penalty),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(int(hidden), "tanh", **penalty),
            ],
            classes, learning_rate, l2,
        )

    return build


def softmax_regression(*, learning_rate: float = 0.01, l2: float = 1e-7) -> Builder:
    """No hidden layer: logistic regression for any number of classes."""
    _check(learning_rate, l2)

    def build(input_shape, classes):
        return _compiled([keras.Input(input_shape), keras.layers.Flatten()],
                         classes, learning_rate, l2)

    return build


def classical(estimator) -> Builder:
    """A Builder of fresh copies of a scikit-learn classifier, which `train` trains like any model.

    With `random_state=None` the copy draws from the generator that `train` seeds. Raises
    ValueError for what has no `predict_proba`: an attack needs posteriors.
    """
    needs_posteriors(estimator=estimator)

    def build(input_shape, classes):
        return Classical(clone(estimator), classes)

    return build


class Classical:
    """A scikit-learn classifier that is fitted and asked as a Keras model is.

    classes  how many; by default as many as its largest label tells
    """

    history = None

    def __init__(self, estimator, classes: int | None = None):
        self.estimator = estimator
        self.classes = classes

    def fit(self, x, y, **_):
        self.estimator.fit(_rows(x), y)
        return self

    def __call__(self, x, training=False) -> np.ndarray:
        """Posteriors (n, classes) float32; a class that was not in the training part gets 0.

        Raises ValueError for a classifier that was fitted on other labels than 0, 1, ….
        """
        answer = self.estimator.predict_proba(_rows(x))
        if isinstance(answer, list):  # several questions at once: whoever asked says so
            return answer
        columns = np.asarray(getattr(self.estimator, "classes_", np.arange(answer.shape[1])))
        whole_numbers = columns.dtype.kind in "biuf" and (columns == columns.astype(int)).all()
        if not whole_numbers or columns.min() < 0:
            raise ValueError("the classifier's classes_ must be labels of a Dataset, 0, 1, …, got "
                             f"{columns.tolist()}: fit it on dataset.y")
        columns = columns.astype(int)
        classes = self.classes or columns.max() + 1
        if columns.max() >= classes:
            raise ValueError(f"classes must be more than the largest label that the classifier "
                             f"knows, {columns.max()}, got {classes}")
        posteriors = np.zeros((len(x), classes), np.float32)
        posteriors[:, columns] = answer
        return posteriors


def needs_posteriors(**estimators) -> None:
    """Raise ValueError unless every value is a classifier with `predict_proba`."""
    for name, estimator in estimators.items():
        if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
            kind = getattr(estimator, "__name__", f"a {type(estimator).__name__}")
            raise ValueError(f"{name} must be a scikit-learn classifier that answers with "
                             f"posteriors (predict_proba), got {kind}: CalibratedClassifierCV "
                             "makes one of a classifier that only decides")


def _rows(x):
    return x.reshape(len(x), -1) if x.ndim > 2 else x


def _check(learning_rate, l2, **widths):
    whole(1, **widths)
    if not callable(learning_rate):  # a schedule of Keras's is
        positive(learning_rate=learning_rate)
    not_negative(l2=l2)


def _penalty(l2):
    return keras.regularizers.L2(l2) if l2 else None


def _compiled(layers, classes, learning_rate, l2):
    output = keras.layers.Dense(classes, "softmax", kernel_regularizer=_penalty(l2),
                                dtype=_precision())
    model = keras.Sequential([*layers, output])
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


def _precision():
    """What weights and posteriors are kept in: single or double, as Keras's settings say."""
    loss, weights = keras.config.floatx(), keras.config.dtype_policy().variable_dtype
    if loss != weights or loss not in ("float32", "float64"):
        raise ValueError("Keras must keep weights and losses both in float32 or both in float64, "
                         f"got dtype policy {keras.config.dtype_policy().name} and floatx {loss}: "
                         "change one with keras.config.set_dtype_policy or set_floatx")
    return loss
