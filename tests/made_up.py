"""Observations with a known answer, for tests of attacks; no model is trained."""

import numpy as np

from mlleaks_helpers.observation import Observation


def leaky(seed, *, n=600, classes=10, gap=2.0, dtype=float, members=None):
    """A model whose true class stands out by 2, and by `gap` more for its members.

    n members and n non-members, members first; or so many `members`.
    """
    rng = np.random.default_rng(seed)
    total = n + (n if members is None else members)
    member, labels = np.arange(total) < total - n, rng.integers(classes, size=total)
    logits = rng.normal(size=(total, classes))
    logits[np.arange(total), labels] += 2 + gap * member
    odds = np.exp(logits)
    return Observation((odds / odds.sum(axis=1, keepdims=True)).astype(dtype), labels, member)
