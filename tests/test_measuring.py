"""What is measured on each experiment, against the same measured by other means."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from mlleaks_helpers import metrics
from mlleaks_helpers.attacks import (
    STATISTICS,
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
from mlleaks_helpers.observation import Observation
from tools import measuring
from tools.measuring import accuracy, factor_table, measure

BASIC = {"macro_precision", "macro_recall", "precision", "recall", "auc", "tpr_at_1_percent",
         "auc_maximum", "auc_deviation", "auc_entropy"}
THREE = ("macro_recall", "auc", "tpr_at_1_percent")


def overfitted(seed, leak, n=1_200):
    """Members are answered with more certainty, the more so the larger `leak`."""
    rng = np.random.default_rng(seed)
    member = np.arange(n) < n / 2
    labels = rng.integers(4, size=n)
    logits = rng.normal(size=(n, 4))
    logits[np.arange(n), labels] += 1 + leak * member
    return Observation(softmax(logits, axis=1), labels, member)


def experiment(target, shadow, random=None, part=None, references=None):
    return SimpleNamespace(target=target, shadows=[shadow], random=random, part=part,
                           references=references)


TARGET, SHADOW = overfitted(0, 2.0, n=4_000), overfitted(1, 1.0, n=4_000)
SEEN = experiment(TARGET, SHADOW)


@pytest.fixture(scope="module")
def found():
    return measure(SEEN)


def test_the_line_and_the_three_statistics(found):
    report = metrics.evaluate(TopPosteriors(3, attack_regression()).fit(SHADOW), TARGET)
    for name in ("macro_precision", "macro_recall", "precision", "recall", "auc"):
        assert abs(found[name] - getattr(report, name).value) < 1e-4
    assert abs(found["tpr_at_1_percent"] - report.tpr_at_fpr[0.01].value) < 1e-4
    for name in ("maximum", "deviation", "entropy"):
        scores = STATISTICS[name](TARGET.posteriors, TARGET.labels)
        assert abs(found[f"auc_{name}"] - roc_auc_score(TARGET.member, scores)) < 1e-4
        low = metrics.tpr_at_fpr(scores, TARGET.member, 0.01).value
        assert abs(found[f"tpr_at_1_percent_{name}"] - low) < 1e-4
    basic = measure(SEEN, every_attack=False)
    assert basic.keys() == BASIC and basic == {name: found[name] for name in basic}
    assert len(set(basic.values())) == len(basic)


@pytest.mark.parametrize("name, attack", [
    ("maximum", Threshold("maximum")), ("trees", TopPosteriors(3, attack_trees())),
    ("predicted_trees", ClassTrees(predicted=True)), ("network", TopPosteriors()),
    ("gap", Threshold("gap")), ("loss", Threshold("loss")), ("per_class", PerClass()),
    ("label_trees", ClassTrees())])
def test_every_attack_has_its_own_metrics(found, name, attack):
    report = metrics.evaluate(attack.fit(SHADOW), TARGET)
    assert abs(found[f"macro_recall_{name}"] - report.macro_recall.value) < 1e-4
    assert abs(found[f"auc_{name}"] - report.auc.value) < 1e-4
    assert abs(found[f"tpr_at_1_percent_{name}"] - report.tpr_at_fpr[0.01].value) < 1e-4


def test_the_gap_attack_is_half_the_gap_above_one_half(found):
    train, test = TARGET.accuracy
    assert abs(found["macro_recall_gap"] - (1 + train - test) / 2) < 1e-4


def test_tuned_is_what_does_best_on_the_shadows_held_out_parts_by_that_metric(found):
    fitted = {"": TopPosteriors(3, attack_regression())} | {
        f"_{name}": attack for name, attack in measuring.attacks().items() if name != "network"}
    reports = {suffix: metrics.report(*held_out(attack, SHADOW), SHADOW.member)
               for suffix, attack in fitted.items()}
    best = {
        "macro_recall": max(reports, key=lambda suffix: reports[suffix].macro_recall.value),
        "auc": max(reports, key=lambda suffix: reports[suffix].auc.value),
        "tpr_at_1_percent": max(
            reports, key=lambda suffix: reports[suffix].tpr_at_fpr[0.01].value),
    }
    for metric, suffix in best.items():
        assert found[f"{metric}_tuned"] == found[metric + suffix]
    assert found["auc_tuned"] > found["auc_gap"]


def test_what_cannot_be_resolved_is_none_and_does_not_decide():
    few = experiment(overfitted(0, 3.0, n=200), overfitted(1, 1.0, n=200))
    measured = measure(few)
    assert all(measured[name] is None for name in measured if name.startswith("tpr"))
    assert measured["auc_tuned"] > 0.5


def test_target_and_shadow_have_their_own_places(found):
    other = measure(experiment(SHADOW, TARGET), every_attack=False)
    assert found["auc_maximum"] > other["auc_maximum"] + 0.05


def test_noise_gives_a_threshold_for_each_share():
    random = softmax(3 * np.random.default_rng(5).normal(size=(500, 4)), axis=1)
    measured = measure(experiment(TARGET, SHADOW, random=random))
    for top in (5, 10, 15, 20, 25):
        attack = Threshold("maximum", pick_threshold(random, top=top))
        report = metrics.evaluate(attack, TARGET)
        for metric in ("macro_recall", "precision", "recall", "fpr"):
            assert abs(measured[f"{metric}_noise_{top}"] - getattr(report, metric).value) < 1e-4
    assert len({measured[f"recall_noise_{top}"] for top in (5, 10, 15, 20, 25)}) == 5


def test_each_third_of_a_stack_against_all_non_members(found):
    part = np.arange(2_000) % 3
    measured = measure(experiment(TARGET, SHADOW, part=part))
    top = TARGET.posteriors.max(axis=1)
    inside, outside = top[:2_000], top[2_000:]
    for model in range(3):
        scores = np.r_[inside[part == model], outside]
        member = np.arange(len(scores)) < (part == model).sum()
        assert abs(measured[f"auc_part_{model}"] - roc_auc_score(member, scores)) < 1e-4
        low = metrics.tpr_at_fpr(scores, member, 0.01).value
        assert abs(measured[f"tpr_at_1_percent_part_{model}"] - low) < 1e-4
    assert not any("part" in name or "noise" in name or "calibrated" in name for name in found)


def test_her_shadow_as_a_reference():
    difficulty = np.random.default_rng(0).normal(scale=5, size=len(TARGET))
    references = np.stack([difficulty, -difficulty])
    measured = measure(experiment(TARGET, SHADOW, references=references))
    scores = logit(TARGET.posteriors, TARGET.labels) - difficulty
    assert abs(measured["auc_calibrated"] - roc_auc_score(TARGET.member, scores)) < 1e-4
    low = metrics.tpr_at_fpr(scores, TARGET.member, 0.01).value
    assert abs(measured["tpr_at_1_percent_calibrated"] - low) < 1e-4


def test_networks_are_left_out_of_the_factor_table_of_many_records(monkeypatch):
    small = experiment(overfitted(0, 3.0, n=300), overfitted(1, 1.0, n=300))
    monkeypatch.setattr(measuring, "MODELS", ("line", "network"))
    monkeypatch.setattr(measuring, "MANY", 300)
    assert {row["model"] for row in factor_table(small)} == {"line", "network"}
    monkeypatch.setattr(measuring, "MANY", 299)
    assert {row["model"] for row in factor_table(small)} == {"line"}


def test_accuracy_of_members_and_of_non_members():
    correct = TARGET.posteriors.argmax(axis=1) == TARGET.labels
    assert accuracy(TARGET) == {"train": round(correct[:2_000].mean(), 4),
                                "test": round(correct[2_000:].mean(), 4)}
    assert accuracy(TARGET)["train"] > accuracy(TARGET)["test"]
