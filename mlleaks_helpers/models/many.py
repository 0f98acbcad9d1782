"""Many models of one architecture, trained at once: what shadow models cost, made small.

A small network spends most of a Keras `fit` on the way from one operation to the next. Here a
group of models is one stack (`stacked`); groups are spread over processes and kept on disk.
"""

import inspect
import re
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.data import dataset as data
from mlleaks_helpers.files import replacing
from mlleaks_helpers.models import stacked, training
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.backend import tensorflow as tf
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.stacked import _obstacle, _Recipe, _train_stack, _update_rule, forward
from mlleaks_helpers.observation import check_posteriors
from mlleaks_helpers.progress import progress

LARGEST_GROUP = 16  # models; beyond it a step no longer gets cheaper
GROUP_MEMORY = 500e6  # bytes for the weights, optimizer and own records of one group


def train_many(build: Builder, dataset: Dataset, included: np.ndarray, *,
               query: Dataset | np.ndarray, epochs: int = 50, batch_size: int = 100,
               seed: int = 0, cache: str | Path | None = None, group: int | None = None,
               n_jobs: int | None = None) -> np.ndarray:
    """Train one model for each row of `included` and ask each about every record of `query`.

    included  (models, len(dataset)) bool: the rows of `dataset` that each model trains on. Each
              may have another number: a model whose epoch is over waits for the others
    query     a Dataset or its records (queries, …)
    cache     a folder: groups found there are not trained again, finished ones are added
    group     models in one step; by default up to 16, fewer if they would need over 500 MB
    n_jobs    groups at a time, as in `joblib.Parallel`; `joblib.parallel_config` holds too

    Returns posteriors (models, queries, classes) float32; the models are dropped. Each learns as
    `train` would have it: own initial weights, own batch order, and own preprocessing fitted on
    its own rows. Model k depends on `seed`, on k and, for its dropout masks, on its group.

    Stacked are Sequential models of Dense, Flatten, Dropout and elementwise activations on the
    sparse cross-entropy, with Adam or SGD at a constant rate. Other Keras models are trained one
    after the other, and a warning says why. The cache does not see the code of layers, losses and
    preprocessing of your own: delete the folder when you change that. Like `train`, this seeds
    Python's, NumPy's and TensorFlow's global generators. Raises ValueError for parts that do not
    fit, and for a builder of anything but Keras models that answer with posteriors.
    """
    query = np.asarray(query.x if isinstance(query, Dataset) else query)
    _check(dataset, included, query, epochs=epochs, batch_size=batch_size, seed=seed, group=group)
    models = len(included)
    seeds = [int(np.random.SeedSequence((seed, k)).generate_state(1)[0]) for k in range(models)]
    first = clone(dataset.prepare).fit_transform(dataset.x[included[0]])
    keras.utils.set_random_seed(seeds[0])
    template = _built(build, first.shape[1:], len(dataset.classes))
    own = first.nbytes * (1 + len(query) / len(first)) if _fits(dataset.prepare) else 0
    size = group or _group_size(template, own)

    parts = [slice(start, start + size) for start in range(0, models, size)]
    files = [None] * len(parts)
    if cache is not None:
        common = _fingerprint(template, dataset, query, epochs, batch_size)
        files = [Path(cache, joblib.hash((common, included[part], seeds[part])) + ".npy")
                 for part in parts]
    posteriors = np.empty((models, len(query), len(dataset.classes)), np.float32)
    shared = (dataset.x, dataset.y, query, dataset.name, dataset.classes, dataset.prepare)
    with progress(models, f"{models} models on {dataset.name}") as bar:
        todo = []
        for number, (part, file) in enumerate(zip(parts, files, strict=True)):
            if file is not None and file.exists():
                posteriors[part] = np.load(file)
                bar.update(len(seeds[part]))
            else:
                todo.append(number)
        jobs = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            joblib.delayed(_train_group)(number, build, *shared, included[parts[number]],
                                         seeds[parts[number]], epochs, batch_size)
            for number in todo
        )
        told = False
        for number, answer, reason in jobs:
            posteriors[parts[number]] = answer
            if files[number] is not None:
                with replacing(files[number]) as part:
                    np.save(part, answer)
            if reason and not told:
                warnings.warn(f"trained one after the other: {reason}", stacklevel=2)
                told = True
            bar.update(len(answer))
    return posteriors


def _check(dataset, included, query, *, epochs, batch_size, seed, group):
    limits = {"epochs": (epochs, 1), "batch_size": (batch_size, 1), "seed": (seed, 0),
              "group": (1 if group is None else group, 1)}
    for name, (value, least) in limits.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    if not isinstance(included, np.ndarray) or included.dtype != bool:
        kind = getattr(included, "dtype", type(included).__name__)
        raise ValueError(f"included must be a bool array, True where a model trains, got {kind}")
    if included.ndim != 2 or len(included) == 0 or included.shape[1] != len(dataset):
        raise ValueError(f"included must have one row a model and {len(dataset)} columns, one a "
                         f"record of {dataset.name}, got shape {included.shape}")
    empty = np.flatnonzero(~included.any(axis=1))
    if len(empty):
        raise ValueError(f"included leaves model {empty[0]} without a record: give it at least one")
    if len(query) == 0 or query.shape[1:] != dataset.x.shape[1:]:
        raise ValueError(f"query must be at least one record of shape {dataset.x.shape[1:]} like "
                         f"those of {dataset.name}, got shape {query.shape}")


def _built(build, shape, classes):
    """A fresh model, its weights made, that gives a distribution over the classes."""
    model = build(shape, classes)
    if not isinstance(model, keras.Model):
        raise ValueError(f"build must give Keras models, got {type(model).__name__}: use train")
    answer = np.asarray(model(np.zeros((1, *shape), np.float32), training=False))
    if answer.shape != (1, classes):
        raise ValueError(f"build must give models that answer with {classes} posteriors, one a "
                         f"class, got shape {answer.shape} for one record")
    check_posteriors(answer)
    return model


def _group_size(model, own_bytes):
    states = 8  # weights, two slots and the gradient; those of before and after the step
    need = 4 * states * model.count_params() + own_bytes
    return int(np.clip(GROUP_MEMORY // need, 1, LARGEST_GROUP))


def _fits(prepare):
    return get_tags(prepare).requires_fit


# ---------------------------------------------------------------- finished groups on disk


def _fingerprint(model, dataset, query, epochs, batch_size):
    """Everything that changes the weights of all groups, first weights and code included."""
    code = [inspect.getsource(module)
            for module in (sys.modules[__name__], stacked, training, data)]
    return joblib.hash((
        code, keras.__version__, tf.__version__, _config(model), model.get_weights(),
        dataset.x, dataset.y, len(dataset.classes), dataset.prepare, query, epochs, batch_size,
    ))


def _config(model):
    """Architecture and compilation as text, without the numbers that Keras counts up in names."""
    return re.sub(r'("name": "\w+?)(_\d+)?"', r'\1"', model.to_json())


# ---------------------------------------------------------------- one group


def _train_group(number, build, x, y, query, name, classes, prepare, included, seeds, epochs,
                 batch_size):
    """Returns `number`, posteriors (group, queries, classes) and why not stacked, or None."""
    dataset = Dataset(name, x, y, classes, prepare)
    rows = [np.flatnonzero(row) for row in included]
    if _fits(prepare):
        fitted = [clone(prepare).fit(x[r]) for r in rows]
        tables = [one.transform(x[r]) for one, r in zip(fitted, rows, strict=True)]
    else:
        fitted = [clone(prepare).fit(x)]
        tables = [fitted[0].transform(x)]
    shape = tables[0].shape[1:]
    model = _built(build, shape, len(classes))
    reason = _obstacle(model)
    if any(table.shape[1:] != shape for table in tables):
        reason = "preprocessing gives their records different widths"
    if reason:
        trained = (training.train(build, dataset.take(r), epochs=epochs, batch_size=batch_size,
                                  seed=s) for r, s in zip(rows, seeds, strict=True))
        return number, np.stack([one.posteriors(query) for one in trained]), reason
    if _fits(prepare):
        y = np.concatenate([y[r] for r in rows])
        ends = np.cumsum([len(r) for r in rows])
        rows = [np.arange(end - len(r), end) for r, end in zip(rows, ends, strict=True)]
    recipe = _Recipe(_config(model), tuple(model.layers), *_update_rule(model.optimizer))
    weights = _train_stack(recipe, np.concatenate(tables), y, rows, seeds, epochs, batch_size)
    answers = [
        forward(recipe.layers, weights,
                np.stack([p.transform(batch) for p in fitted]).astype(np.float32))
        for batch in np.split(query, range(training.QUERY_BATCH, len(query), training.QUERY_BATCH))
    ]
    return number, np.concatenate(answers, axis=1), None
