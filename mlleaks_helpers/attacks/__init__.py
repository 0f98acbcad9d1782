"""What adversaries do with a model's answers, and what its owner may do to them. NumPy only."""

from mlleaks_helpers.attacks.attack import Attack
from mlleaks_helpers.attacks.choose import choose, held_out
from mlleaks_helpers.attacks.classifiers import (
    ClassTrees,
    PerClass,
    TopPosteriors,
    attack_mlp,
    attack_regression,
    attack_trees,
)
from mlleaks_helpers.attacks.masks import keep_top, label_only, memguard, round_to, temperature
from mlleaks_helpers.attacks.statistics import STATISTICS, WITHOUT_LABEL, logit, top_posteriors
from mlleaks_helpers.attacks.thresholds import Threshold, best_threshold, pick_threshold

__all__ = ["STATISTICS", "WITHOUT_LABEL", "Attack", "ClassTrees", "PerClass", "Threshold",
           "TopPosteriors", "attack_mlp", "attack_regression", "attack_trees", "best_threshold",
           "choose", "held_out", "keep_top", "label_only", "logit", "memguard", "pick_threshold",
           "round_to", "temperature", "top_posteriors"]
