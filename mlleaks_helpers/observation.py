"""What leaves a model: posteriors and labels, and the truth kept aside for marking."""

from dataclasses import dataclass

import numpy as np

from mlleaks_helpers.overlap import row_digests, same_rows

USUAL = 1e-3  # how far from 1 a row may sum


@dataclass(frozen=True, eq=False)
class Observation:
    """What an adversary sees when she queries one model with n records.

    posteriors  (n, classes): one row a record, each row a distribution. Kept as float64: fitted
                in float32, an attack model stops wherever rounding lets it
    labels      (n,) int: the records' true classes; an attack says if it needs them
    member      (n,) bool: True where the record was in the training set. This is the answer:
                attacks read it when they are *fitted* on a shadow, never when they score.

    The arrays are copies that cannot be written to. Raises ValueError for empty or unequal parts,
    posteriors that are not distributions, labels that are no integers or outside the posteriors'
    classes, and membership that is not bool.
    """

    posteriors: np.ndarray
    labels: np.ndarray
    member: np.ndarray

    def __post_init__(self):
        columns = {"posteriors": as_numbers(self.posteriors, "posteriors"),
                   "labels": np.array(self.labels), "member": np.array(self.member)}
        for name, column in columns.items():
            column.setflags(write=False)
            object.__setattr__(self, name, column)
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
        """The model's accuracy on members and on non-members: its training and test accuracy.

        NaN for a group that has nobody in it.
        """
        correct = self.posteriors.argmax(axis=1) == self.labels
        return tuple(float(correct[group].mean()) if group.any() else np.nan
                     for group in (self.member, ~self.member))

    def take(self, rows) -> "Observation":
        """The observation of some of the records: `rows` are (k,) int, (n,) bool or a slice.

        Raises ValueError for rows of another kind or length, and for none.
        """
        try:
            rows = np.arange(len(self))[rows]
        except IndexError as error:
            raise ValueError(f"rows must be indices below {len(self)}, {len(self)} bools or a "
                             f"slice, got {rows!r}") from error
        if rows.ndim != 1 or not len(rows):
            raise ValueError("rows must pick at least one record and be a list, got "
                             f"shape {rows.shape}")
        return Observation(self.posteriors[rows], self.labels[rows], self.member[rows])

    def strangers(self) -> "Observation":
        """A null control: the non-members alone, every second one called a member.

        The model was trained on none of them, so there is nothing for an attack to find.
        """
        out = self.take(~self.member)
        return Observation(out.posteriors, out.labels, np.arange(len(out)) % 2 == 0)

    def shuffled(self, seed: int = 0) -> "Observation":
        """The same queries with membership dealt out anew: a null control."""
        member = np.random.default_rng(seed).permutation(self.member)
        return Observation(self.posteriors, self.labels, member)


def observe(ask, members, non_members) -> Observation:
    """Query a model with both parts, two `Dataset`s, and keep who was who for marking.

    ask  any function from records (n, …) to posteriors (n, classes), such as what `train` gives

    Posteriors come in the order of the two parts, members first. Raises ValueError when the two
    parts differ in the shape of their records or in their classes, when most records of one are
    in the other, and for answers that are no posteriors, one row a record.
    """
    if members.x.shape[1:] != non_members.x.shape[1:] or members.classes != non_members.classes:
        raise ValueError("members and non_members must come from one data set, got "
                         f"{members.name} {members.x.shape[1:]} and "
                         f"{non_members.name} {non_members.x.shape[1:]}")
    _refuse_same_records(members, non_members)
    return Observation(
        posteriors=np.concatenate([_answers(ask, part.x) for part in (members, non_members)]),
        labels=np.concatenate([members.y, non_members.y]),
        member=np.repeat([True, False], [len(members), len(non_members)]),
    )


def observations(answers, labels, included) -> list[Observation]:
    """What `train_many` answers, as one observation a model, each over all n records.

    answers   (models, n, classes) posteriors
    labels    (n,) int: the records' true classes
    included  (models, n) bool: which records model k was trained on, its members

    Raises ValueError for shapes that do not fit together, and as `Observation` does.
    """
    answers, labels, included = np.asarray(answers), np.asarray(labels), np.asarray(included)
    if answers.ndim != 3 or labels.shape != answers.shape[1:2] or (
            included.shape != answers.shape[:2]):
        raise ValueError("answers (models, n, classes), labels (n,) and included (models, n) must "
                         f"fit together, got shapes {answers.shape}, {labels.shape} and "
                         f"{included.shape}")
    return [Observation(posteriors, labels, member)
            for posteriors, member in zip(answers, included, strict=True)]


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
    """Raise ValueError unless every row is a distribution over at least two classes.

    How far a row's sum may lie from 1 follows from the numbers: a thousandth, or more where they
    are of lower precision (bfloat16, float16) or rounded to so many digits.
    """
    if posteriors.ndim == 1 or (posteriors.ndim == 2 and posteriors.shape[1] == 1):
        raise ValueError("posteriors must have a column for each of at least two classes, got "
                         f"shape {posteriors.shape}: of one sigmoid p (n, 1) make two columns, "
                         "np.hstack([1 - p, p])")
    if posteriors.ndim != 2 or 0 in posteriors.shape:
        raise ValueError("posteriors must be a table of at least one record and two classes, "
                         f"got shape {posteriors.shape}")
    if not np.isfinite(posteriors).all():
        row = np.flatnonzero(~np.isfinite(posteriors).all(axis=1))[0]
        raise ValueError(f"posteriors must be finite, got {posteriors[row]} in row {row}")
    total = posteriors.sum(axis=1)
    off = np.abs(total - 1)
    if off.max() > USUAL:
        off = np.where(off > _tolerance(posteriors), off, 0)
    wrong = np.flatnonzero((posteriors < 0).any(axis=1) | (off > USUAL))
    if len(wrong):
        row = wrong[0]
        raise ValueError("each row of posteriors must be non-negative and sum to 1, got sum "
                         f"{total[row]:.4g} and minimum {posteriors[row].min():.4g} in row {row}: "
                         f"{_what_else(posteriors)}")


def parted(values, member) -> tuple[np.ndarray, np.ndarray]:
    """The members' values and the non-members' values.

    values  (n,) numbers or bool, one a record: scores or decisions
    member  (n,) bool

    Raises ValueError for unequal lengths, values that are not finite, membership that is not
    bool, and where members or non-members are missing.
    """
    values, member = np.asarray(values), np.asarray(member)
    if member.dtype != bool:
        raise ValueError(f"member must be bool, True for members, got {member.dtype}")
    if values.shape != member.shape or values.ndim != 1:
        raise ValueError("scores and decisions must have one entry a record, got shape "
                         f"{values.shape} for member of shape {member.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"scores must be numbers, got {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError(f"scores must be finite, got {(~np.isfinite(values)).sum()} that are not")
    if member.all() or not member.any():
        raise ValueError(f"member must hold members and non-members, got {member.sum()} members "
                         f"among {len(member)} records")
    return values[member], values[~member]


def as_numbers(values, name: str) -> np.ndarray:
    """A copy as float64. Raises ValueError, which names the argument, for what are no numbers."""
    try:
        return np.array(values, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be one array of numbers, got "
                         f"{type(values).__name__}: {error}") from error


def _tolerance(posteriors):
    """How far from 1 rounding can have moved the sum of a row."""
    with np.errstate(over="ignore"):
        single, half = posteriors.astype(np.float32), posteriors.astype(np.float16)
    if not (single.view(np.uint32) & 0xFFFF).any():
        kept = 2**-6  # bfloat16: two steps below 1
    elif (half == posteriors).all():
        kept = 2**-9
    else:
        kept = USUAL
    for digits in (1, 2, 3, 4):
        steps = posteriors * 10.0**digits
        if np.abs(steps - np.round(steps)).max() < 1e-3:
            return max(kept, min(0.25, 0.5 * posteriors.shape[1] / 10**digits))
    return kept


def _what_else(posteriors):
    if (posteriors < 0).any() or (posteriors > 1).any():
        return "are these logits? Apply softmax to each row first"
    return ("are these logits, or, as all lie between 0 and 1, sigmoids, one yes or no a class? "
            "Where exactly one class is right, divide each row by its sum")


def _answers(ask, x):
    answers = ask(x)
    table = as_numbers(answers, "what ask answers")
    if table.shape[:1] != (len(x),) or table.ndim > 2:
        raise ValueError(f"ask must answer one row of posteriors a record, got shape {table.shape} "
                         f"for {len(x)} records")
    check_posteriors(table)
    return table


def _refuse_same_records(members, non_members):
    fewer, more = sorted((members, non_members), key=len)
    if fewer.x is more.x or same_rows(row_digests(fewer.x), row_digests(more.x)):
        raise ValueError(f"members and non_members must be different records, got {fewer.name} "
                         f"and {more.name}, of which most are the same")
