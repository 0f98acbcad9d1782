"""A model that stays: trained as `train_many` trains, and there to be asked again."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np

from mlleaks_helpers.data import Dataset, fit_prepare
from mlleaks_helpers.models import many, network
from mlleaks_helpers.models.backend import needs_tensorflow
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.recipes import Recipes
from mlleaks_helpers.models.training import Trained
from mlleaks_helpers.validate import whole


def train_numpy(build: Builder, dataset: Dataset, *, epochs: int = 50, batch_size: int = 100,
                seed: int = 0, each_epoch: Callable[[Trained], None] | None = None) -> Trained:
    """`train` for small networks, several times as fast: NumPy trains, and NumPy answers.

    It is the model that `train_many` would train on all of `dataset` with `seed=[seed]`, so the
    seed may also be a tuple of whole numbers; for adversaries whose next question depends on the
    last answer. `each_epoch` is called after every epoch with the model as it is then, a `Trained`
    that stays so; it changes nothing about the training. Like `train_many`, this seeds the global
    generators of Python, NumPy and TensorFlow. Raises ValueError for networks of another kind, for
    numbers out of range, and for a model that diverges.
    """
    needs_tensorflow("train_numpy")
    whole(1, epochs=epochs, batch_size=batch_size)
    if not (each_epoch is None or callable(each_epoch)):
        raise ValueError(f"each_epoch must be a function of a model, or None, got {each_epoch!r}")
    seed, = many._seeds([seed], 1)
    prepare, table = fit_prepare(many._seeded(dataset.prepare, seed), dataset.x)
    recipe = _recipe(build, dataset, table.shape[1:], epochs, batch_size)

    def asked(weights):
        return Trained(partial(network.posteriors, recipe, weights), prepare)

    taught = recipe
    if each_epoch is not None:
        taught = replace(recipe, optimizer=_EachEpoch(
            recipe, -(-len(dataset) // batch_size), lambda weights: each_epoch(asked(weights))))
    try:
        weights = network.fit(taught, table, dataset.y, seed=seed, epochs=epochs,
                              batch_size=batch_size)
    except FloatingPointError as error:
        raise ValueError(f"the model diverged, {error}: train with a lower learning rate") from None
    return asked(weights)


class _EachEpoch:
    """A recipe's optimizer, which after every so many steps tells a copy of the weights."""

    def __init__(self, recipe, steps, tell):
        self.recipe, self.steps, self.tell = recipe, steps, tell

    def start(self, weights, gradient):
        self.weights, self.count = weights, 0
        self.step = copy(self.recipe.optimizer).start(weights, gradient)
        return self

    def __call__(self):
        self.step()
        self.count += 1
        if self.count % self.steps == 0:
            like = [np.empty(shape) for part in self.recipe.parts
                    for _, shape in getattr(part, "initial", ())]
            self.tell(network._cut(self.weights.copy(), like))

    def is_finite(self):
        return self.step.is_finite()


def _recipe(build, dataset, shape, epochs, batch_size):
    recipes = Recipes(build, dataset, np.ones((1, len(dataset)), bool), epochs, batch_size)
    reason = recipes.reason or (shape not in recipes.of and recipes.add(shape))
    if reason:
        raise ValueError(f"build gives what only train can train: {reason}")
    return recipes.of[shape]
