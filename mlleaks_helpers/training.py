"""One loop that trains targets and shadows alike, and the step from a model to an Observation."""

import sys
import time
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from tqdm import tqdm

from mlleaks_helpers.backend import keras
from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import Builder
from mlleaks_helpers.observation import Observation

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


def observe(trained: Trained, members: Dataset, non_members: Dataset) -> Observation:
    """Query `trained` with both parts and keep who was who for marking.

    Posteriors come in the order of the two parts, members first. Raises ValueError when the two
    parts differ in the shape of their records or in their classes.
    """
    if members.x.shape[1:] != non_members.x.shape[1:] or members.classes != non_members.classes:
        raise ValueError("members and non_members must come from one data set, got "
                         f"{members.name} {members.x.shape[1:]} and "
                         f"{non_members.name} {non_members.x.shape[1:]}")
    return Observation(
        posteriors=np.concatenate([trained.posteriors(part.x) for part in (members, non_members)]),
        labels=np.concatenate([members.y, non_members.y]),
        member=np.repeat([True, False], [len(members), len(non_members)]),
    )


def progress(total: int, what: str) -> tqdm:
    """A bar that draws itself in a terminal or notebook and leaves a line now and then in a log."""
    if sys.stderr.isatty():
        return tqdm(total=total, desc=what, leave=False)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        return tqdm(total=total, desc=what, leave=False, file=sys.stdout, ncols=79)
    line = "{desc}: {n_fmt}/{total_fmt}, {remaining} left\n"
    return tqdm(total=total, desc=what, mininterval=30, delay=30, bar_format=line)
