"""What assignment A is about: a target and her shadow, and people to train a model on."""

from __future__ import annotations

import numpy as np

from course import law
from mlleaks_helpers.attacks import logit

PURPOSE = 1
VISIBLE, HIDDEN, PEOPLE = range(3)


def visible(seed: int) -> dict:
    """A shadow with its truth, a target with its truth for marking, and (x, y) of people."""
    rng = law.generator(seed, PURPOSE, VISIBLE)
    made = _model(rng, "shadow", 1_600) | _model(rng, "target", 2_000)
    return made | _people(law.generator(seed, PURPOSE, PEOPLE))


def hidden(seed: int) -> dict:
    """Another target and shadow, a crowd with few members, and scores of many shapes."""
    rng = law.generator(seed, PURPOSE, HIDDEN)
    made = _model(rng, "shadow", 1_500) | _model(rng, "target", 2_400)
    made["two_classes"] = rng.dirichlet([1, 1], 60)
    rows = np.flatnonzero(~made["target_member"])
    few = np.flatnonzero(made["target_member"])[:len(rows) // 9]
    made["crowd"] = rng.permutation(np.concatenate([rows, few]))
    for name, members, others in (("few", 150, 1_350), ("many", 1_350, 150), ("even", 600, 900)):
        made[f"{name}_member"] = rng.permutation(np.arange(members + others) < members)
        made[f"{name}_scores"] = _scores(rng, made[f"{name}_member"])
    made["sharp_member"] = law.halves(rng, 3_000)
    made["sharp_scores"] = _scores(rng, made["sharp_member"], subtracted=True)
    return made | {"found": np.array([int(rng.integers(150, 250)), int(rng.integers(30, 50))]),
                   "members": np.array([600, 80])}


def _model(rng, name, n):
    people, member = law.records(rng, n), law.halves(rng, n)
    return {f"{name}_posteriors": law.answers(rng, people, member),
            f"{name}_labels": people.labels, f"{name}_member": member}


def _scores(rng, member, *, subtracted=False):
    """Logits of a model with these members, perhaps less those of one that saw none of them."""
    people = law.records(rng, len(member))
    own = logit(law.answers(rng, people, member), people.labels)
    other = logit(law.answers(rng, people, np.zeros(len(member), bool)), people.labels)
    return own - other if subtracted else own


def _people(rng, n=2_000, questions=60, classes=10):
    """Answers to yes-or-no questions, alike within a class but for one in four."""
    typical = rng.random((classes, questions)) < 0.5
    labels = rng.integers(classes, size=n)
    x = typical[labels] ^ (rng.random((n, questions)) < 0.25)
    return {"people_x": x.astype(np.uint8), "people_y": labels}
