"""One loop that trains targets and shadows alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlleaks_helpers.data import Dataset, apply, fit_prepare
from mlleaks_helpers.models.answers import QUERY_BATCH as QUERY_BATCH
from mlleaks_helpers.models.answers import as_posteriors, batch_size, in_batches
from mlleaks_helpers.models.backend import keras, quiet_about_retracing
from mlleaks_helpers.models.builders import Builder, Classical
from mlleaks_helpers.models.fresh import fresh
from mlleaks_helpers.progress import progress
from mlleaks_helpers.validate import whole


@dataclass(frozen=True)
class Trained:
    """A trained model together with the preprocessing that was fitted on its training part.

    `Trained(model)` wraps a model of your own that takes records as they are: a Keras model, a
    fitted scikit-learn classifier with `predict_proba`, or any function from records (n, …) to
    posteriors (n, classes). A classifier's columns are put in the order of the labels; one that
    never saw the last class is told their number by `Trained(Classical(classifier, classes))`.
    A `Trained` is such a function itself. Raises ValueError for what cannot be asked.
    """

    model: object
    prepare: object = None
    history: dict[str, list[float]] | None = None
    seconds: float | None = None

    def __post_init__(self):
        asked = callable(self.model) or hasattr(self.model, "predict_proba")
        if isinstance(self.model, type) or not asked:
            kind = getattr(self.model, "__name__", type(self.model).__name__)
            raise ValueError("model must be a Keras model, a fitted classifier with predict_proba "
                             f"or a function from records to posteriors, got {kind}")

    def posteriors(self, x) -> np.ndarray:
        """Query the model with records (n, …): posteriors (n, classes).

        They are float32, or float64 where the model answers so. Raises ValueError for no records,
        and for answers that are not one distribution over the classes for each.
        """
        x = np.asarray(x)
        if x.ndim == 0 or len(x) == 0:
            raise ValueError(f"x must be at least one record, got shape {x.shape}")
        size = batch_size(self.model, self._prepared(x[:1]).shape[1:])
        return in_batches(lambda batch: as_posteriors(self._answer(batch), len(batch)), x, size)

    __call__ = posteriors

    def accuracy(self, dataset: Dataset) -> float:
        """The share of `dataset` that the model classifies correctly.

        Raises ValueError for a model that answers for another number of classes.
        """
        posteriors = self.posteriors(dataset.x)
        if posteriors.shape[1] != len(dataset.classes):
            raise ValueError(f"the model answers for {posteriors.shape[1]} classes, and "
                             f"{dataset.name} has {len(dataset.classes)}")
        return float((posteriors.argmax(axis=1) == dataset.y).mean())

    def _answer(self, batch):
        batch = self._prepared(batch)
        if isinstance(self.model, keras.layers.Layer):
            return self.model(batch, training=False)
        if hasattr(self.model, "predict_proba"):
            return Classical(self.model)(batch)
        return self.model(batch)

    def _prepared(self, x):
        return x if self.prepare is None else apply(self.prepare, x)


def train(build: Builder, dataset: Dataset, *, epochs: int = 50, batch_size: int = 100,
          seed: int = 0, each_epoch: Callable[[Trained], None] | None = None) -> Trained:
    """Train a fresh model on `dataset`; targets and shadows differ only in what is passed here.

    The preprocessing is fitted on `dataset` alone and stays with the model, so members and
    non-members can never be treated differently. `seed` fixes weights and batch order: on one
    machine the same seed gives the same model bit for bit. It seeds Python's, NumPy's and
    TensorFlow's global generators; nothing else outside the model is changed. Defaults are those
    of the authors' released code. `each_epoch` is called after every epoch with the model as it is
    then, a `Trained` to be asked. Raises ValueError for numbers out of range, for `each_epoch` with
    a model that is not Keras's and learns in one go, for preprocessing that does not give rows of
    numbers, and for a builder that gives no model, no posteriors, or parts of a model that it gave
    before.
    """
    whole(1, epochs=epochs, batch_size=batch_size)
    whole(0, seed=seed)
    if seed >= 2**32:
        raise ValueError(f"seed must be below 2**32, got {seed}")
    started = time.perf_counter()
    prepare, x = fit_prepare(dataset.prepare, dataset.x)
    keras.utils.set_random_seed(int(seed))
    model = fresh(build, x.shape[1:], len(dataset.classes))
    if each_epoch is not None and not isinstance(model, keras.Model):
        raise ValueError("each_epoch needs a Keras model, which learns epoch by epoch, got "
                         f"{type(model).__name__}")
    with progress(epochs, f"training on {dataset.name}") as bar, quiet_about_retracing():
        def tick(epoch, logs=None):
            bar.update()
            if each_epoch is not None:
                each_epoch(Trained(model, prepare))

        fitted = model.fit(x, dataset.y, epochs=int(epochs), batch_size=int(batch_size), verbose=0,
                           callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=tick)])
    history = getattr(fitted, "history", None)
    return Trained(model, prepare, history, time.perf_counter() - started)
