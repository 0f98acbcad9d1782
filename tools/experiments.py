"""One experiment: a target and the adversary's shadows are trained and asked.

What this module reaches by imports is what recordings are made with, and all of it counts where
`record` asks whether they are up to date. So it imports no more than it needs.
"""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.data import Dataset, Split, join, random_records, split
from mlleaks_helpers.models import (
    Builder,
    Trained,
    classical,
    cnn,
    dropout,
    keras,
    mlp,
    stacking,
    train,
)
from mlleaks_helpers.observation import Observation, observe
from mlleaks_helpers.stored import to_arrays


@dataclass(frozen=True)
class Answers:
    """What the models of one experiment answered; `Recorded` says what the fields hold.

    seconds  that training took, a model
    """

    target: Observation
    shadows: list[Observation]
    random: np.ndarray | None
    part: np.ndarray | None
    references: np.ndarray | None
    seconds: float

    def first(self, kept: int) -> "Answers":
        """The answers to the first `kept` members and non-members of every model."""
        rows = _first(self.target, kept)
        return replace(self, target=self.target.take(rows),
                       shadows=[shadow.take(_first(shadow, kept)) for shadow in self.shadows],
                       part=None if self.part is None else self.part[:kept],
                       references=None if self.references is None else self.references[:, rows])

    def arrays(self) -> dict[str, np.ndarray]:
        """What a recording file holds of them."""
        return to_arrays(self.target, self.shadows, self.random, self.part, self.references)


def experiment(dataset: Dataset, how: dict, *, seed: int) -> Answers:
    """Train and ask the models that `plan.settings` describes, `how`."""
    parts = split(dataset, size=how["size"], seed=seed)
    target = trained(how["target"], parts.target_train, seed)
    seen = observe(target, parts.target_train, parts.target_out)
    seconds, shadows, references = [target.seconds], [], []
    for number, (inside, outside) in enumerate(shadow_parts(parts, how["shadows"], seed)):
        shadow = trained(how["shadow"], inside, 1_000 * (number + 1) + seed)
        shadows.append(observe(shadow, inside, outside))
        seconds.append(shadow.seconds)
        if how.get("references"):
            theirs = observe(shadow, parts.target_train, parts.target_out)
            references.append(logit(theirs.posteriors, theirs.labels))
    asks_at_random = dataset.x.dtype == np.uint8
    return Answers(
        target=seen,
        shadows=shadows,
        random=target(random_records(dataset, seed=seed)) if asks_at_random else None,
        part=getattr(target.model, "part_", None),
        references=np.stack(references) if references else None,
        seconds=float(np.mean(seconds)),
    )


def builder(how: dict, records: int) -> Builder:
    """The Builder that a model's settings describe, for a training part of so many records."""
    rate = how["learning_rate"]
    if how["decay"] == "cosine":
        share = 3 if how["defense"] == "stacking" else 1
        batches = math.ceil(math.ceil(records / share) / how["batch_size"])
        rate = keras.optimizers.schedules.CosineDecay(rate, how["epochs"] * batches)
    common = {"hidden": how["hidden"], "learning_rate": rate, "l2": how["l2"]}
    build = {
        "mlp": lambda: mlp(**common),
        "cnn": lambda: cnn(**common),
        "forest": lambda: classical(RandomForestClassifier(1_000)),
        "logistic": lambda: classical(LogisticRegression(C=1e6, max_iter=1_000)),
    }[how["model"]]()
    defend = {"none": lambda build: build, "dropout": dropout, "stacking": stacking,
              "pixels": partial(dropout, pixels=True)}
    return defend[how["defense"]](build)


def trained(how: dict, part: Dataset, seed: int) -> Trained:
    """One model, in its own precision; Keras's dtype policy is afterwards what it was."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(how["precision"])
    try:
        return train(builder(how, len(part)), part, epochs=how["epochs"],
                     batch_size=how["batch_size"], seed=seed)
    finally:
        keras.config.set_dtype_policy(before)


def shadow_parts(parts: Split, count: int, seed: int):
    """The adversary's two parts, and for more shadows random halves of all her records."""
    yield parts.shadow_train, parts.shadow_out
    both = join([parts.shadow_train, parts.shadow_out])
    rng = np.random.default_rng(seed)
    for _ in range(count - 1):
        inside, outside = np.split(rng.permutation(len(both)), 2)
        yield both.take(inside), both.take(outside)


def _first(seen: Observation, kept: int) -> np.ndarray:
    return np.r_[np.flatnonzero(seen.member)[:kept], np.flatnonzero(~seen.member)[:kept]]
