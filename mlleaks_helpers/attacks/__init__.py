"""What adversaries do with a model's answers, and what its owner may do to them. NumPy only."""

from mlleaks_helpers.attacks.attack import Attack
from mlleaks_helpers.attacks.calibration import LearnedCalibration, calibrated, proxies
from mlleaks_helpers.attacks.choose import choose, held_out
from mlleaks_helpers.attacks.class_thresholds import ClassThresholds
from mlleaks_helpers.attacks.classifiers import (
    ClassTrees,
    PerClass,
    TopPosteriors,
    attack_mlp,
    attack_regression,
    attack_trees,
)
from mlleaks_helpers.attacks.learned import learned_ratio
from mlleaks_helpers.attacks.lira import lira
from mlleaks_helpers.attacks.masks import keep_top, label_only, memguard, round_to, temperature
from mlleaks_helpers.attacks.population import QuantileThresholds, accused, p_values
from mlleaks_helpers.attacks.queries import (
    flipped,
    flips_needed,
    right_answers,
    robustness,
    shifted,
)
from mlleaks_helpers.attacks.references import References, references, rehearse, threshold_for
from mlleaks_helpers.attacks.rmia import log_ratio, rmia
from mlleaks_helpers.attacks.statistics import STATISTICS, WITHOUT_LABEL, logit, top_posteriors
from mlleaks_helpers.attacks.thresholds import Threshold, best_threshold, pick_threshold

__all__ = ["STATISTICS", "WITHOUT_LABEL", "Attack", "ClassThresholds", "ClassTrees",
           "LearnedCalibration", "PerClass", "QuantileThresholds", "References", "Threshold",
           "TopPosteriors", "accused", "attack_mlp", "attack_regression", "attack_trees",
           "best_threshold", "calibrated", "choose", "flipped", "flips_needed", "held_out",
           "keep_top", "label_only", "learned_ratio", "lira", "log_ratio", "logit", "memguard",
           "p_values", "pick_threshold", "proxies", "references", "rehearse", "right_answers",
           "rmia", "robustness", "round_to", "shifted", "temperature", "threshold_for",
           "top_posteriors"]
