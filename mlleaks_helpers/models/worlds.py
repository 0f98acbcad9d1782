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
    random   (queries, classes) what the target answered for the extra records of `query`, of which
             nobody is a member; None where there were none
    """

    target: Observation
    shadows: tuple[Observation, ...]
    seed: int
    random: np.ndarray | None = None

    @property
    def shadow(self) -> Observation:
        """The one shadow of adversary 1."""
        return self.shadows[0]


def worlds(build: Builder, dataset: Dataset, *, size: int, seeds: Iterable[int] = range(1, 6),
           shadows: int = 1, query: np.ndarray | None = None, **options) -> list[World]:
    """Deal the paper's four parts once a seed; train a target and its shadows, and ask them.

    size      records in each part, as in `split`: the target trains on the first, is asked about
              the first two; the adversary owns the other two
    shadows   models of hers. The first trains on her first part, each other one on a random half
              of her records (Shokri et al. 2017)
    query     (queries, …) records that are not the dataset's, such as `random_records`, about which
              every target is asked as well; they train nobody
    options   those of `train_many`: epochs, batch_size, cache, …

    The same seed is the same world, whichever others are asked for with it. Raises ValueError
    for parts that are too large, for no seeds, for a query unlike the records, and as
    `train_many` does.
    """
    whole(0, shadows=shadows)
    extra = _like(dataset, query)
    made = [_world(build, dataset, deal(dataset, size=size, seed=seed), seed, shadows, extra,
                   options) for seed in seeds]
    if not made:
        raise ValueError("seeds must name at least one world, got none")
    return made


def _like(dataset, query):
    """The extra records as an array, none of them without `query`."""
    if query is None:
        return dataset.x[:0]
    query = np.asarray(query)
    if query.ndim == 0 or len(query) == 0 or query.shape[1:] != dataset.x.shape[1:]:
        raise ValueError(f"query must be at least one record of shape {dataset.x.shape[1:]} like "
                         f"those of {dataset.name}, got shape {query.shape}")
    return query


def _world(build, dataset, four, seed, shadows, extra, options):
    """One world on the rows of four parts, (4, size): all its models are trained at once."""
    dealt, size = dataset.take(four.ravel()), four.shape[1]
    trained = who_trains(size, shadows, np.random.default_rng((seed, 1)))
    answers = train_many(build, dealt, trained, query=np.concatenate([dealt.x, extra]), **options,
                         seed=[(seed, model) for model in range(1 + shadows)])
    target, hers = slice(0, 2 * size), slice(2 * size, 4 * size)
    seen = [Observation(answer[whose], dealt.y[whose], inside[whose])
            for answer, inside, whose in zip(answers, trained, [target, *[hers] * shadows],
                                             strict=True)]
    return World(seen[0], tuple(seen[1:]), seed, answers[0, 4 * size:] if len(extra) else None)


def who_trains(size: int, shadows: int, rng: np.random.Generator) -> np.ndarray:
    """Which rows of the four parts a target and her shadows train on, (1 + shadows, 4 * size) bool.

    The target on the first part, her first shadow on the third, each other one on a random half of
    the third and fourth, which `rng` draws.
    """
    included = np.zeros((1 + shadows, 4, size), bool)
    included[0, 0] = True
    included[1:2, 2] = True
    for shadow in included[2:]:
        shadow[2:] = rng.permutation(np.arange(2 * size) < size).reshape(2, size)
    return included.reshape(1 + shadows, 4 * size)
