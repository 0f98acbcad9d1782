"""Small networks in plain NumPy: what `fit` does, without its way from one operation to the next.

A network of Dense, Flatten, Dropout and activations that ends in a softmax needs a few matrix
products a step. NumPy does them here, forwards and then backwards; nothing is compiled. It lets
other threads run while it calculates, so models train side by side.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.backend import tensorflow as tf

QUIET = {"over": "ignore", "under": "ignore", "invalid": "ignore"}  # what comes out is checked


@dataclass(frozen=True)
class Recipe:
    """What the models of one architecture have in common, weights and records aside.

    parts      from the record to the logits, the softmax left out
    optimizer  Adam or Momentum, called with weights and gradient before training
    smoothing  the amount by which labels are smoothed
    alpha      of the Beta(alpha, alpha) share by which two records are mixed, or None
    dtype      of weights, records and posteriors
    """

    parts: tuple
    optimizer: object
    smoothing: float = 0.0
    alpha: float | None = None
    dtype: str = "float32"


# ---------------------------------------------------------------- training and asking


def fit(recipe: Recipe, x: np.ndarray, y: np.ndarray, *, seed: int, epochs: int,
        batch_size: int) -> list[np.ndarray]:
    """The weights that records (n, …) with labels (n,) teach a new network.

    Of soft labels, `y` is (n, classes): each record's shares of the classes, which are not smoothed
    nor mixed. `seed` decides its first weights, the order of its batches and its dropout masks.
    Raises FloatingPointError where they leave the range of numbers.
    """
    order, coins = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    first = initial_weights(recipe, seed)
    flat = np.concatenate([weight.ravel() for weight in first])
    gradient = np.zeros_like(flat)
    weights = _cut(flat, first)
    network = _started(recipe, weights, _cut(gradient, first), coins)
    step = copy(recipe.optimizer).start(flat, gradient)
    x = x.astype(recipe.dtype, copy=False)
    with np.errstate(**QUIET):
        for _ in range(epochs):
            for value, targets in _batches(recipe, x, y, order, batch_size):
                for part in network:
                    value = part.forward(value)
                _backward(network, _slope(value, targets, recipe.smoothing))
                step()
    if not step.is_finite():
        raise FloatingPointError("the weights left the range of numbers")
    return weights


def posteriors(recipe: Recipe, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """What a network with these weights answers to records (n, …): (n, classes)."""
    x = x.astype(recipe.dtype, copy=False)
    with np.errstate(**QUIET):
        for part in _started(recipe, weights, weights, None):
            x = part.forward(x)
        return _softmax(x)


def initial_weights(recipe: Recipe, seed: int) -> list[np.ndarray]:
    """What the layers' own initializers draw for one model, in the order of `get_weights`."""
    drawn = [one for part in recipe.parts for one in getattr(part, "initial", ())]
    seeds = np.random.SeedSequence(seed).generate_state(len(drawn)).tolist()
    return [_drawn(*one, recipe.dtype, own) for one, own in zip(drawn, seeds, strict=True)]


def _drawn(initializer, shape, dtype, seed):
    config = initializer.get_config()
    if config.get("seed", seed) is None:
        config["seed"] = seed
    return np.asarray(type(initializer).from_config(config)(shape, dtype))


def _started(recipe, weights, gradients, coins):
    """The parts at work in one model; without `coins` nothing is dropped."""
    weights, gradients = iter(weights), iter(gradients)
    return [copy(part).start(weights, gradients, coins) for part in recipe.parts]


def _batches(recipe, x, y, order, batch_size):
    """An epoch's batches of records, and their targets: pairs of labels and their shares."""
    n = len(x)
    one, other = order.permutation(n), None
    if recipe.alpha:
        other = order.permutation(n)
        shares = order.beta(recipe.alpha, recipe.alpha, n).astype(recipe.dtype)
    for start in range(0, n, batch_size):
        a = one[start : start + batch_size]
        if other is None:
            yield x[a], [(y[a], 1)]
        else:
            b, share = other[start : start + batch_size], shares[start : start + batch_size]
            wide = share.reshape(-1, *[1] * (x.ndim - 1))
            yield wide * x[a] + (1 - wide) * x[b], [(y[a], share), (y[b], 1 - share)]


def _slope(logits, targets, smoothing):
    """Of the mean cross-entropy, with respect to the logits: posteriors less targets."""
    slope = _softmax(logits)
    if smoothing:
        slope -= smoothing / slope.shape[1]
    rows = np.arange(len(slope))
    for labels, share in targets:
        if labels.ndim > 1:
            slope -= labels
        else:
            slope[rows, labels] -= share * (1 - smoothing)
    slope /= len(slope)
    return slope


def _backward(network, slope):
    first = next(place for place, part in enumerate(network) if isinstance(part, Dense))
    for part in reversed(network[first + 1 :]):
        slope = part.backward(slope)
    network[first].learn(slope)


def _softmax(logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _cut(flat, like):
    """Views of one long array, shaped as the arrays of a list are."""
    ends = np.cumsum([one.size for one in like])
    return [flat[end - one.size : end].reshape(one.shape)
            for end, one in zip(ends, like, strict=True)]


# ---------------------------------------------------------------- parts


class Dense:
    """x @ kernel + bias. `initial`: an initializer and a shape for each; `penalties`: (l1, l2)."""

    def __init__(self, initial, penalties):
        self.initial, self.penalties = initial, penalties

    def start(self, weights, gradients, coins):
        self.weights = [next(weights) for _ in self.initial]
        self.gradients = [next(gradients) for _ in self.initial]
        return self

    def forward(self, x):
        self.x = x
        out = x @ self.weights[0]
        if len(self.weights) > 1:
            out += self.weights[1]
        return out

    def learn(self, slope):
        np.matmul(self.x.T, slope, out=self.gradients[0])
        if len(self.weights) > 1:
            slope.sum(axis=0, out=self.gradients[1])
        for weight, gradient, (l1, l2) in zip(self.weights, self.gradients, self.penalties,
                                              strict=True):
            if l2:
                gradient += 2 * l2 * weight
            if l1:
                gradient += l1 * np.sign(weight)

    def backward(self, slope):
        self.learn(slope)
        return slope @ self.weights[0].T


class Dropout:
    """Each value stays or not by 16 random bits of its own: the rate is right to 1 in 100,000."""

    def __init__(self, rate):
        self.rate = rate

    def start(self, weights, gradients, coins):
        self.coins = coins
        return self

    def forward(self, x):
        if self.coins is None:
            return x
        bits = self.coins.bit_generator.random_raw(-(-x.size // 4)).view(np.uint16)
        kept = bits[: x.size].reshape(x.shape) >= round(self.rate * 2**16)
        self.factor = kept * x.dtype.type(1 / (1 - self.rate))
        return x * self.factor

    def backward(self, slope):
        return slope * self.factor


class Flatten:
    def start(self, weights, gradients, coins):
        return self

    def forward(self, x):
        return x.reshape(len(x), -1)


class Activation:
    """A function of NumPy's whose slope follows from its value, else one of Keras's."""

    def __init__(self, function):
        self.function = function

    def start(self, weights, gradients, coins):
        self.numpy, self.slope = KNOWN.get(self.function, (None, None))
        return self

    def forward(self, x):
        if self.numpy:
            self.value = self.numpy(x)
            return self.value
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = self.function(x)
        self.gradient = lambda slope: tape.gradient(value, x, tf.constant(slope)).numpy()
        return value.numpy()

    def backward(self, slope):
        return slope * self.slope(self.value) if self.numpy else self.gradient(slope)


KNOWN = {
    keras.activations.tanh: (np.tanh, lambda value: 1 - value * value),
    keras.activations.relu: (lambda x: np.maximum(x, 0), lambda value: value > 0),
    keras.activations.sigmoid: (lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
                                lambda value: value * (1 - value)),
}
