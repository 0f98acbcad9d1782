"""Are the same rows on both sides? Told by their digests, so that a copy is noticed too."""

from hashlib import blake2b

import numpy as np
from scipy import stats

BY_CHANCE = np.exp(-1)  # the most that Poisson gives to "exactly once"
SURE = 1e-4


def row_digests(rows) -> np.ndarray:
    """A whole number for each row of an array (n, …), (n,) uint64: equal rows, equal numbers."""
    rows = np.asarray(rows)
    if not rows.size:
        return np.zeros(len(rows), np.uint64)
    flat = rows.reshape(len(rows), -1)
    if flat.dtype.kind in "OUS":
        flat = np.array([_digest(row.tolist()) for row in flat], np.uint64)
    elif rows.ndim == 1:
        flat = rows.astype(float if rows.dtype.kind == "f" else np.int64)
    if flat.dtype.kind == "f":
        flat = flat + np.zeros((), flat.dtype)  # -0 is 0
    octets = np.ascontiguousarray(flat).reshape(len(rows), -1).view(np.uint8)
    words = np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8))).view(np.uint64)
    odd = np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64) * 2 + 1
    return scrambled((scrambled(words) * odd).sum(axis=1, dtype=np.uint64))


def _digest(values):
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest())


def scrambled(numbers: np.ndarray) -> np.ndarray:
    """Every bit of the result hangs on every bit of the number (SplitMix64; Steele et al. 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def same_rows(some: np.ndarray, others: np.ndarray) -> bool:
    """Whether more than half of `some` are among `others`, beyond what chance explains.

    Both are digests of rows. Rows may coincide by rights: two models give equal answers where
    both are certain or answer with the class alone, and data hold equal records. So only rows
    that occur once in `some` are counted, and only

    - those that occur once in `others`, too: where values are so few that they coincide by
      chance, at most 37 % do (Poisson), whatever the values and their numbers are, and fewer
      where `others` hold next to no pairs of equal rows; or
    - those that occur in `others` at all, where the few pairs of equal rows within `some` say
      that chance makes no more than 37 % so.

    They must be more than half, and so many that chance would reach that in one case of ten
    thousand.
    """
    once, pairs = _occurring(some, 1), len(_occurring(some, 2))
    among, twins = _occurring(others, 1), len(_occurring(others, 2))
    if not len(once) or not len(others):
        return False
    drawn = len(others) / len(some)
    return (_beyond(np.isin(once, among), min(BY_CHANCE, 20 * (twins + 1) / len(others)))
            or _beyond(np.isin(once, others), 2 * drawn * (pairs + 1) / len(once)))


def _occurring(digests, times):
    values, counts = np.unique(digests, return_counts=True)
    return values[counts == times]


def _beyond(found, chance):
    return bool(chance <= BY_CHANCE and found.mean() > 0.5
                and stats.binom.sf(found.sum() - 1, len(found), chance) < SURE)
