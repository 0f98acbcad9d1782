"""Canaries: records that are planted to see whether a model gives them away.

A canary is an ordinary record with a wrong label, which a model can only have by heart. Its twin is
nearly the same record with the right one: the same person's second entry, say. What models said of
them comes with the package, since a defense that trains dozens of models for each takes too long
to be trained while one reads.
"""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlleaks_helpers.attacks.references import References
from mlleaks_helpers.data import Dataset
from mlleaks_helpers.files import sha256
from mlleaks_helpers.validate import share, whole

FILE, PROVENANCE = map(Path(__file__).with_name, ("canaries.npz", "canaries.json"))


@dataclass(frozen=True, eq=False)
class Planted:
    """Records some of which are planted: first the canaries, then their twins, then the others.

    people  with the labels that models learn
    asked   (n,) int: the label that is asked about; of a twin it is that of its canary
    count   how many canaries there are, and twins
    """

    people: Dataset
    asked: np.ndarray
    count: int

    @property
    def canaries(self) -> slice:
        return slice(self.count)

    @property
    def twins(self) -> slice:
        return slice(self.count, 2 * self.count)

    @property
    def ordinary(self) -> slice:
        return slice(2 * self.count, None)


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
    rng, classes = np.random.default_rng((seed, 0)), len(dataset.classes)
    rows = rng.permutation(len(dataset))[: canaries + ordinary]
    chosen, rest = dataset.take(rows[:canaries]), dataset.take(rows[canaries:])
    wrong = (chosen.y + rng.integers(1, classes, canaries)) % classes
    differs = rng.random(chosen.x.shape) < flipped
    near = np.where(differs, 1 - chosen.x, chosen.x).astype(chosen.x.dtype)
    people = replace(dataset, x=np.concatenate([chosen.x, near, rest.x]),
                     y=np.concatenate([wrong, chosen.y, rest.y]))
    return Planted(people, np.concatenate([wrong, wrong, rest.y]), canaries)


def halves(planted: Planted, models: int, *, twins: bool = False, seed: int = 0) -> np.ndarray:
    """Who is trained on whom, (models, n) bool: half of the canaries, half of the ordinary records.

    twins  whether all models are trained on all twins, or none on any
    """
    whole(1, models=models)
    whole(0, seed=seed)
    rng = np.random.default_rng((seed, 1))
    places = np.arange(len(planted.people))
    included = np.zeros((models, len(places)), bool)
    included[:, planted.twins] = twins
    for row in included:
        for group in (places[planted.canaries], places[planted.ordinary]):
            row[rng.permutation(group)[: len(group) // 2]] = True
    return included


@dataclass(frozen=True, eq=False)
class RecordedCanaries:
    """Models of one recipe, and what each says of canaries, twins and others.

    canaries, twins, ordinary  References to the records of a kind. What is said of a twin is the
                               logit of its canary's label, and `included` is the canary's, too:
                               it tells whether the model was trained on the *canary*
    part        (models, n) of stacks, for each record of `everyone`: which model of the stack it
                went to, as `Stack.part_` has it, −1 if none; None of other models
    accuracy    (models,) on ordinary records that the model was not trained on
    provenance  how the models were made
    """

    canaries: References
    twins: References
    ordinary: References
    part: np.ndarray | None
    accuracy: np.ndarray
    provenance: dict

    @property
    def everyone(self) -> References:
        """The records that could be members: canaries and ordinary ones."""
        return References(np.hstack([self.canaries.logits, self.ordinary.logits]),
                          np.hstack([self.canaries.included, self.ordinary.included]))


def recorded_canaries(recipe: str = "plain") -> RecordedCanaries:
    """What was recorded of models with canaries among their members.

    recipe  "plain", "early", "dropout", "stacking" or "selena"; "plain-twins" and "selena-twins",
            of models that were trained on the twins as well; "labels", of the plain models
            where each answer is a class alone: in place of a logit the `robustness` of copies of
            the record from which some of the 1s were taken away

    Logits are kept to three digits. Raises ValueError for another recipe, and OSError for a file
    that is damaged.
    """
    entry = json.loads(PROVENANCE.read_text(encoding="utf-8"))
    content = FILE.read_bytes()
    if sha256(content) != entry["sha256"]:
        raise OSError(f"{FILE} is damaged: its SHA-256 is not the one in {PROVENANCE.name}. Get "
                      f"the file anew, or make it: {entry['command']}")
    if recipe not in entry["recipes"]:
        raise ValueError(f"recipe is {recipe!r}: recorded are {', '.join(entry['recipes'])}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        logits, inside = arrays[recipe], arrays["included"]
        part = arrays["part"] if recipe == "stacking" else None
    count, n = entry["canaries"], logits.shape[1]
    inside = np.unpackbits(inside, axis=1, count=n).astype(bool)
    canary, twin, other = np.split(np.arange(n), [count, 2 * count])
    asked = [References(logits[:, rows], inside[:, of])
             for rows, of in ((canary, canary), (twin, canary), (other, other))]
    if part is not None:
        part = np.delete(part, twin, axis=1)
    return RecordedCanaries(*asked, part, np.array(entry["recipes"][recipe]["accuracy"]), entry)
