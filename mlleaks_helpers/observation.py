"""What leaves a model: posteriors and labels, and the truth kept aside for marking."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Observation:
    """What an adversary sees when she queries one model with n records.

    posteriors  (n, classes): one row a record, each row a distribution. Kept as float64: fitted
                in float32, an attack model stops wherever rounding lets it
    labels      (n,) int: the records' true classes; an attack says if it needs them
    member      (n,) bool: True where the record was in the training set. This is the answer:
                attacks read it when they are *fitted* on a shadow, never when they score.

    Raises ValueError for empty or unequal parts, posteriors that are not distributions, labels
    that are no integers or outside the posteriors' classes, and membership that is not bool.
    """

    posteriors: np.ndarray
    labels: np.ndarray
    member: np.ndarray

    def __post_init__(self):
        for name, dtype in (("posteriors", float), ("labels", None), ("member", None)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        check_posteriors(self.posteriors)
        n, classes = self.posteriors.shape
        if self.labels.shape != (n,) or self.member.shape != (n,):
            raise ValueError(f"labels and member must have one entry for each of the {n} rows of "
                             f"posteriors, got shapes {self.labels.shape} and {self.member.shape}")
        if self.member.dtype != bool:
            raise ValueError(f"member must be bool, got {self.member.dtype}")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise ValueError(f"labels must be integers, got {self.labels.dtype}")
        if self.labels.min() < 0 or self.labels.max() >= classes:
            raise ValueError(f"labels must lie in 0 … {classes - 1}, the columns of posteriors, "
                             f"got {self.labels.min()} … {self.labels.max()}")

    def __len__(self):
        return len(self.member)

    @property
    def accuracy(self) -> tuple[float, float]:
        """The model's accuracy on members and on non-members: its training and test accuracy."""
        correct = self.posteriors.argmax(axis=1) == self.labels
        return float(correct[self.member].mean()), float(correct[~self.member].mean())

    def strangers(self) -> "Observation":
        """A null control: the non-members alone, every second one called a member.

        The model was trained on none of them, so there is nothing for an attack to find.
        """
        out = ~self.member
        return Observation(self.posteriors[out], self.labels[out], np.arange(out.sum()) % 2 == 0)

    def shuffled(self, seed: int = 0) -> "Observation":
        """The same queries with membership dealt out anew: a null control."""
        member = np.random.default_rng(seed).permutation(self.member)
        return Observation(self.posteriors, self.labels, member)


def observe(ask, members, non_members) -> Observation:
    """Query a model with both parts, two `Dataset`s, and keep who was who for marking.

    ask  any function from records (n, …) to posteriors (n, classes), such as what `train` gives

    Posteriors come in the order of the two parts, members first. Raises ValueError when the two
    parts differ in the shape of their records or in their classes.
    """
    if members.x.shape[1:] != non_members.x.shape[1:] or members.classes != non_members.classes:
        raise ValueError("members and non_members must come from one data set, got "
                         f"{members.name} {members.x.shape[1:]} and "
                         f"{non_members.name} {non_members.x.shape[1:]}")
    return Observation(
        posteriors=np.concatenate([ask(part.x) for part in (members, non_members)]),
        labels=np.concatenate([members.y, non_members.y]),
        member=np.repeat([True, False], [len(members), len(non_members)]),
    )


def pool(observations) -> Observation:
    """Several observations as one, in order: what an adversary with many shadow models has.

    Raises ValueError where they differ in the number of classes, or for none at all.
    """
    observations = list(observations)
    widths = sorted({seen.posteriors.shape[1] for seen in observations})
    if len(widths) != 1:
        raise ValueError("observations must be at least one, all with the same number of "
                         f"classes, got {widths}")
    return Observation(*(np.concatenate([getattr(seen, name) for seen in observations])
                         for name in ("posteriors", "labels", "member")))


def check_posteriors(posteriors: np.ndarray) -> None:
    """Raise ValueError unless every row is a distribution over at least two classes."""
    if posteriors.ndim != 2 or 0 in posteriors.shape or posteriors.shape[1] < 2:
        raise ValueError("posteriors must be a table of at least one record and two classes, "
                         f"got shape {posteriors.shape}")
    if not np.isfinite(posteriors).all():
        row = np.flatnonzero(~np.isfinite(posteriors).all(axis=1))[0]
        raise ValueError(f"posteriors must be finite, got {posteriors[row]} in row {row}")
    total = posteriors.sum(axis=1)
    wrong = np.flatnonzero((posteriors < 0).any(axis=1) | (np.abs(total - 1) > 1e-3))
    if len(wrong):
        row = wrong[0]
        raise ValueError("each row of posteriors must be non-negative and sum to 1 (are these "
                         f"logits?), got sum {total[row]:.4g} and minimum "
                         f"{posteriors[row].min():.4g} in row {row}")
