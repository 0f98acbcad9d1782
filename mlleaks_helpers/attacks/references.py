"""What many models say of the same records: the knowledge that is tied to a record."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.population import lowest_threshold
from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.observation import Observation, as_numbers, parted


class Moments(NamedTuple):
    """Of some models' logits for each of n records, (n,) each.

    count    how many models those are
    mean     of their logits; NaN for a record that has none
    squares  the sum of their squared distances from it
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True, eq=False)
class References:
    """Models of the adversary's own, asked about the same n records: who was in, and how sure.

    logits    (models, n): the `logit` of each record's label. Logits and not posteriors: of 128
              models, 50,000 records and 100 classes those would be 2.6 GB
    included  (models, n) bool: whether the model was trained on the record

    In the pooled design (Carlini et al. 2022) each model was trained on a random half of the very
    records from which the target's members come, so that every record is in some and out of
    others. In the strict one, adversary 1's, no model ever saw a record that she asks the target
    about, and `included` is False throughout. Numbers of the two are told apart wherever they
    stand.

    The arrays are copies that cannot be written to. Raises ValueError for none, for unequal shapes,
    for logits that are not finite, and for `included` that is not bool.
    """

    logits: np.ndarray
    included: np.ndarray

    def __post_init__(self):
        arrays = {"logits": as_numbers(self.logits, "logits"), "included": np.array(self.included)}
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if self.logits.ndim != 2 or 0 in self.logits.shape:
            raise ValueError("logits must be a table of at least one model and one record, got "
                             f"shape {self.logits.shape}")
        if self.included.shape != self.logits.shape or self.included.dtype != bool:
            raise ValueError("included must be bool and of the shape of logits, "
                             f"{self.logits.shape}, got {self.included.dtype} of shape "
                             f"{self.included.shape}")
        if not np.isfinite(self.logits).all():
            model, record = np.argwhere(~np.isfinite(self.logits))[0]
            raise ValueError(f"logits must be finite, got {self.logits[model, record]} of model "
                             f"{model} for record {record}")

    def __len__(self):
        return len(self.logits)

    @property
    def balanced(self) -> bool:
        """Whether every record is in the same number of models, and in neither none nor all.

        Once one of them plays the target, the number of others that have a record tells whether it
        did: an attack that reads it is right for no reason.
        """
        counts = self.included.sum(axis=0)
        return bool(len(counts) > 1 and 0 < counts[0] < len(self) and (counts == counts[0]).all())

    def models(self, which) -> "References":
        """Some of the models: `which` are (k,) int, (models,) bool or a slice."""
        return References(self.logits[which], self.included[which])

    def records(self, rows) -> "References":
        """What all models say of some of the records: `rows` are (k,) int, (n,) bool or a slice."""
        return References(self.logits[:, rows], self.included[:, rows])

    def without(self, k: int) -> tuple[np.ndarray, np.ndarray, "References"]:
        """Let model `k` play the target: its logits (n,), its members (n,) bool, and the others.

        Raises ValueError where there is no model `k`, or no other.
        """
        if len(self) < 2 or k not in range(len(self)):
            raise ValueError(f"k must be one of {len(self)} models, with another beside it, got "
                             f"{k!r}")
        return self.logits[k], self.included[k], self.models(np.arange(len(self)) != k)

    def moments(self, inside: bool) -> Moments:
        """Of the logits of the models that were trained on a record, or of those that were not."""
        return self._inside if inside else self._outside

    @cached_property
    def _inside(self):
        return self._moments(True)

    @cached_property
    def _outside(self):
        return self._moments(False)

    def _moments(self, inside):
        """One model after the other, so that nothing as large as the table is made beside it."""
        chosen = self.included if inside else ~self.included
        count = chosen.sum(axis=0)
        mean = sum(map(np.multiply, chosen, self.logits)) / np.where(count, count, np.nan)
        centre = np.where(count, mean, 0)
        squares = sum((who * (logits - centre)) ** 2
                      for who, logits in zip(chosen, self.logits, strict=True))
        for array in (count, mean, squares):
            array.setflags(write=False)
        return Moments(count, mean, squares)


def references(answers: np.ndarray, labels: np.ndarray, included: np.ndarray) -> References:
    """What `train_many` answers, as References.

    answers   (models, n, classes) posteriors
    labels    (n,) int: the records' classes
    included  (models, n) bool: which records each model was trained on

    Raises ValueError for shapes that do not fit together, and as `Observation` does.
    """
    answers, labels, included = np.asarray(answers), np.asarray(labels), np.asarray(included)
    if answers.ndim != 3 or labels.shape != answers.shape[1:2] or (
            included.shape != answers.shape[:2]):
        raise ValueError("answers (models, n, classes), labels (n,) and included (models, n) must "
                         f"fit together, got shapes {answers.shape}, {labels.shape} and "
                         f"{included.shape}")
    seen = (Observation(*one) for one in zip(answers, repeat(labels), included))
    return References([logit(one.posteriors, one.labels) for one in seen], included)


def as_target(logits, references: References) -> np.ndarray:
    """The target's logits as an array. Raises ValueError unless it has one for each record."""
    logits = as_numbers(logits, "target")
    if logits.shape != references.logits.shape[1:]:
        raise ValueError("target must be the target's logit of each of the references' "
                         f"{references.logits.shape[1]} records, got shape {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError(f"target must be finite, got {(~np.isfinite(logits)).sum()} logits that "
                         "are not")
    return logits


def rehearse(attack, references: References, *,
             players: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """The attack on models of her own: its scores, and who was a member, (players × n,) each.

    Each of the first `players` models plays the target once, against all others. So she knows,
    before she sees the target's answers, which threshold will accuse few strangers
    (`threshold_for`) and how many members it will find.

    attack  a function of a target's logits and the references, such as `lira`

    Warns where the references are `balanced`: `calibrated`, `log_ratio` and offline `lira` are no
    better for it, but online `lira` with few models is wrong about noise. Raises ValueError for
    fewer than two models, and whatever the attack raises.
    """
    validate.whole(1, players=players)
    if references.balanced:
        warnings.warn(f"references have every record in exactly {references.included[:, 0].sum()} "
                      f"of {len(references)} models: when one plays the target, the number of "
                      "others tells its members. Draw each model's records on their own",
                      stacklevel=2)
    scores, truth = [], []
    for player in range(min(players, len(references))):
        logits, member, others = references.without(player)
        scores.append(attack(logits, others))
        truth.append(member)
    return np.concatenate(scores), np.concatenate(truth)


def threshold_for(rate: float, scores: np.ndarray, member: np.ndarray) -> float:
    """The lowest threshold that at most `rate` of the non-members reach.

    Raises ValueError for a rate outside 0 … 1, and where members or non-members are missing.
    """
    validate.inside(0, 1, rate=rate)
    return lowest_threshold(rate, parted(scores, member)[1])
