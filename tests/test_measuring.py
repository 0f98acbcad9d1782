"""What is measured on each experiment, against the same measured by other means."""

import numpy as np
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from mlleaks_helpers import metrics
from mlleaks_helpers.attacks import STATISTICS, TopPosteriors, attack_regression
from mlleaks_helpers.observation import Observation
from tools.measuring import accuracy, measure


def overfitted(seed, leak, n=1_200):
    """Members are answered with more certainty, the more so the larger `leak`."""
    rng = np.random.default_rng(seed)
    member = np.arange(n) < n / 2
    labels = rng.integers(4, size=n)
    logits = rng.normal(size=(n, 4))
    logits[np.arange(n), labels] += 1 + leak * member
    return Observation(softmax(logits, axis=1), labels, member)


TARGET, SHADOW = overfitted(0, 3.0), overfitted(1, 1.0)


def test_each_metric_is_that_of_the_target():
    found = measure(TARGET, SHADOW)
    attack = TopPosteriors(3, attack_regression()).fit(SHADOW)
    report = metrics.evaluate(attack, TARGET, rates=(0.01,))
    assert found["tpr_at_1_percent"] is None and report.tpr_at_fpr[0.01] is None  # 600 are too few
    for name in ("macro_precision", "macro_recall", "precision", "recall", "auc"):
        assert abs(found[name] - getattr(report, name).value) < 1e-4
    for name in ("maximum", "deviation", "entropy"):
        scores = STATISTICS[name](TARGET.posteriors, TARGET.labels)
        assert abs(found[f"auc_{name}"] - roc_auc_score(TARGET.member, scores)) < 1e-4
    assert len(set(found.values())) == len(found) == 9


def test_target_and_shadow_have_their_own_places():
    one, other = measure(TARGET, SHADOW), measure(SHADOW, TARGET)
    assert one["auc_maximum"] > other["auc_maximum"] + 0.05


def test_what_can_be_resolved_is():
    large = overfitted(0, 3.0, n=4_000)
    assert 0.01 < measure(large, SHADOW)["tpr_at_1_percent"] < 0.9


def test_accuracy_of_members_and_of_non_members():
    correct = TARGET.posteriors.argmax(axis=1) == TARGET.labels
    assert accuracy(TARGET) == {"train": round(correct[:600].mean(), 4),
                                "test": round(correct[600:].mean(), 4)}
    assert accuracy(TARGET)["train"] > accuracy(TARGET)["test"]
