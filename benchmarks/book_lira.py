"""LiRA of this book, for `benchmarks.beside`: its references are Keras models, trained together."""

import numpy as np

from benchmarks.many import BATCH, EPOCHS
from mlleaks_helpers.attacks import lira, references
from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.models import mlp, train_many


def scores(case, models: int, threads: int) -> np.ndarray:
    """Each reference learns a random half of the pool; so SACRO-ML has it, too."""
    pool, rng = case.pool, np.random.default_rng((case.seed, 1))
    included = rng.permuted(np.tile(case.member, (models, 1)), axis=1)
    answers = train_many(mlp(), pool, included, query=pool, epochs=EPOCHS, batch_size=BATCH,
                         seed=case.seed, n_jobs=threads)
    target = case.target.predict_proba(pool.x.astype(np.float32))
    return lira(logit(target, pool.y), references(answers, pool.y, included))
