"""Many models of one architecture, trained at once: what shadow models cost, made small.

A small network spends most of a Keras `fit` on the way from one operation to the next. Here K
models lie stacked, weights (K, in, out), and one compiled step (XLA) trains them all: a Dense
layer over the stack is one batched matrix product, and everything else is the same for each.
"""

import inspect
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from mlleaks_helpers import data, training
from mlleaks_helpers.backend import keras
from mlleaks_helpers.backend import tensorflow as tf
from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import Builder
from mlleaks_helpers.observation import check_posteriors

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
    with training.progress(models, f"{models} models on {dataset.name}") as bar:
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
                with data.replacing(files[number]) as part:
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
    code = [inspect.getsource(module) for module in (sys.modules[__name__], training, data)]
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


def _train_stack(recipe, x, y, rows, seeds, epochs, batch_size):
    """Train on `rows` of the table x, one index array a model; returns the stacked weights."""
    orders = [np.random.default_rng(s) for s in seeds]
    steps = -(-max(map(len, rows)) // batch_size)
    weights = [tf.stack(w) for w in zip(*(initial_weights(recipe.layers, s) for s in seeds),
                                        strict=True)]
    state = weights, [[tf.zeros_like(w) for w in weights]] * recipe.slots, tf.zeros(len(rows))
    x, y = tf.constant(x, tf.float32), tf.constant(y, tf.int32)
    for epoch in range(epochs):
        index = np.full((len(rows), steps * batch_size), -1, np.int32)
        for line, r, order in zip(index, rows, orders, strict=True):
            line[: len(r)] = order.permutation(r)
        index = index.reshape(len(rows), steps, batch_size).swapaxes(0, 1)
        noise = tf.constant([seeds[0], epoch], tf.int64)
        state = _epoch(recipe)(*state, x, y, tf.constant(index), noise)
    return state[0]


def initial_weights(layers: tuple, seed: int) -> list[np.ndarray]:
    """What the layers' own initializers draw for one model, in the order of `get_weights`."""
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(layers)).tolist())
    return [_drawn(initializer, variable, next(seeds))
            for initializer, variable in _initializers(layers)]


def _drawn(initializer, variable, seed):
    config = initializer.get_config()
    if config.get("seed", seed) is None:
        config["seed"] = seed
    return np.asarray(type(initializer).from_config(config)(variable.shape, variable.dtype))


def _initializers(layers):
    for layer in layers:
        if isinstance(layer, keras.layers.Dense):
            yield layer.kernel_initializer, layer.kernel
            if layer.use_bias:
                yield layer.bias_initializer, layer.bias


# ---------------------------------------------------------------- the compiled step


@dataclass(frozen=True)
class _Recipe:
    """What is compiled: equal recipes share one compiled epoch."""

    config: str
    layers: tuple = field(compare=False)
    update: Callable = field(compare=False)
    slots: int = field(compare=False)


def forward(layers: tuple, weights: list, x, noise=None):
    """Posteriors (K, records, classes) of K stacked models for x (K or 1, records, …).

    noise: two int64 that seed the dropout masks; None when the models are not training.
    """
    weights = iter(weights)
    for number, layer in enumerate(layers):
        if isinstance(layer, keras.layers.Dense):
            x = tf.matmul(x, next(weights))
            x = layer.activation(x + next(weights)[:, None] if layer.use_bias else x)
        elif isinstance(layer, keras.layers.Flatten):
            x = tf.reshape(x, (*x.shape[:2], -1))
        elif isinstance(layer, keras.layers.Dropout):
            if noise is not None:
                mask_seed = tf.random.experimental.stateless_fold_in(noise, number)
                keep = tf.random.stateless_uniform(x.shape, mask_seed) >= layer.rate
                x = tf.where(keep, x / (1 - layer.rate), 0)
        else:
            x = layer(x)
    return x


def _penalty(layers, weights):
    total, weights = 0.0, iter(weights)
    for layer in layers:
        if isinstance(layer, keras.layers.Dense):
            for name in ("kernel", "bias")[: 1 + layer.use_bias]:
                regularizer, weight = getattr(layer, f"{name}_regularizer"), next(weights)
                total += regularizer(weight) if regularizer else 0.0
    return total


@lru_cache(maxsize=8)
def _epoch(recipe):
    """One epoch for a whole group: index (steps, K, batch) int32 into x and y, -1 for no record."""

    @tf.function(jit_compile=True, autograph=False)
    def epoch(weights, slots, count, x, y, index, noise):
        def step(number, weights, slots, count):
            chosen = tf.maximum(index[number], 0)
            real = tf.cast(index[number] >= 0, tf.float32)
            size = tf.reduce_sum(real, axis=1)
            active = tf.cast(size > 0, tf.float32)
            share = real / tf.maximum(size, 1)[:, None]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                mask_seed = tf.random.experimental.stateless_fold_in(noise, number)
                answer = forward(recipe.layers, weights, tf.gather(x, chosen), mask_seed)
                each = keras.losses.sparse_categorical_crossentropy(tf.gather(y, chosen), answer)
                loss = tf.reduce_sum(share * each) + _penalty(recipe.layers, weights)
            gradients = tape.gradient(loss, weights)
            count += active
            new = [recipe.update(_column(count, g), _column(active, g), g, *old)
                   for g, *old in zip(gradients, weights, *slots, strict=True)]
            weights, *slots = map(list, zip(*new, strict=True))
            return number + 1, weights, slots, count

        _, *state = tf.while_loop(lambda number, *_: number < index.shape[0], step,
                                  (tf.constant(0), weights, slots, count))
        return state

    return epoch


def _column(value, like):
    """A value a model, (K,), shaped to go with stacked weights."""
    return tf.reshape(value, (-1,) + (1,) * (len(like.shape) - 1))


# ---------------------------------------------------------------- optimizers, as in Keras


def _update_rule(optimizer):
    """One step of the optimizer on stacked weights, and how many slots it keeps for each.

    count (K, 1, …) is each model's number of steps, active (K, 1, …) is 1, or 0 where a model
    has no batch left in this epoch and must stay as it is.
    """
    config = optimizer.get_config()
    rate = config["learning_rate"]
    if isinstance(optimizer, keras.optimizers.Adam):
        beta_1, beta_2, epsilon = (config[name] for name in ("beta_1", "beta_2", "epsilon"))

        def adam(count, active, gradient, weight, mean, square):
            mean += (gradient - mean) * (active * (1 - beta_1))
            square += (gradient**2 - square) * (active * (1 - beta_2))
            step = active * rate * tf.sqrt(1 - beta_2**count) / (1 - beta_1**count)
            return weight - step * mean / (tf.sqrt(square) + epsilon), mean, square

        return adam, 2

    def sgd(count, active, gradient, weight, velocity):
        velocity += active * ((config["momentum"] - 1) * velocity - rate * gradient)
        return weight + active * velocity, velocity

    return sgd, 1


# ---------------------------------------------------------------- what can be stacked

ELEMENTWISE = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)
PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
SETTINGS = {"name", "learning_rate", "beta_1", "beta_2", "epsilon", "momentum"}


def _obstacle(model):
    """Why models like this one cannot be stacked, or None."""
    if type(model) is not keras.Sequential:
        return f"the builder gives a {type(model).__name__}, not a Sequential model"
    for layer in model.layers:
        if problem := _layer_problem(layer):
            return f"layer {layer.name} ({type(layer).__name__}) {problem}"
    for initializer, variable in _initializers(model.layers):
        if not type(initializer).__module__.startswith("keras."):
            return "the builder has an initializer of its own"
        if not np.array_equal(variable, initializer(variable.shape, variable.dtype)):
            return "the builder sets weights itself"
    if not _is_sparse_cross_entropy(model.loss):
        return f"the loss {model.loss} is not sparse_categorical_crossentropy on posteriors"
    if model.get_compile_config().get("loss_weights") is not None:
        return "the loss is weighted"
    optimizer = model.optimizer
    plain = type(optimizer)().get_config()
    changed = {k for k, v in optimizer.get_config().items() if v != plain.get(k)} - SETTINGS
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.SGD) or changed:
        return " ".join(["the optimizer is not a plain Adam or SGD:", type(optimizer).__name__,
                         *sorted(changed)])
    if not isinstance(optimizer.get_config()["learning_rate"], float):
        return "the learning rate follows a schedule"
    return None


def _layer_problem(layer):
    layers, kind = keras.layers, type(layer)
    if kind not in (layers.Dense, layers.Flatten, layers.Dropout, *ELEMENTWISE):
        return "cannot be stacked"
    if layer.compute_dtype != "float32" or layer.activity_regularizer:
        return "has an activity regularizer or another type than float32"
    activation = getattr(layer, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", type(activation).__name__)
    if getattr(keras.activations, name, None) is not activation:
        return f"has an activation of its own, {name}"
    if kind is layers.Dropout and layer.noise_shape is not None:
        return "has a noise_shape"
    if kind is layers.Dense:
        if len(layer.input.shape) != 2:
            return "has an input that is not flat"
        if layer.kernel_constraint or layer.bias_constraint or not layer.trainable:
            return "has constrained or frozen weights"
        for regularizer in (layer.kernel_regularizer, layer.bias_regularizer):
            if regularizer is not None and type(regularizer) not in PENALTIES:
                return f"has the penalty {type(regularizer).__name__}"
    return None


def _is_sparse_cross_entropy(loss):
    known = keras.losses.SparseCategoricalCrossentropy
    if isinstance(loss, known):
        return loss.get_config() == known().get_config()
    return loss in ("sparse_categorical_crossentropy", keras.losses.sparse_categorical_crossentropy)
