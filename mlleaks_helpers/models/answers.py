"""Asking a model: in batches that memory can hold, and checked before anybody counts on it."""

import math
from collections.abc import Callable

import numpy as np

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.observation import check_posteriors

QUERY_BATCH = 1_000  # records
BATCH_MEMORY = 600e6  # bytes for what the widest layer gives for one batch
CHANNELS = 64  # that an image is taken to have in the widest layer of a model that does not say


def in_batches(ask: Callable, x: np.ndarray, size: int = QUERY_BATCH, *,
               axis: int = 0) -> np.ndarray:
    """What `ask` answers to records x (n, …), `size` of them at a time, joined along `axis`."""
    return np.concatenate([ask(x[start:start + size]) for start in range(0, len(x), size)], axis)


def batch_size(model, shape: tuple[int, ...]) -> int:
    """How many records of a shape to ask a model about at a time: from 1 to 1,000.

    As many as let the widest layer's output stay within 600 MB. Of a model that does not tell its
    layers' shapes, images are taken to have 64 channels.
    """
    while hasattr(model, "network"):
        model = model.network
    widths = [math.prod(shape)]
    for layer in layers_of(model):
        output = getattr(getattr(layer, "output", None), "shape", (None, None))[1:]
        widths.append(0 if None in output else math.prod(output))
    if len(widths) == 1 or 0 in widths:
        widths.append(widths[0] * (CHANNELS if len(shape) > 2 else 1))
    return int(np.clip(BATCH_MEMORY // (4 * max(widths)), 1, QUERY_BATCH))


def layers_of(model) -> list:
    """The layers of a Keras model, those of models within it included; of anything else none."""
    found = []
    for layer in getattr(model, "layers", ()) if isinstance(model, keras.Model) else ():
        found += layers_of(layer) or [layer]
    return found


def as_posteriors(answer, records: int) -> np.ndarray:
    """What a model answered to so many records: posteriors (records, classes).

    They are float32, or float64 where the model answers so. Raises ValueError for anything else
    than one table of distributions, saying what came and what would be right.
    """
    if isinstance(answer, dict):
        names = ", ".join(map(repr, answer))
        raise ValueError(f"the model answers with a dict of {names}: name the posteriors among "
                         f"them, Trained(lambda x: model(x)[{next(iter(answer), 'name')!r}])")
    if isinstance(answer, list | tuple) and any(np.ndim(one) > 1 for one in answer):
        raise ValueError(f"the model answers with {len(answer)} outputs: take the posteriors among "
                         "them, Trained(lambda x: model(x)[0])")
    posteriors = keras.ops.convert_to_numpy(answer)
    if posteriors.dtype != np.float64:
        try:
            posteriors = posteriors.astype(np.float32)
        except (TypeError, ValueError):
            raise ValueError(f"the model answers with values of type {posteriors.dtype}: "
                             "posteriors are numbers") from None
    if posteriors.shape in ((records,), (records, 1)):
        raise ValueError(f"the model answers with one number a record, shape {posteriors.shape}: "
                         "of a sigmoid p (n, 1) make two columns, np.hstack([1 - p, p]), or end "
                         "the model with Dense(2, 'softmax')")
    if posteriors.ndim != 2 or len(posteriors) != records:
        raise ValueError(f"the model answers {records} records with shape {posteriors.shape}: it "
                         f"must give a row of posteriors each, ({records}, classes)")
    check_posteriors(posteriors)
    return posteriors
