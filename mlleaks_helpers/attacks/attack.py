"""What every attack is, and what none may do: be marked on the answers that it learned from."""

from typing import Protocol

import numpy as np

from mlleaks_helpers.observation import Observation
from mlleaks_helpers.overlap import row_digests, same_rows


class Attack(Protocol):
    """A score for each record and a threshold, fixed before the target is seen.

    threshold_  a record whose score reaches it is called a member (`metrics.decisions`); None
                where the attack has scores alone
    """

    threshold_: float | None

    def score_samples(self, target: Observation) -> np.ndarray:
        """One number a record, (n,): higher = more likely a member. Never reads `member`."""


def check_shadow(shadow: Observation) -> None:
    """Raise ValueError unless `shadow` holds members and non-members."""
    if shadow.member.all() or not shadow.member.any():
        raise ValueError("shadow must hold members and non-members, got "
                         f"{shadow.member.sum()} members among {len(shadow)} records")


def answer_digests(seen: Observation) -> np.ndarray:
    """A whole number for each answer that says which record was asked about, (k,) uint64.

    That are all but those with everything on one class: many records get them, from any model.
    A posterior counts to four digits, since the last ones differ from batch to batch.
    """
    telling = (seen.posteriors > 0).sum(axis=1) > 1
    bits = seen.posteriors[telling].astype(np.float32).view(np.uint32)
    four_digits = (bits + 2**8) >> 9  # 14 bits of 23 stay
    return row_digests(np.column_stack([four_digits, seen.labels[telling]]))


def refuse_own(target: Observation, fitted_on: np.ndarray | None) -> None:
    """Raise ValueError where most of target's answers are those that an attack was fitted on.

    `fitted_on` are their digests; None where it was fitted on nothing.
    """
    if fitted_on is not None and same_rows(answer_digests(target), fitted_on):
        raise ValueError("target is the observation that the attack was fitted on, or shares most "
                         "of its answers: fit the attack on a shadow model of the adversary's own")
