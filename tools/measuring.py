"""What is measured on each experiment.

What this module reaches by imports is what metrics are measured with: where it changes, `record`
measures anew and trains nothing.
"""

from mlleaks_helpers.attacks import WITHOUT_LABEL, Threshold, TopPosteriors, attack_regression
from mlleaks_helpers.metrics import auc, evaluate
from mlleaks_helpers.observation import Observation


def measure(target: Observation, shadow: Observation) -> dict[str, float | None]:
    """What the page of the recorded data shows: adversary 1, and the AUC of three statistics.

    None where a true positive rate at 1 % cannot be resolved.
    """
    attack = TopPosteriors(classifier=attack_regression()).fit(shadow)
    report = evaluate(attack, target, rates=(0.01,))
    found = {name: getattr(report, name)
             for name in ("macro_precision", "macro_recall", "precision", "recall", "auc")}
    found["tpr_at_1_percent"] = report.tpr_at_fpr[0.01]
    for name in WITHOUT_LABEL:
        found[f"auc_{name}"] = auc(Threshold(name).score_samples(target), target.member)
    return {name: None if value is None else round(value.value, 4)
            for name, value in found.items()}


def accuracy(seen: Observation) -> dict[str, float]:
    """A model's accuracy on its members and on its non-members."""
    train, test = seen.accuracy
    return {"train": round(train, 4), "test": round(test, 4)}
