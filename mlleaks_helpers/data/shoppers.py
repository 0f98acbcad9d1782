"""Simulated purchase baskets, a stand-in for the paper's Purchase sets (Section II-B).

Nobody stands behind these records. Each of the 20,000 shoppers mixes a few of the tastes below,
each taste likes some of the 600 items, and liking an item makes buying it more likely. One table
of baskets serves every number of classes: k-means cuts it into 2, 10, 20, 50 or 100 groups, as
the paper does with its table. The constants were chosen so that the paper's MLP comes near its
train and test accuracies on Purchase-k; the data sheet has both.

Which group a basket is in comes with the package, so that no page has to wait for it.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from mlleaks_helpers.files import load_arrays, replacing

FILE = Path(__file__).with_name("shoppers.npz")

CLASS_COUNTS = (2, 10, 20, 50, 100)
NAMES = tuple(f"shoppers-{k}" for k in CLASS_COUNTS)

N_SHOPPERS, N_ITEMS = 20_000, 600
N_TASTES = 60
SHARE_LIKED = 0.1  # of the items, by one taste
TASTE_POPULARITY = 1 / np.arange(6, 6 + N_TASTES)  # a few tastes are common, many are rare
CONCENTRATION = 0.7  # of the Dirichlet over all tastes; small: most shoppers follow one or two
P_ANY, P_LIKED = 0.04, 0.4  # of buying an item; how much more if all of one's tastes like it
SEED = 1806


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Baskets (20000, 600), read-only, and the first 100 shoppers' probabilities of buying."""
    rng = np.random.default_rng(SEED)
    likes = rng.random((N_TASTES, N_ITEMS)) < SHARE_LIKED
    popularity = TASTE_POPULARITY / TASTE_POPULARITY.sum()
    mixture = rng.dirichlet(CONCENTRATION * popularity, size=N_SHOPPERS)
    probability = P_ANY + P_LIKED * mixture @ likes
    bought = (rng.random(probability.shape) < probability).astype(np.uint8)
    bought.setflags(write=False)
    return bought, probability[: max(CLASS_COUNTS)].copy()


def baskets() -> np.ndarray:
    """Which items each shopper bought: (20000, 600) uint8 of 0 and 1, the same for every k."""
    return _table()[0]


@lru_cache
def labels(k: int) -> np.ndarray:
    """Each basket's class among k, int64 (20000,), read-only."""
    y = load_arrays(FILE, (str(k),), ())[str(k)].astype(np.int64)
    y.setflags(write=False)
    return y


def grouped(k: int) -> np.ndarray:
    """The classes as k-means finds them, int (20000,).

    It starts from the first k shoppers' own probabilities rather than from random baskets: no two
    distances tie, so that the classes do not hinge on a machine's rounding.
    """
    from sklearn.cluster import KMeans

    bought, probability = _table()
    kmeans = KMeans(k, init=probability[:k], n_init=1, max_iter=20)
    return kmeans.fit_predict(bought.astype(np.float64))


def store() -> None:
    """Make the groups that come with the package anew:

    python -c "from mlleaks_helpers.data import shoppers; shoppers.store()"
    """
    with replacing(FILE) as part:
        np.savez_compressed(part, **{str(k): grouped(k).astype(np.uint8) for k in CLASS_COUNTS})
