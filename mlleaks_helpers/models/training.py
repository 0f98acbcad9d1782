"""One loop that trains targets and shadows alike."""

import time
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.progress import progress

QUERY_BATCH = 1_000


@dataclass(frozen=True)
class Trained:
    """A trained model together with the preprocessing that was fitted on its training part.

    `Trained(model)` wraps a Keras model of your own that takes records as they are and returns
    posteriors.
    """

    model: keras.Model
    prepare: object = None
    history: dict[str, list[float]] | None = None
    seconds: float | None = None

    def posteriors(self, x) -> np.ndarray:
        """Query the model with records (n, …): posteriors (n, classes) float32."""
        if self.prepare is not None:
            x = self.prepare.transform(x)
        batches = np.split(x, range(QUERY_BATCH, len(x), QUERY_BATCH))
        answers = [self.model(batch, training=False) for batch in batches]
        return np.concatenate([keras.ops.convert_to_numpy(answer) for answer in answers])

    __call__ = posteriors

    def accuracy(self, dataset: Dataset) -> float:
        """The share of `dataset` that the model classifies correctly."""
        return float((self.posteriors(dataset.x).argmax(axis=1) == dataset.y).mean())


def train(build: Builder, dataset: Dataset, *, epochs: int = 50, batch_size: int = 100,
          seed: int = 0) -> Trained:
    """Train a fresh model on `dataset`; targets and shadows differ only in what is passed here.

    The preprocessing is fitted on `dataset` alone and stays with the model, so members and
    non-members can never be treated differently. `seed` fixes weights and batch order: on one
    machine the same seed gives the same model bit for bit. It seeds Python's, NumPy's and
    TensorFlow's global generators. Defaults are those of the authors' released code.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    started = time.perf_counter()
    prepare = clone(dataset.prepare)
    x = prepare.fit_transform(dataset.x)
    keras.utils.set_random_seed(seed)
    model = build(x.shape[1:], len(dataset.classes))
    with progress(epochs, f"training on {dataset.name}") as bar:
        tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update())
        fitted = model.fit(x, dataset.y, epochs=epochs, batch_size=batch_size, verbose=0,
                           callbacks=[tick])
    return Trained(model, prepare, fitted.history, time.perf_counter() - started)
