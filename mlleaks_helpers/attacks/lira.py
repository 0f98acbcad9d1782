"""LiRA: is this answer more like those of models that saw the record, or of those that did not?

Carlini, Chien, Nasr, Song, Terzis and Tramèr, Membership Inference Attacks From First Principles,
2022. `target` is always the target's `logit` of each record's label, (n,), and the references say
what other models make of the same records. Scores are higher for likelier members.
"""

import numpy as np
from scipy import special, stats
from scipy.optimize import brentq

from mlleaks_helpers.attacks.references import Moments, References, as_target

VARIANCES = ("one", "own", "shrunk")
FEW, MANY = 1e-3, 200  # degrees of freedom between which those of the prior are looked for
LEAST = 1e-6  # variance: two models may agree to the last digit
LOWEST = -746.0  # below the log of every chance that is not rounded to 0


def lira(target: np.ndarray, references: References, *, online: bool = True,
         variance: str = "shrunk") -> np.ndarray:
    """The log of the likelihood ratio of each record, (n,).

    online    the density of the target's logit among those of models that were trained on the
              record, against that among the others (equation 3). Offline only the others count,
              and the score tells how far above them it lies: −log Pr[Z > logit] (equation 4)
    variance  "one" for all records; each record's "own", which needs dozens of models; "shrunk":
              between the two, by as much as the records' variances differ (`shrunk_variance`),
              with the t distribution that goes with it. The paper has the first two

    A record that no reference was trained on, or all were, takes the missing mean from the other
    records: it lies as far from its other mean as theirs do on average. Of one reference no record
    has both; then those means lie as far apart as the averages of all. Raises ValueError for an
    unknown `variance`, for a target that does not fit the references, where no reference was
    trained on any record (online), or all on all.
    """
    if variance not in VARIANCES:
        raise ValueError(f"variance is {variance!r}: known are {', '.join(VARIANCES)}")
    target = as_target(target, references)
    inside, outside = references.moments(True), references.moments(False)
    if not outside.count.any():
        raise ValueError("references were all trained on all of the records: nobody can say what "
                         "a model answers that was not")
    if not online:
        centre = _filled(outside.mean, np.nanmean(outside.mean))
        chance = distribution(outside, centre, variance).logsf(target)
        return -np.where(np.isneginf(chance), LOWEST, chance)
    if not inside.count.any():
        raise ValueError("references were trained on none of the records, as in the strict design: "
                         "use online=False")
    apart = _apart(inside.mean, outside.mean)
    member = distribution(inside, _filled(inside.mean, outside.mean + apart), variance)
    stranger = distribution(outside, _filled(outside.mean, inside.mean - apart), variance)
    return member.logpdf(target) - stranger.logpdf(target)


def shrunk_variance(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Each record's variance, drawn towards that of all, and its degrees of freedom, (n,) each.

    The true variances are taken to be spread like d₀s₀²/χ²(d₀), with the s₀² and d₀ to which the
    mean and the variance of the logs of the records' own variances point (Smyth 2004, Section
    6.2). So a record's own variance counts the more, the more models speak of it, and the more
    the records differ. Where they differ no more than chance would have it, or nothing is known
    of any record's own, all have one variance and the degrees of freedom are infinite.
    """
    own = np.maximum(moments.count - 1, 0)
    known = (own > 0) & (moments.squares > LEAST * own)
    common, prior = common_variance(moments), np.inf
    if known.sum() > 1:
        half = own[known] / 2
        logs = np.log(moments.squares[known] / own[known]) - special.digamma(half) + np.log(half)
        excess = logs.var(ddof=1) - special.polygamma(1, half).mean()
        if excess > special.polygamma(1, MANY / 2):
            prior = brentq(lambda d: special.polygamma(1, d / 2) - excess, FEW, MANY)
            common = np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2))
    if prior == np.inf:
        return np.full(len(own), common), np.full(len(own), np.inf)
    return (prior * common + moments.squares) / (prior + own), prior + own


def distribution(moments, centre, variance):
    if variance == "shrunk":
        spread, free = shrunk_variance(moments)
        spread = np.maximum(spread, LEAST) * (1 + 1 / np.maximum(moments.count, 1))
        if np.isinf(free).all():
            return stats.norm(centre, np.sqrt(spread))
        return stats.t(free, centre, np.sqrt(spread))
    spread = common_variance(moments)
    if variance == "own":
        own = moments.count - 1
        spread = np.where(own > 0, moments.squares / np.maximum(own, 1), spread)
    return stats.norm(centre, np.sqrt(np.maximum(spread, LEAST)))


def common_variance(moments: Moments, unknown: float = 1.0) -> float:
    """The variance of all records' logits around their own means, or `unknown` if nothing is."""
    free = np.maximum(moments.count - 1, 0).sum()
    return moments.squares.sum() / free if free else unknown


def _apart(inside, outside):
    """How far the means lie apart, on average over the records that have both."""
    apart = inside - outside
    if np.isnan(apart).all():
        return np.nanmean(inside) - np.nanmean(outside)
    return np.nanmean(apart)


def _filled(mean, otherwise):
    return np.where(np.isnan(mean), otherwise, mean)
