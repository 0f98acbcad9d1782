"""A model that stays: trained as `train_many` trains, and there to be asked again."""

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
                seed: int = 0) -> Trained:
    """`train` for small networks, several times as fast: NumPy trains, and NumPy answers.

    It is the model that `train_many` would train on all of `dataset` with `seed=[seed]`, so the
    seed may also be a tuple of whole numbers; for adversaries whose next question depends on the
    last answer. Like `train_many`, it seeds the global generators of Python, NumPy and TensorFlow.
    Raises ValueError for networks of another kind, for numbers out of range, and for a model that
    diverges.
    """
    needs_tensorflow("train_numpy")
    whole(1, epochs=epochs, batch_size=batch_size)
    seed, = many._seeds([seed], 1)
    prepare, table = fit_prepare(many._seeded(dataset.prepare, seed), dataset.x)
    recipe = _recipe(build, dataset, table.shape[1:], epochs, batch_size)
    try:
        weights = network.fit(recipe, table, dataset.y, seed=seed, epochs=epochs,
                              batch_size=batch_size)
    except FloatingPointError as error:
        raise ValueError(f"the model diverged, {error}: train with a lower learning rate") from None
    return Trained(partial(network.posteriors, recipe, weights), prepare)


def _recipe(build, dataset, shape, epochs, batch_size):
    recipes = Recipes(build, dataset, np.ones((1, len(dataset)), bool), epochs, batch_size)
    reason = recipes.reason or (shape not in recipes.of and recipes.add(shape))
    if reason:
        raise ValueError(f"build gives what only train can train: {reason}")
    return recipes.of[shape]
