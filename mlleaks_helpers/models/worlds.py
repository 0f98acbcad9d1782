"""Worlds: a target, the adversary's shadows, and what each of them answered."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlleaks_helpers.data import Dataset, deal
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.many import train_many
from mlleaks_helpers.observation import Observation
from mlleaks_helpers.validate import whole


@dataclass(frozen=True, eq=False)
class World:
    """One throw of the dice: a target and its shadows, each asked about its owner's records.

    target   what the target answered for its members and as many non-members
    shadows  what each shadow answered for all of the adversary's records; half trained it
    seed     which world this is: it decides the split, the weights and the order of batches
    """

    target: Observation
    shadows: tuple[Observation, ...]
    seed: int

    @property
    def shadow(self) -> Observation:
        """The one shadow of adversary 1."""
        return self.shadows[0]


def worlds(build: Builder, dataset: Dataset, *, size: int, seeds: Iterable[int] = range(1, 6),
           shadows: int = 1, **options) -> list[World]:
    """Deal the paper's four parts once a seed, and train all targets and shadows at once.

    size      records in each part, as in `split`: the target trains on the first, is asked about
              the first two; the adversary owns the other two
    shadows   models of hers. The first trains on her first part, each other one on a random half
              of her records (Shokri et al. 2017)
    options   those of `train_many`: epochs, batch_size, cache, …

    The same seed is the same world, whichever others are asked for with it, but for the last
    digits. Raises ValueError for parts that are too large, for no seeds, and as `train_many` does.
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("seeds must name at least one world, got none")
    whole(0, shadows=shadows)
    deals = [deal(dataset, size=size, seed=seed) for seed in seeds]
    asked = np.concatenate([_asked(four, shadows) for four in deals])
    trained = np.concatenate([_trained(four, shadows, seed)
                              for four, seed in zip(deals, seeds, strict=True)])
    included = np.zeros((len(trained), len(dataset)), bool)
    np.put_along_axis(included, trained, True, axis=1)
    answers = train_many(build, dataset, included, query=dataset, **options,
                         seed=[(seed, model) for seed in seeds for model in range(1 + shadows)])
    seen = [Observation(answer[rows], dataset.y[rows], inside[rows])
            for answer, rows, inside in zip(answers, asked, included, strict=True)]
    each = 1 + shadows
    return [World(seen[start], tuple(seen[start + 1 : start + each]), seed)
            for start, seed in zip(range(0, len(seen), each), seeds, strict=True)]


def _asked(four, shadows):
    """The rows that each model is asked about: (1 + shadows, 2 * size)."""
    target, hers = four.reshape(2, -1)
    return np.stack([target, *[hers] * shadows])


def _trained(four, shadows, seed):
    """The rows that each model trains on: (1 + shadows, size)."""
    hers, size = four[2:].ravel(), four.shape[1]
    rng = np.random.default_rng((seed, 1))
    halves = [rng.permutation(hers)[:size] for _ in range(shadows - 1)]
    return np.stack([four[0], *four[2:3][:shadows], *halves])
