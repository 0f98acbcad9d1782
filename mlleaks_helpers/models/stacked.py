"""K models stacked, weights (K, in, out), trained in one compiled step (XLA).

A Dense layer over the stack is one batched matrix product; everything else is the same for each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.backend import tensorflow as tf


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
