"""Which of several attacks to run: the adversary tries them on her own shadow."""

import copy

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.attack import Attack, check_shadow
from mlleaks_helpers.observation import Observation


def held_out(attack: Attack, shadow: Observation, *, folds: int = 3, seed: int = 0):
    """Scores and decisions on a shadow's records, each by an attack that learned from the others.

    attack  with a `fit`; it is copied, not changed
    folds   parts of the shadow: the attack learns from all but one and is asked about that one

    Two arrays (n,), float and bool. Raises ValueError for fewer than two folds, and for a shadow
    with fewer members or non-members than folds.
    """
    check_shadow(shadow)
    validate.whole(2, folds=folds)
    fewest = min(shadow.member.sum(), (~shadow.member).sum())
    if fewest < folds:
        raise ValueError(f"shadow must hold at least {folds} members and non-members, one a fold, "
                         f"got {fewest} of one of the two")
    scores, called = np.empty(len(shadow)), np.empty(len(shadow), bool)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for learned, rest in parts.split(shadow.posteriors, shadow.member):
        fitted = copy.deepcopy(attack).fit(shadow.take(learned))
        scores[rest] = fitted.score_samples(shadow.take(rest))
        called[rest] = scores[rest] >= fitted.threshold_
    return scores, called


def choose(attacks: dict[str, Attack], shadow: Observation, *, folds: int = 3,
           seed: int = 0) -> str:
    """The name of the attack with the highest balanced accuracy on held-out parts of a shadow.

    So she may choose: the shadow is hers, and the target's answers are not looked at. The first
    of several that are equally good. Raises ValueError for no attacks, and as `held_out` does.
    """
    if not attacks:
        raise ValueError("attacks must hold at least one attack to choose from, got none")

    def balanced_accuracy(name):
        _, called = held_out(attacks[name], shadow, folds=folds, seed=seed)
        return balanced_accuracy_score(shadow.member, called)

    return max(attacks, key=balanced_accuracy)
