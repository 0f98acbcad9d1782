"""SELENA: nobody's answer is learned from a model that saw them (Tang et al. 2022).

What stacking does by thirds is done here for each record: some sub-models learn without it, those
answer it, and one network learns from their answers in place of the labels.
"""

from dataclasses import replace

import numpy as np

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import network
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.many import train_many
from mlleaks_helpers.models.recipes import obstacle, recipe
from mlleaks_helpers.validate import whole


def selena(build: Builder, *, models: int = 25, out: int = 10) -> Builder:
    """Train sub-models on parts of the records, and one network on what they say of the others.

    models  how many sub-models there are (K in the paper)
    out     how many of them each record is left out of (L): those answer for it

    The cross-entropy with their mean answers as soft labels takes the place of the network's loss.
    Raises ValueError unless 1 ≤ out < models, and for what is not a Keras model.
    """
    whole(2, models=models)
    whole(1, out=out)
    if out >= models:
        raise ValueError(f"out must be less than models, since each record is in some of them, got "
                         f"{out} of {models}")

    def build_selena(input_shape, classes):
        answering = build(input_shape, classes)
        if not isinstance(answering, keras.Model):
            raise ValueError("selena needs a Builder of Keras models, got "
                             f"{type(answering).__name__}")
        return Selena(build, answering, classes, int(models), int(out))

    return build_selena


class Selena:
    """A network that learns from the answers of sub-models, and answers as any other.

    After `fit`, for each training record:

    included_  (models, n) bool: which sub-models were trained on it
    soft_      (n, classes) what the others said of it, which is what the network learned from
    """

    def __init__(self, build: Builder, network: keras.Model, classes: int, models: int, out: int):
        self.build, self.network, self.classes = build, network, classes
        self.models, self.out = models, out

    def fit(self, x, y, *, epochs=1, batch_size=32, **options):
        """As Keras's, of records and labels: every sub-model and the network learn alike long."""
        seed = np.random.randint(2**31)  # noqa: NPY002 (train's seed)
        self.included_ = left_out(len(x), self.models, self.out, np.random.default_rng(seed))
        part = Dataset("a training part", x, y, tuple(map(str, range(self.classes))))
        answers = train_many(self.build, part, self.included_, query=x, epochs=epochs,
                             batch_size=batch_size,
                             seed=[(seed, model) for model in range(self.models)])
        self.soft_ = of_others(answers, self.included_)
        if obstacle(self.network):
            return self._by_keras(x, seed, epochs=epochs, batch_size=batch_size, **options)
        how = recipe(self.network, epochs * -(-len(x) // batch_size))
        self.network.set_weights(network.fit(replace(how, smoothing=0.0), x, self.soft_, seed=seed,
                                             epochs=epochs, batch_size=batch_size))
        return self

    def _by_keras(self, x, seed, **options):
        keras.utils.set_random_seed(seed)  # the sub-models have left it the same for everybody
        self.network.compile(self.network.optimizer, "categorical_crossentropy",
                             metrics=["accuracy"])
        return self.network.fit(x, self.soft_, **options)

    def __call__(self, x, training=False):
        return self.network(x, training=training)


def left_out(records: int, models: int, out: int, rng: np.random.Generator) -> np.ndarray:
    """Which sub-models train on which record, (models, records) bool: on each all but `out`."""
    return rng.random((models, records)).argsort(axis=0) >= out


def of_others(answers: np.ndarray, included: np.ndarray) -> np.ndarray:
    """The mean answer to each record of the models that were not trained on it, (n, classes).

    answers   (models, n, classes) posteriors
    included  (models, n) bool
    """
    outside = ~included
    return np.einsum("mnc,mn->nc", answers, outside) / outside.sum(axis=0)[:, None]
