"""What shadows, the label, more posteriors and the attack model are worth, each by itself.

One table an experiment: what the adversary knows of each record's class (nothing, the one that the
target predicts, the true one) x how many posteriors (1, 3, all) x attack model, with one shadow
and, where there are more, with all of them.
"""

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlleaks_helpers.attacks import attack_mlp, attack_regression, attack_trees, top_posteriors
from mlleaks_helpers.attacks.classifiers import ask_each, best_penalty, fit_each, penalised
from mlleaks_helpers.attacks.statistics import TINY
from mlleaks_helpers.metrics import report
from mlleaks_helpers.observation import Observation, pool

LABELS = ("none", "predicted", "true")
POSTERIORS = (1, 3, "all")
MODELS = ("line", "line on logs", "network", "trees")
LOW = 0.01


def factors(target: Observation, shadows, models=MODELS) -> list[dict]:
    """The rows of the table: one factor a column, then balanced accuracy, AUC and TPR at 1 % FPR.

    The last is None where the target has too few non-members to resolve it.
    """
    return [
        {"shadows": count, "label": label, "posteriors": k, "model": model}
        | marks(chances(model, pool(shadows[:count]), target, label, k), target.member)
        for count in sorted({1, len(shadows)})
        for label in LABELS for k in POSTERIORS for model in models
    ]


def marks(scores, member) -> dict[str, float | None]:
    """How well scores between 0 and 1 tell members from non-members, cut at one half."""
    found = report(scores, scores >= 0.5, member, rates=(LOW,))
    values = {"balanced_accuracy": found.balanced_accuracy, "auc": found.auc,
              "tpr_at_1_percent": found.tpr_at_fpr[LOW]}
    return {name: None if value is None else round(value.value, 4)
            for name, value in values.items()}


def chances(model: str, shadow: Observation, target: Observation, label: str, k) -> np.ndarray:
    """What an attack model that learned from `shadow` says of each record of `target`, (n,).

    Each uses the class in its own way: a line is fitted for every class, with the penalty that
    `PerClass` would choose; the network gets it one-hot; trees may split on it.
    """
    logs = model in ("line on logs", "trees")
    hers, theirs = (_columns(seen, label, k, logs) for seen in (shadow, target))
    classes, asked = _class(shadow, label), _class(target, label)
    if label == "none":
        classifier = {"line": attack_regression(),
                      "line on logs": make_pipeline(StandardScaler(), attack_regression()),
                      "network": attack_mlp(), "trees": attack_trees()}[model]
    elif model.startswith("line"):
        scale = StandardScaler().fit(hers)
        hers, theirs = scale.transform(hers), scale.transform(theirs)
        penalty = best_penalty(hers, classes, shadow.member)
        lines = fit_each(penalised(penalty), hers, classes, shadow.member)
        return ask_each(lines, theirs, asked)
    elif model == "network":
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        hers = np.column_stack([hers, one_hot.fit_transform(classes[:, None])])
        theirs = np.column_stack([theirs, one_hot.transform(asked[:, None])])
        classifier = attack_mlp()
    else:
        hers, theirs = np.column_stack([hers, classes]), np.column_stack([theirs, asked])
        classifier = attack_trees().set_params(categorical_features=[hers.shape[1] - 1])
    return classifier.fit(hers, shadow.member).predict_proba(theirs)[:, 1]


def _class(seen, label):
    return seen.labels if label == "true" else seen.posteriors.argmax(axis=1)


def _columns(seen, label, k, logs):
    """Posteriors high to low; all of them in the order of the classes, where a class is known.

    With the true label comes its posterior, which need not be among the largest.
    """
    if k == "all":
        columns = seen.posteriors if label != "none" else np.sort(seen.posteriors)[:, ::-1]
    else:
        columns = top_posteriors(seen.posteriors, k)
    if label == "true":
        own = seen.posteriors[np.arange(len(seen)), seen.labels]
        columns = np.column_stack([columns, own])
    return np.log(np.maximum(columns, TINY)) if logs else columns
