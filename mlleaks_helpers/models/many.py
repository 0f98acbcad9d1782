"""Many models at once: what shadow models cost, made small.

A small network spends most of a Keras `fit` on the way from one operation to the next. Here plain
NumPy trains it (`network`), one model a thread; finished models are kept on disk.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from mlleaks_helpers.data import Dataset, apply, fit_prepare
from mlleaks_helpers.files import replacing
from mlleaks_helpers.models import keys, network, training
from mlleaks_helpers.models.answers import in_batches
from mlleaks_helpers.models.backend import needs_tensorflow
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.recipes import Recipes
from mlleaks_helpers.progress import progress
from mlleaks_helpers.validate import whole


def train_many(build: Builder, dataset: Dataset, included: np.ndarray, *,
               query: Dataset | np.ndarray, epochs: int = 50, batch_size: int = 100,
               seed: int | Sequence = 0, cache: str | Path | None = None,
               n_jobs: int | None = None) -> np.ndarray:
    """Train one model for each row of `included` and ask each about every record of `query`.

    included  (models, len(dataset)) bool: the rows of `dataset` that each model trains on
    query     a Dataset or its records (queries, …)
    seed      a whole number, by which model k has the seed (seed, k); or the models' seeds
              themselves, each a whole number or a tuple of them
    cache     a folder: models found there are not trained again, finished ones are added
    n_jobs    models at a time, by default as many as there are cores. They are threads;
              `joblib.parallel_config(backend=…)` makes them processes, or spreads them on a cluster

    Returns posteriors (models, queries, classes) float32; the models are dropped. Each learns as
    `train` would have it: own initial weights, own batch order, own dropout masks, and own
    preprocessing fitted on its own rows. A model depends on its seed, its rows, the builder and
    the settings, and on no other model.

    NumPy trains Sequential models of Dense, Flatten, Dropout and activations on the sparse
    cross-entropy, smoothed labels or mixed records, with Adam or SGD. Others are trained one
    after the other by `train`, and a warning says why. Like `train`, this seeds Python's, NumPy's
    and TensorFlow's global generators. Raises ValueError for parts that do not fit, for a model
    whose training diverges, for whatever `train` refuses, and for a `cache` of models that use
    functions or classes of your own, whose code its key cannot see.
    """
    needs_tensorflow("train_many")
    query = np.asarray(query.x if isinstance(query, Dataset) else query)
    whole(1, epochs=epochs, batch_size=batch_size)
    _check(dataset, included, query)
    seeds = _seeds(seed, len(included))
    recipes = Recipes(build, dataset, included, epochs, batch_size)
    files = [None] * len(seeds)
    if cache is not None:
        Path(cache).mkdir(parents=True, exist_ok=True)
        common = keys.common_key(recipes.model, dataset, query, epochs, batch_size,
                                 recipes.initial)
        files = [Path(cache, keys.model_key(common, *one) + ".npy")
                 for one in zip(included, seeds, strict=True)]

    posteriors = np.empty((len(seeds), len(query), len(dataset.classes)), np.float32)
    with progress(len(seeds), f"{len(seeds)} models on {dataset.name}") as bar:
        todo = []
        for k, file in enumerate(files):
            if (kept := _kept(file, posteriors[k].shape)) is None:
                todo.append(k)
            else:
                posteriors[k] = kept
                bar.update()
        for k, answer in _answers(todo, recipes, dataset, included, query, seeds, epochs,
                                  batch_size, n_jobs):
            posteriors[k] = answer
            if files[k] is not None:
                with replacing(files[k]) as part:
                    np.save(part, posteriors[k])
            bar.update()
    return posteriors


def _check(dataset, included, query):
    if not isinstance(included, np.ndarray) or included.dtype != bool:
        kind = getattr(included, "dtype", type(included).__name__)
        raise ValueError(f"included must be a bool array, True where a model trains, got {kind}")
    if included.ndim != 2 or len(included) == 0 or included.shape[1] != len(dataset):
        raise ValueError(f"included must have one row a model and {len(dataset)} columns, one a "
                         f"record of {dataset.name}, got shape {included.shape}")
    empty = np.flatnonzero(~included.any(axis=1))
    if len(empty):
        raise ValueError(f"included leaves model {empty[0]} without a record: give it at least one")
    if query.ndim == 0 or len(query) == 0 or query.shape[1:] != dataset.x.shape[1:]:
        raise ValueError(f"query must be at least one record of shape {dataset.x.shape[1:]} like "
                         f"those of {dataset.name}, got shape {query.shape}")


def _seeds(seed, models):
    """One number below 2**32 for each model."""
    if isinstance(seed, Integral) or not isinstance(seed, Sequence | np.ndarray):
        whole(0, seed=seed)
        seed = [(seed, k) for k in range(models)]
    if len(seed) != models:
        raise ValueError(f"seed must be a whole number or have one entry for each of the {models} "
                         f"models, got {len(seed)}")
    entries = [tuple(one) if isinstance(one, Sequence | np.ndarray) else (one,) for one in seed]
    for entry in entries:
        for number in entry:
            whole(0, seed=number)
    return [int(np.random.SeedSequence(entry).generate_state(1)[0]) for entry in entries]


def _kept(file, shape):
    """The answers in a file, or None where there are none such."""
    try:
        kept = None if file is None else np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if getattr(kept, "shape", None) == shape else None


def _answers(todo, recipes, dataset, included, query, seeds, epochs, batch_size, n_jobs):
    """Pairs of a model's number and its posteriors, as they come."""
    reason, by_keras = recipes.reason, todo if recipes.reason else []
    if n_jobs is None:
        n_jobs = get_active_backend()[1] or -1
    jobs = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")
    while not reason and todo:
        again = []
        with threadpool_limits(1, user_api="blas"):
            for k, shape, answer in jobs(
                joblib.delayed(_one)(k, recipes.of, dataset.x, dataset.y, query,
                                     _seeded(dataset.prepare, seeds[k]), included[k], seeds[k],
                                     epochs, batch_size) for k in todo
            ):
                if answer is not None:
                    yield k, answer
                elif shape in recipes.of or not (reason := recipes.add(shape)):
                    again.append(k)
                else:
                    by_keras.append(k)
        todo = again
    if by_keras:
        warnings.warn(f"trained one after the other: {reason}", stacklevel=3)
    for k in by_keras:
        part = replace(dataset.take(included[k]), prepare=_seeded(dataset.prepare, seeds[k]))
        trained = training.train(recipes.build, part, epochs=epochs, batch_size=batch_size,
                                 seed=seeds[k])
        try:
            yield k, trained.posteriors(query)
        except ValueError as error:
            raise ValueError(f"model {k} has no answers that count: {error}") from error


def _seeded(prepare, seed):
    """A clone whose own draws depend on the model's seed, where it has no seed for them."""
    prepare = clone(prepare)
    unset = [name for name, value in prepare.get_params().items()
             if name.split("__")[-1] == "random_state" and value is None]
    return prepare.set_params(**dict.fromkeys(unset, seed))


def _one(k, recipes, x, y, query, prepare, included, seed, epochs, batch_size):
    """The number k, the shape of the prepared records, and posteriors if there is a recipe."""
    prepare, table = fit_prepare(prepare, x[included])
    shape = table.shape[1:]
    if shape not in recipes:
        return k, shape, None
    recipe = recipes[shape]
    try:
        weights = network.fit(recipe, table, y[included], seed=seed, epochs=epochs,
                              batch_size=batch_size)
    except FloatingPointError as error:
        raise ValueError(f"model {k} diverged, {error}: train with a lower learning rate") from None
    answer = in_batches(lambda batch: network.posteriors(recipe, weights, apply(prepare, batch)),
                        query)
    if not np.isfinite(answer).all():
        raise ValueError(f"model {k} answers with values that are no numbers: train with a lower "
                         "learning rate")
    return k, shape, answer.astype(np.float32, copy=False)
