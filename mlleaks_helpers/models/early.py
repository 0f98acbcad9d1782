"""Early stopping: the owner's own records, held out, say after how many epochs to stop."""

import numpy as np

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models.builders import Builder
from mlleaks_helpers.models.training import train
from mlleaks_helpers.validate import whole

TINY = 1e-38  # so that a posterior of 0 has a loss


def best_epochs(build: Builder, dataset: Dataset, held_out: Dataset, *, most: int = 50,
                batch_size: int = 100, seed: int = 0) -> int:
    """After which of `most` epochs a model of `dataset` has the least mean loss on `held_out`.

    `train(build, dataset, epochs=best_epochs(…))` is the defense: the first of them, if several
    tie. `held_out` are records of the owner's that the model does not learn. Raises ValueError as
    `train` does.
    """
    whole(1, most=most)
    losses = []

    def look(trained):
        right = trained.posteriors(held_out.x)[np.arange(len(held_out)), held_out.y]
        losses.append(-np.log(np.maximum(right, TINY)).mean())

    train(build, dataset, epochs=most, batch_size=batch_size, seed=seed, each_epoch=look)
    return int(np.argmin(losses)) + 1
