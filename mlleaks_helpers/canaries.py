"""Canaries: records that are planted to see whether a model gives them away.

A canary is an ordinary record with a wrong label, which a model can only have by heart. Its twin is
nearly the same record with the right one, such as the same person's second entry.
"""

from dataclasses import dataclass, replace

import numpy as np

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.validate import share, whole


@dataclass(frozen=True, eq=False)
class Planted:
    """Records of which models are trained on a random half, some of them planted.

    people   first the canaries, then their twins, then ordinary records
    asked    (n,) int: the label that is asked about; of a twin it is that of its canary
    canary   (n,) bool
    twin     (n,) bool
    """

    people: Dataset
    asked: np.ndarray
    canary: np.ndarray
    twin: np.ndarray

    @property
    def ordinary(self) -> np.ndarray:
        return ~(self.canary | self.twin)

    def halves(self, models: int, *, twins: bool = False, seed: int = 0) -> np.ndarray:
        """Who is trained on what, (models, n) bool: half of the canaries, half of the ordinary.

        twins  whether the twins are in all models, or else in none
        """
        whole(1, models=models)
        whole(0, seed=seed)
        rng = np.random.default_rng((seed, 1))
        included = np.zeros((models, len(self.people)), bool)
        included[:, self.twin] = twins
        for row in included:
            for rows in map(np.flatnonzero, (self.canary, self.ordinary)):
                row[rng.permutation(rows)[: len(rows) // 2]] = True
        return included


def plant(dataset: Dataset, *, ordinary: int, canaries: int, flipped: float = 0.01,
          seed: int = 0) -> Planted:
    """Draw records, and give some of them a wrong label and a twin.

    flipped  the share of a twin's values, 0 or 1 each, that differ from the canary's

    Raises ValueError for more records than the set has, and for values other than 0 and 1.
    """
    whole(1, ordinary=ordinary, canaries=canaries)
    whole(0, seed=seed)
    share(flipped=flipped)
    if ordinary + canaries > len(dataset):
        raise ValueError(f"ordinary and canaries are {ordinary} and {canaries}, and {dataset.name} "
                         f"has {len(dataset)} records")
    if not np.isin(dataset.x, (0, 1)).all():
        raise ValueError(f"dataset must hold values 0 and 1, got others in {dataset.name}")
    rng = np.random.default_rng((seed, 0))
    rows = rng.permutation(len(dataset))[: canaries + ordinary]
    chosen, rest = dataset.take(rows[:canaries]), dataset.take(rows[canaries:])
    wrong = (chosen.y + rng.integers(1, len(dataset.classes), canaries)) % len(dataset.classes)
    differs = rng.random(chosen.x.shape) < flipped
    near = np.where(differs, 1 - chosen.x, chosen.x).astype(chosen.x.dtype)
    people = replace(dataset, x=np.concatenate([chosen.x, near, rest.x]),
                     y=np.concatenate([wrong, chosen.y, rest.y]))
    place = np.arange(len(people))
    return Planted(people, np.concatenate([wrong, wrong, rest.y]), place < canaries,
                   (place >= canaries) & (place < 2 * canaries))
