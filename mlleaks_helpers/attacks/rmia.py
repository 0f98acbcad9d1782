"""RMIA: how many other people's records does this one outdo?

Zarifzadeh, Liu and Shokri, Low-Cost High-Power Membership Inference Attacks, 2024. `target` is the
target's `logit` of each record's label, (n,); scores are higher for likelier members.
"""

import numpy as np
from scipy.special import expit, log_expit

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.population import finite
from mlleaks_helpers.attacks.references import References, as_target


def log_ratio(target: np.ndarray, references: References, *, online: bool = True,
              a: float = 0.3) -> np.ndarray:
    """log p(x | target) − log p(x): how much likelier the label is to the target than to models.

    p is the posterior of the label. Online, p(x) is the mean over references with the record and
    without, one half each. Offline only those without are there, p_out, and ((1 + a) p_out +
    1 − a) / 2 stands for it. It is RMIA in one line (and BASE, Lassila et al. 2025): `rmia` puts
    records in this very order.

    A record that no reference was trained on has the offline form also online, and of one that all
    were trained on p(x) is p_in. Raises ValueError for a target that does not fit, for an `a`
    outside 0 … 1 and, offline, for a record that is in all references.
    """
    validate.between(0, 1, a=a)
    target = as_target(target, references)
    inside, outside = _mean(references, True), _mean(references, False)
    prior = ((1 + a) * outside + 1 - a) / 2
    if online:
        both = (inside + outside) / 2
        prior = np.where(np.isnan(inside), prior, np.where(np.isnan(outside), inside, both))
    if np.isnan(prior).any():
        raise ValueError(f"references were all trained on record {np.isnan(prior).argmax()}: "
                         "nobody can say what a model answers that was not")
    return log_expit(target) - np.log(np.maximum(prior, np.finfo(float).tiny))


def rmia(ratios: np.ndarray, population: np.ndarray, *, gamma: float = 1.0) -> np.ndarray:
    """The share of the population's records that a record outdoes `gamma` times over, (n,).

    ratios      (n,) the `log_ratio` of the records in question
    population  (m,) that of records of which nobody is a member

    Raises ValueError for nobody in either, for ratios that are not finite, and for a `gamma` that
    is not positive.
    """
    validate.positive(gamma=gamma)
    ratios, population = finite(ratios, "ratios"), np.sort(finite(population, "population"))
    beaten = np.searchsorted(population, ratios - np.log(gamma), side="right")
    return beaten / len(population)


def _mean(references, inside):
    """The mean posterior of the label, of the models with each record or without; NaN for none."""
    chosen = references.included == inside
    count = chosen.sum(axis=0)
    total = sum(who * expit(logits) for who, logits in zip(chosen, references.logits, strict=True))
    return total / np.where(count, count, np.nan)
