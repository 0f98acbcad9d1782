"""The factor table: each row is the attack that its columns name."""

import numpy as np
import pytest
from made_up import leaky
from sklearn.metrics import roc_auc_score

from mlleaks_helpers.attacks import PerClass, TopPosteriors, attack_regression, attack_trees
from mlleaks_helpers.metrics import tpr_at_fpr
from mlleaks_helpers.observation import Observation, pool
from tools.factors import LABELS, MODELS, POSTERIORS, chances, factors, marks

SHADOW, TARGET = leaky(0, classes=5), leaky(1, classes=5)


def test_a_row_for_each_combination_with_one_shadow_and_with_all():
    rows = factors(TARGET, [SHADOW, leaky(2, classes=5)], models=("line", "trees"))
    keys = [tuple(row[name] for name in ("shadows", "label", "posteriors", "model"))
            for row in rows]
    assert keys == [(count, label, k, model) for count in (1, 2) for label in LABELS
                    for k in POSTERIORS for model in ("line", "trees")]
    one = next(row for row in rows if row["shadows"] == 2 and row["label"] == "true"
               and row["posteriors"] == 3 and row["model"] == "trees")
    scores = chances("trees", pool([SHADOW, leaky(2, classes=5)]), TARGET, "true", 3)
    assert one == {"shadows": 2, "label": "true", "posteriors": 3, "model": "trees"} | marks(
        scores, TARGET.member)
    assert len(factors(TARGET, [SHADOW], models=("line",))) == 9


def test_without_a_class_the_line_and_the_trees_are_adversary_1s():
    for model, classifier in (("line", attack_regression()), ("trees", attack_trees())):
        attack = TopPosteriors(3, classifier).fit(SHADOW)
        np.testing.assert_allclose(chances(model, SHADOW, TARGET, "none", 3),
                                   attack.score_samples(TARGET), atol=1e-9)


def test_with_the_true_class_and_all_posteriors_the_line_is_the_baseline():
    """But for the scale of the columns, on which its penalty acts."""
    ours = chances("line", SHADOW, TARGET, "true", "all")
    baseline = PerClass().fit(SHADOW).score_samples(TARGET)
    assert abs(roc_auc_score(TARGET.member, ours) - roc_auc_score(TARGET.member, baseline)) < 0.02


@pytest.mark.parametrize("model", MODELS)
def test_every_factor_matters(model):
    said = {(label, k): chances(model, SHADOW, TARGET, label, k)
            for label in LABELS for k in POSTERIORS}
    distinct = {scores.round(6).tobytes() for scores in said.values()}
    assert len(distinct) == len(said)
    assert all(roc_auc_score(TARGET.member, scores) > 0.55 for scores in said.values())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("label", LABELS)
def test_only_the_true_class_is_read_from_the_labels(model, label):
    other = Observation(TARGET.posteriors, (TARGET.labels + 1) % 5, TARGET.member)
    same = np.allclose(chances(model, SHADOW, TARGET, label, 1),
                       chances(model, SHADOW, other, label, 1))
    assert same == (label != "true")


def test_membership_of_the_target_is_not_read():
    other = Observation(TARGET.posteriors, TARGET.labels, ~TARGET.member)
    for model in MODELS:
        np.testing.assert_array_equal(chances(model, SHADOW, TARGET, "predicted", 3),
                                      chances(model, SHADOW, other, "predicted", 3))


def test_marks_by_other_means():
    rng = np.random.default_rng(0)
    member = np.arange(3_000) % 2 == 0
    scores = np.clip(rng.normal(0.4 + 0.2 * member, 0.2), 0, 1)
    found = marks(scores, member)
    tpr, fpr = ((scores[group] >= 0.5).mean() for group in (member, ~member))
    assert found == {"balanced_accuracy": round((tpr + 1 - fpr) / 2, 4),
                     "auc": round(roc_auc_score(member, scores), 4),
                     "tpr_at_1_percent": round(tpr_at_fpr(scores, member, 0.01).value, 4)}
    assert marks(scores[:900], member[:900])["tpr_at_1_percent"] is None
