"""Defenses. The two of the paper (Section VI) turn a Builder into a Builder, so that a defended
model is trained, queried and attacked with the same lines as any other."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlleaks_helpers.backend import keras
from mlleaks_helpers.models import Builder, Classical, classical


def dropout(build: Builder, *, inputs: float = 0.5, hidden: float = 0.5) -> Builder:
    """Drop a share of the inputs, and of the units before the softmax, at random in training.

    The paper's first defense, at both places with ratio 0.5 (Section VI-A). Works on a Builder of
    `keras.Sequential` models; a model that is asked, not trained, drops nothing. Raises ValueError
    for a ratio outside [0, 1), and for a model that is not sequential.
    """
    for name, ratio in (("inputs", inputs), ("hidden", hidden)):
        if not 0 <= ratio < 1:
            raise ValueError(f"{name} is the share that is dropped, from 0 to below 1, got {ratio}")

    def build_with_dropout(input_shape, classes):
        plain = build(input_shape, classes)
        if not isinstance(plain, keras.Sequential):
            raise ValueError("dropout needs a Builder of keras.Sequential models, got "
                             f"{type(plain).__name__}: put Dropout layers into your model")
        drop = keras.layers.Dropout
        model = keras.Sequential([keras.Input(input_shape), drop(inputs), *plain.layers[:-1],
                                  drop(hidden), plain.layers[-1]])
        model.compile(plain.optimizer, plain.loss, metrics=["accuracy"])
        return model

    return build_with_dropout


def stacking(build: Builder, *, forest=None, top=None) -> Builder:
    """Model stacking: three models, each trained on a third of the records that no other sees.

    The paper's second defense (Section VI-B, Fig. 18). A network and a random forest look at the
    record; a logistic regression looks at their two posteriors and answers.

    forest, top   other scikit-learn classifiers for the second and third place
    """
    forest = RandomForestClassifier() if forest is None else forest
    top = LogisticRegression(max_iter=1_000) if top is None else top

    def build_stack(input_shape, classes):
        return Stack(build(input_shape, classes), classical(forest)(input_shape, classes),
                     classical(top)((2 * classes,), classes))

    return build_stack


class Stack:
    """Network and forest below, logistic regression on top of their posteriors.

    part_   (n,) after `fit`: which model each training record went to, 0 the network, 1 the
            forest, 2 the logistic regression
    """

    def __init__(self, network: keras.Model, forest: Classical, top: Classical):
        self.network, self.forest, self.top = network, forest, top

    def fit(self, x, y, **options):
        """Deal the records into three parts at random, and train each model on its own."""
        self.part_ = np.random.permutation(np.arange(len(x)) % 3)  # noqa: NPY002 (train's seed)
        mine = [self.part_ == place for place in range(3)]
        fitted = self.network.fit(x[mine[0]], y[mine[0]], **options)
        self.forest.fit(x[mine[1]], y[mine[1]])
        self.top.fit(self._below(x[mine[2]]), y[mine[2]])
        return fitted

    def __call__(self, x, training=False) -> np.ndarray:
        return self.top(self._below(x))

    def _below(self, x):
        answers = [keras.ops.convert_to_numpy(self.network(part, training=False))
                   for part in np.array_split(x, range(1_000, len(x), 1_000))]
        return np.hstack([np.concatenate(answers), self.forest(x)])
