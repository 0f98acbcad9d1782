"""What is measured on each experiment.

What this module reaches by imports is what metrics are measured with: where it changes, `record`
measures anew and trains nothing.
"""

import numpy as np

from mlleaks_helpers.attacks import (
    WITHOUT_LABEL,
    ClassTrees,
    PerClass,
    Threshold,
    TopPosteriors,
    attack_regression,
    attack_trees,
    held_out,
    logit,
    pick_threshold,
)
from mlleaks_helpers.metrics import auc, evaluate, report, resolves, tpr_at_fpr
from mlleaks_helpers.observation import Observation
from tools.factors import MODELS, factors

MANY = 6_000  # records
LOW = 0.01  # the low false positive rate
TOPS = (5, 10, 15, 20, 25)  # per cent of random queries, as in the paper's Figure 10


def attacks() -> dict:
    """What an adversary may run who has one shadow, beside the line of the paper's released code.

    Those after `network` want each record's true label.
    """
    return {
        "maximum": Threshold("maximum"),
        "trees": TopPosteriors(classifier=attack_trees()),
        "predicted_trees": ClassTrees(predicted=True),
        "network": TopPosteriors(),
        "gap": Threshold("gap"),
        "loss": Threshold("loss"),
        "per_class": PerClass(),
        "label_trees": ClassTrees(),
    }


NOT_TUNED = "network"  # slow, and never better than the trees


def measure(seen, *, every_attack: bool = True) -> dict[str, float | None]:
    """What is measured on one experiment: `seen` has target, shadows, random, part, references.

    Always: the line, and the AUC of the three statistics. With `every_attack`, and with a suffix
    that names it, also `macro_recall_…` (balanced accuracy), `auc_…` and `tpr_at_1_percent_…` of
    each of `attacks`. Under `tuned` stand those of the attack, the line included, that did best by
    that metric on held-out thirds of the shadow. None where 1 % cannot be resolved.
    """
    target, shadow = seen.target, seen.shadows[0]
    line = TopPosteriors(classifier=attack_regression()).fit(shadow)
    result = evaluate(line, target, rates=(LOW,))
    found = {name: getattr(result, name)
             for name in ("macro_precision", "macro_recall", "precision", "recall", "auc")}
    found["tpr_at_1_percent"] = result.tpr_at_fpr[LOW]
    for name in WITHOUT_LABEL:
        found[f"auc_{name}"] = auc(Threshold(name).score_samples(target), target.member)
    if every_attack:
        found |= _by_attack(target, shadow, {"": line} | attacks())
        found |= _by_noise(target, seen.random) | _by_part(target, seen.part)
        found |= _by_reference(target, seen.references)
    return {name: None if value is None else round(value.value, 4)
            for name, value in found.items()}


def _by_attack(target, shadow, candidates) -> dict:
    found, at_home = {}, {}
    for name, attack in candidates.items():
        suffix = f"_{name}" if name else ""
        for metric, value in _three(evaluate(attack.fit(shadow), target, rates=(LOW,))).items():
            found[metric + suffix] = value
        if name != NOT_TUNED:
            at_home[suffix] = _three(report(*held_out(attack, shadow), shadow.member, rates=(LOW,)))
    for metric in ("macro_recall", "auc", "tpr_at_1_percent"):
        known = {suffix: marks[metric].value for suffix, marks in at_home.items()
                 if marks[metric] is not None}
        best = max(known, key=known.get) if known else ""
        found[f"{metric}_tuned"] = found[metric + best]
    for name in WITHOUT_LABEL:
        found[f"tpr_at_1_percent_{name}"] = _tpr(Threshold(name).score_samples(target),
                                                 target.member)
    return found


def _three(result) -> dict:
    return {"macro_recall": result.macro_recall, "auc": result.auc,
            "tpr_at_1_percent": result.tpr_at_fpr[LOW]}


def _tpr(scores, member):
    return tpr_at_fpr(scores, member, LOW) if resolves((~member).sum(), LOW) else None


def _by_noise(target, random) -> dict:
    """Adversary 3, with the threshold that each share of the random queries reaches."""
    if random is None:
        return {}
    found = {}
    for top in TOPS:
        attack = Threshold("maximum", pick_threshold(random, top=top))
        result = evaluate(attack, target, rates=())
        found |= {f"{metric}_noise_{top}": getattr(result, metric)
                  for metric in ("macro_recall", "precision", "recall", "fpr")}
    return found


def _by_part(target, part) -> dict:
    """Of a stack: how well the maximum finds those whom each of its three models was trained on."""
    if part is None:
        return {}
    scores = Threshold("maximum").score_samples(target)
    found = {}
    for model in range(3):
        rows = np.r_[np.flatnonzero(target.member)[part == model], np.flatnonzero(~target.member)]
        found |= {f"auc_part_{model}": auc(scores[rows], target.member[rows]),
                  f"tpr_at_1_percent_part_{model}": _tpr(scores[rows], target.member[rows])}
    return found


def _by_reference(target, references) -> dict:
    """The target's logit for a record's label minus that of her shadow, which never saw it.

    Difficulty calibration (Watson et al. 2022) with the one shadow that adversary 1 has.
    """
    if references is None:
        return {}
    scores = logit(target.posteriors, target.labels) - references[0]
    return {"auc_calibrated": auc(scores, target.member),
            "tpr_at_1_percent_calibrated": _tpr(scores, target.member)}


def factor_table(seen) -> list[dict]:
    """What each thing that an adversary may know or run is worth (`tools.factors`).

    For many records without the networks, which take minutes there.
    """
    many = len(seen.target) > MANY
    return factors(seen.target, seen.shadows,
                   models=[model for model in MODELS if not (many and model == "network")])


def accuracy(seen: Observation) -> dict[str, float]:
    """A model's accuracy on its members and on its non-members."""
    train, test = seen.accuracy
    return {"train": round(train, 4), "test": round(test, 4)}
