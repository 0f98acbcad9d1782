"""How sure models that never saw a record are of it: what the strict adversary can compare with.

Her references saw none of the records that she asks the target about. `target` is always the
target's `logit` of each record's label, (n,); scores are higher for likelier members.
"""

import numpy as np
from scipy import stats

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.classifiers import attack_trees
from mlleaks_helpers.attacks.lira import LEAST, common_variance, distribution
from mlleaks_helpers.attacks.references import References, as_target

PLAYERS = 16  # models that are enough to learn from


def calibrated(target: np.ndarray, references: References) -> np.ndarray:
    """The target's logit minus the mean of the references that were not trained on the record.

    An easy record has a large logit in any model; what is left tells how much surer the target
    is (difficulty calibration, Watson et al. 2022). One reference is enough: adversary 1's own
    shadow. Raises ValueError for a target that does not fit, and for a record in all references.
    """
    return as_target(target, references) - _outside(references).mean


def proxies(target: np.ndarray, references: References, own: References, *,
            near: int = 100) -> np.ndarray:
    """LiRA where no reference was trained on the record: others stand in for it, (n,).

    What models answer that were trained on a record is taken from the `near` records of hers that
    are about as hard, that is, whose mean among models that were not trained on them is next to
    this record's; the rest is as in `lira`. (The proxies of Du et al. 2026, who take all records,
    those of one class or those of like features; here, of like difficulty.)

    references  her models' logits for the records in question
    own         the same models' logits for her own records, of which each is in some and out of
                others; those that are not are left aside

    Raises ValueError for a target that does not fit, for another number of models in `own` than in
    `references`, for a record in all references, for a `near` below 2, and for fewer than `near`
    records of hers.
    """
    validate.whole(2, near=near)
    if len(own) != len(references):
        raise ValueError("own must be what the same models as references say of her own records, "
                         f"{len(references)} models, got {len(own)}")
    target, without = as_target(target, references), _outside(references)
    both = own.included.any(axis=0) & ~own.included.all(axis=0)
    if both.sum() < near:
        raise ValueError(f"near is {near}, and own has {both.sum()} records that are in some "
                         "models and out of others: give more, or a smaller near")
    own = own.records(both)
    hers, others = own.moments(True), own.moments(False)
    order = np.argsort(others.mean, kind="stable")
    middle = np.searchsorted(others.mean[order], without.mean)
    first = np.clip(middle - near // 2, 0, len(order) - near)
    stand_in = np.lib.stride_tricks.sliding_window_view(hers.mean[order], near)
    centre, apart = stand_in.mean(axis=1)[first], stand_in.var(axis=1)[first]
    spread = np.maximum(apart + common_variance(hers, unknown=0), LEAST)
    member = stats.norm(centre, np.sqrt(spread))
    return member.logpdf(target) - distribution(without, without.mean, "shrunk").logpdf(target)


class LearnedCalibration:
    """Trees that learn what a record's logit says beside that of the references.

    They see the logit, and the mean and the spread of the references that were not trained on the
    record, and learn from her own models: each in turn plays the target on her records, of which
    she knows who was in. Each must have drawn its half on its own: were a record in exactly half
    of them, the number of others that lack it would tell, by their spread. `threshold_` is one
    half.
    """

    threshold_ = 0.5

    def fit(self, own: References) -> "LearnedCalibration":
        """Learn from her models' logits for her own records.

        A record that all others have is left aside while a model plays. Raises ValueError for
        fewer than two models, for a `balanced` design, and where what is left holds no members or
        no non-members.
        """
        if own.balanced:
            raise ValueError(f"own has every record in exactly {own.included[:, 0].sum()} of "
                             f"{len(own)} models, and trees would learn to count the others: draw "
                             "each model's records on their own")
        seen, truth = [], []
        for player in range(min(len(own), PLAYERS)):
            logits, member, others = own.without(player)
            known = ~others.included.all(axis=0)
            if known.any():
                seen.append(_features(logits[known], others.records(known)))
                truth.append(member[known])
        member = np.concatenate(truth) if truth else np.zeros(0, bool)
        if len(np.unique(member)) < 2:
            raise ValueError("own must hold records that a model has, or has not, and that another "
                             f"one has not: got {member.sum()} members and {(~member).sum()} "
                             "non-members to learn from")
        self.trees_ = attack_trees().fit(np.concatenate(seen), member)
        return self

    def score_samples(self, target: np.ndarray, references: References) -> np.ndarray:
        """The trees' probability of "member" for each record, (n,).

        Raises ValueError before `fit`, for a target that does not fit the references, and for a
        record in all of them.
        """
        if not hasattr(self, "trees_"):
            raise ValueError("LearnedCalibration has learned nothing yet: fit it on references to "
                             "her own records")
        return self.trees_.predict_proba(_features(target, references))[:, 1]


def _features(target, references):
    """The logit, the mean and the spread of the others; the spread of one is 0."""
    target, without = as_target(target, references), _outside(references)
    spread = np.sqrt(without.squares / np.maximum(without.count - 1, 1))
    return np.column_stack([target, without.mean, spread])


def _outside(references):
    without = references.moments(False)
    if not without.count.all():
        raise ValueError(f"references were all trained on record {np.argmin(without.count)}: "
                         "nobody can say what a model answers that was not")
    return without
