"""Attack models: learned on a shadow's answers, used on the target's.

`fit` takes what the adversary owns, `score_samples` and `predict` take the target's posteriors.
Higher score = more likely a member, in every attack. An attack's threshold is fixed before it
sees the target, and no attack reads `member` of what it scores.
"""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from mlleaks_helpers.attacks.statistics import top_posteriors
from mlleaks_helpers.observation import Observation


def attack_mlp(seed: int = 0) -> MLPClassifier:
    """The paper's attack model: one hidden layer of 64 units (Section III-B)."""
    return MLPClassifier((64,), learning_rate_init=0.01, batch_size=100, max_iter=200,
                         n_iter_no_change=5, random_state=seed)


def attack_regression() -> LogisticRegression:
    """The attack model of the authors' released code: logistic regression."""
    return LogisticRegression(C=1e6, max_iter=1000)


class TopPosteriors:
    """Adversaries 1 and 2 of ML-Leaks: a classifier on the top k posteriors of a shadow model.

    They differ only in the data of the shadow that `fit` is given: the target's distribution
    (adversary 1, Section III) or any other (adversary 2, Section IV).

    k           posteriors to look at; the paper uses 3
    classifier  any scikit-learn classifier with `predict_proba`; the paper's by default
    """

    def __init__(self, k: int = 3, classifier=None):
        self.k = k
        self.classifier = classifier

    def fit(self, shadow: Observation) -> "TopPosteriors":
        """Learn to tell the shadow's members from its non-members: the adversary knows both.

        Raises ValueError for a shadow that lacks one of the two.
        """
        _check_shadow(shadow)
        classifier = attack_mlp() if self.classifier is None else clone(self.classifier)
        self.classifier_ = classifier.fit(top_posteriors(shadow.posteriors, self.k), shadow.member)
        self.threshold_ = 0.5
        self.fitted_on_ = shadow.posteriors
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The attack model's probability of "member" for each record, (n,).

        Raises ValueError before `fit`, and for the very observation that it was fitted on.
        """
        _refuse_own(target, _fitted_on(self))
        features = top_posteriors(target.posteriors, self.k)
        return self.classifier_.predict_proba(features)[:, 1]

    def predict(self, target: Observation) -> np.ndarray:
        """True where the attack says "member", (n,) bool."""
        return self.score_samples(target) >= self.threshold_


class PerClass:
    """The baseline of Shokri et al. (2017): one attack model for each class.

    Each looks at the whole posterior vector. So this adversary needs the true label of every
    record that she asks about, and shadows that know the target's classes; `pool` puts the
    observations of many shadows together.

    classifier  any scikit-learn classifier with `predict_proba`; by default the one that
                ML-Leaks compares itself with, logistic regression
    """

    def __init__(self, classifier=None):
        self.classifier = classifier

    def fit(self, shadow: Observation) -> "PerClass":
        """Learn, for each class, to tell the shadows' members of it from the non-members.

        Raises ValueError for shadows without any members, or without any non-members.
        """
        _check_shadow(shadow)
        self.classifiers_ = {}
        for label in np.unique(shadow.labels):
            rows = shadow.labels == label
            if len(np.unique(shadow.member[rows])) == 2:
                fresh = attack_regression() if self.classifier is None else clone(self.classifier)
                self.classifiers_[label] = fresh.fit(shadow.posteriors[rows], shadow.member[rows])
        self.threshold_ = 0.5
        self.fitted_on_ = shadow.posteriors
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The probability of "member" by the attack model of each record's own class, (n,).

        It is one half, undecided, for a class of which the shadows had no members or no
        non-members. Raises ValueError before `fit`, and for the very observation that it was
        fitted on.
        """
        _refuse_own(target, _fitted_on(self))
        scores = np.full(len(target), 0.5)
        for label, classifier in self.classifiers_.items():
            rows = target.labels == label
            if rows.any():
                scores[rows] = classifier.predict_proba(target.posteriors[rows])[:, 1]
        return scores

    def predict(self, target: Observation) -> np.ndarray:
        """True where the score is above one half, (n,) bool: undecided is "not a member"."""
        return self.score_samples(target) > self.threshold_


def _check_shadow(shadow):
    if shadow.member.all() or not shadow.member.any():
        raise ValueError("shadow must hold members and non-members, got "
                         f"{shadow.member.sum()} members among {len(shadow)} records")


def _fitted_on(attack):
    if not hasattr(attack, "fitted_on_"):
        raise ValueError(f"{type(attack).__name__} has learned nothing yet: fit it on a shadow")
    return attack.fitted_on_


def _refuse_own(target, fitted_on):
    """An attack that has seen the answers proves nothing. (A copy of them is not noticed.)"""
    if fitted_on is not None and np.shares_memory(target.posteriors, fitted_on):
        raise ValueError("target is the observation that the attack was fitted on: fit the "
                         "attack on a shadow model of the adversary's own")
