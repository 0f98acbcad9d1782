"""What LiRA takes for granted, learned: trees that see a logit beside those of the references.

`target` is always the target's `logit` of each record's label, (n,); scores are higher for likelier
members.
"""

import numpy as np

from mlleaks_helpers.attacks.classifiers import attack_trees
from mlleaks_helpers.attacks.references import References, as_target, rehearse

ENOUGH = 20_000  # answers to learn from


def learned_ratio(target: np.ndarray, references: References) -> np.ndarray:
    """The trees' probability that each record is a member, (n,).

    `lira` takes a record's logits to be normal, with a spread that a handful of models cannot
    tell. Here all records together say what a member looks like: one reference after the other
    plays the target against the rest, at least two of them and so many that there are `ENOUGH`
    answers, and of these the adversary knows who was in. The trees see the logit, and of the
    models with the record, and of those without, their mean, their spread and how far above their
    mean the logit lies; a record may lack one of the two. From the target nothing is learned.

    Each reference must have drawn its records on its own: were every record in as many of them,
    the others that have it would tell the player's members, by their number. Raises ValueError
    for a `balanced` design, or what one model less leaves of it, for fewer than two references,
    for players who were trained on all of the records or on none, and for a target that does not
    fit.
    """
    if len(references) < 2:
        raise ValueError("references must be two models or more, got 1: each plays the target "
                         "against the rest")
    counts = references.included.sum(axis=0)
    if 0 < counts.max() <= counts.min() + 1 and counts.min() < len(references):
        raise ValueError(f"references have every record in {counts.min()} or {counts.max()} of "
                         f"{len(references)} models, and trees would learn to count the others: "
                         "draw each model's records on their own")
    asked = _beside(target, references)
    players = max(2, int(np.ceil(ENOUGH / len(asked))))
    seen, member = rehearse(_beside, references, players=players)
    if len(np.unique(member)) < 2:
        raise ValueError("references must hold members and non-members to learn from, got "
                         f"{member.sum()} and {(~member).sum()}")
    told = ~np.isnan(seen).all(axis=0)
    return attack_trees().fit(seen[:, told], member).predict_proba(asked[:, told])[:, 1]


def _beside(target, references):
    """The logit; of models with a record, and without, their mean, spread, and the logit's rise.

    (n, 7); NaN for the mean of none and for the spread of fewer than two.
    """
    target = as_target(target, references)
    columns = [target]
    for inside in (True, False):
        count, mean, squares = references.moments(inside)
        spread = np.sqrt(squares / np.where(count > 1, count - 1, np.nan))
        columns += [mean, spread, target - mean]
    return np.column_stack(columns)
