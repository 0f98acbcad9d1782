"""What assignment C is about: four defended models, each with a shadow defended alike."""

from __future__ import annotations

import numpy as np

from course import law
from mlleaks_helpers.attacks import logit, temperature

PURPOSE = 3
VISIBLE, HIDDEN = range(2)
DEFENSES = ("dropout", "temperature", "rounded", "guarded")
THIRDS = (1.0, 0.6, 0.2)    # how far each third of a stack's members is learned by heart


def visible(seed: int) -> dict:
    """model, labels, hers and member of a target and of a shadow behind each defense, and of an
    undefended target; a stack's scores, members and thirds.
    """
    rng = law.generator(seed, PURPOSE, VISIBLE)
    made = _model(rng, "target_plain", 1_000, "none")
    return made | _defended(rng, 1_000, 1_000) | _stack(rng, "stack", 2_400)


def hidden(seed: int) -> dict:
    """The same of other models; cuts that work, miss, and cannot work; two stacks."""
    rng = law.generator(seed, PURPOSE, HIDDEN)
    made = _model(rng, "target_plain", 2_000, "none") | _defended(rng, 1_500, 2_000)
    made |= _stack(rng, "stack", 3_000) | _stack(rng, "other", 3_000)
    scores, member, cuts, names = _cuts(rng)
    return made | {"cut_scores": scores, "cut_member": member, "cuts": cuts, "cut_names": names,
                   "temperatures": rng.uniform([2, 0.4], [4, 0.6]),
                   "dealt": rng.permutation(np.arange(2_600) < 1_000)}


def _defended(rng, shadow, target):
    made, t = {}, float(rng.uniform(2.5, 3.5))
    for defense in DEFENSES:
        made |= _model(rng, f"shadow_{defense}", shadow, defense, t)
        made |= _model(rng, f"target_{defense}", target, defense, t)
    return made


def _model(rng, name, n, defense, t=1.0):
    """Its answers, and those of a model of hers: trained alike, undisguised, on none of them."""
    people, member = law.records(rng, n), law.halves(rng, n)
    said = law.answers(rng, people, member, learned=0.55 if defense == "dropout" else 1.0)
    disguise = {"temperature": lambda: temperature(said, t), "rounded": lambda: np.round(said, 3),
                "guarded": lambda: law.guarded(said, 0.93)}.get(defense, lambda: said)
    return {f"{name}_model": disguise(), f"{name}_labels": people.labels,
            f"{name}_hers": law.answers(rng, people, law.nobody(people)), f"{name}_member": member}


def _stack(rng, name, n):
    """Scores with a reference, who is a member, and in which third, −1 for non-members."""
    people, member = law.records(rng, n), law.halves(rng, n)
    third = np.where(member, rng.integers(3, size=n), -1)
    learned = rng.permutation(THIRDS)[third]
    own = law.answers(rng, people, member, learned=learned)
    hers = law.answers(rng, people, law.nobody(people))
    return {f"{name}_scores": logit(own, people.labels) - logit(hers, people.labels),
            f"{name}_member": member, f"{name}_third": third}


def _cuts(rng, n=2_400):
    """Scores, members, cuts and what to say of them, two of each kind in some order."""
    cases = []
    for learned, move, cut, name in (
            (1.0, lambda own: own, 2.6, "open"), (0.6, lambda own: own, 1.0, "open"),
            (1.0, lambda own: own / 3, 2.6, "cut broken"),
            (1.0, lambda own: own + 7, 2.6, "cut broken"),
            (0.0, lambda own: own, 2.6, "closed"), (0.0, lambda own: own, 0.0, "closed")):
        while True:
            people, member = law.records(rng, n), law.halves(rng, n)
            own = logit(law.answers(rng, people, member, learned=learned), people.labels)
            if learned or abs(own[member].mean() - own[~member].mean()) < 0.04:
                break
        cases.append((move(own), member, cut, name))
    return [np.array(part) for part in zip(*[cases[place] for place in rng.permutation(6)],
                                           strict=True)]
