"""What assignment B is about: three models of unknown make, and a shadow that she knows.

A roll of the seed decides which of the three learned its members by heart, and what their owners
do to the answers. `key` says it, for the teacher who reads the students' page.
"""

from __future__ import annotations

import numpy as np

from course import law
from mlleaks_helpers.attacks import keep_top, label_only, logit, temperature

PURPOSE = 2
VISIBLE, HIDDEN, TRIALS, ROLL = range(4)
LEARNED = (1.0, 0.5, 0.0)
DEFENSES = ("none", "soft", "rounded", "top", "label only")
SIZE = 2_000


def key(seed: int) -> list[tuple[float, str]]:
    """Of the three mystery models of that seed: how much of its members each learned by heart, 0
    to 1, and its defense.
    """
    rng = law.generator(seed, PURPOSE, ROLL)
    learned = rng.permutation(LEARNED)
    return list(zip(map(float, learned), map(str, rng.permutation(DEFENSES)[:3]), strict=True))


def visible(seed: int) -> dict:
    """model_k, labels_k, member_k and hers_k of three models; the same of a shadow, her own; and
    examples of each defense, one of a model that leaks and one of a model that does not.
    """
    rng = law.generator(seed, PURPOSE, VISIBLE)
    made = _model(rng, "shadow", SIZE)
    for place, (learned, defense) in enumerate(key(seed)):
        made |= _model(rng, str(place), SIZE, learned, defense)
    return made | _examples(rng, 500, digits=(2, 2), k=(3, 3))


def hidden(seed: int) -> dict:
    """Other examples; a model behind each defense with a shadow like it; scores; trials."""
    rng = law.generator(seed, PURPOSE, HIDDEN)
    made = _examples(rng, 500, digits=(1, 2), k=(3, 5))
    for defense in DEFENSES:
        made |= _model(rng, defense, SIZE, 1.0, defense, digits=3)
    made |= _model(rng, "shadow", SIZE)
    outside = np.flatnonzero(~made["member_none"])
    inside = np.flatnonzero(made["member_none"])[:len(outside) // 9]
    made["crowd"] = rng.permutation(np.concatenate([outside, inside]))
    for name, members in (("even", 1_500), ("few", 400)):
        member = rng.permutation(np.arange(members + 2_000) < members)
        made |= {f"{name}_member": member, f"{name}_scores": _sharp(rng, member)}
    scores, members, exposed = _trials(law.generator(seed, PURPOSE, TRIALS))
    return made | {"trial_scores": scores, "trial_member": members, "trial_exposed": exposed}


def defended(rng, people, member, learned, defense, digits=2, k=3):
    """The answers of a model, as its owner lets them out."""
    if defense == "soft":
        return temperature(law.answers(rng, people, member, learned=0.7 * learned), 1.8)
    said = law.answers(rng, people, member, learned=learned)
    return {"none": lambda: said, "rounded": lambda: np.round(said, digits),
            "top": lambda: keep_top(said, k), "label only": lambda: label_only(said)}[defense]()


def _model(rng, name, n, learned=1.0, defense="none", digits=2):
    """Its answers, and those of a plain model of hers that saw none of the people."""
    people, member = law.records(rng, n), law.halves(rng, n)
    return {f"model_{name}": defended(rng, people, member, learned, defense, digits),
            f"hers_{name}": law.answers(rng, people, law.nobody(people)),
            f"labels_{name}": people.labels, f"member_{name}": member}


def _examples(rng, n, digits, k):
    """Answers (10, n, classes) behind the five defenses, leaking and not, and a plain leaking
    model's to compare with.
    """
    made = []
    for defense in DEFENSES:
        for learned, *how in zip((1.0, 0.0), digits, k, strict=True):
            people, member = law.records(rng, n), law.halves(rng, n)
            made.append(defended(rng, people, member, learned, defense, *how))
    people, member = law.records(rng, n), law.halves(rng, n)
    names = np.repeat(DEFENSES, 2)
    order = rng.permutation(len(names))
    return {"examples": np.array(made)[order], "example_names": names[order],
            "plain": law.answers(rng, people, member)}


def _sharp(rng, member, learned=1.0):
    """Scores of an attack with a reference."""
    people = law.records(rng, len(member))
    own, hers = (logit(law.answers(rng, people, who, learned=learned), people.labels)
                 for who in (member, law.nobody(people)))
    return own - hers


def _blunt(rng, member):
    """Scores of an attack that is right on average, and by chance alone where it is surest."""
    people = law.records(rng, len(member))
    scores = logit(law.answers(rng, people, member), people.labels)
    highest = np.sort(scores)[-len(scores) // 50]
    return _by_luck(member, lambda: np.where(
        scores > highest, highest + rng.random(len(scores)), scores))


def _chance(rng, member):
    """Scores without a leak."""
    return _by_luck(member, lambda: rng.normal(size=len(member)))


def _by_luck(member, draw):
    """Scores as drawn, of which the surest hundredth is no luckier than it should be."""
    while True:
        scores = draw()
        cut = np.quantile(scores[~member], 0.99)
        if 0.005 < np.mean(scores[member] > cut) < 0.011:
            return scores


def _trials(rng, n=3_000):
    """Six trios of scores (6, 3, n), their members, and the one who is exposed, −1 for nobody.

    Four trios have one model each whose members can be accused, at one place, another place, a
    third, and any; in the last of those a blunt attack has the higher AUC. Two have none.
    """
    places = [*rng.permutation(3), rng.integers(3), -1, -1]
    scores, members = [], []
    for number, place in enumerate(places):
        member = np.array([law.halves(rng, n) for _ in range(3)])
        own = [_chance(rng, one) for one in member]
        if number in (3, 4):
            other = (place + 1) % 3
            own[other] = _blunt(rng, member[other])
        if place >= 0:
            own[place] = _sharp(rng, member[place], 0.5 if number == 3 else 1.0)
        scores.append(own)
        members.append(member)
    order = rng.permutation(len(places))
    return np.array(scores)[order], np.array(members)[order], np.array(places)[order]
