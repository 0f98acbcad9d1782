"""Attack models: learned on a shadow's answers, used on the target's.

`fit` takes what the adversary owns, `score_samples` the target's answers.
"""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.attack import answer_digests, check_shadow, refuse_own
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

    `threshold_` is one half: what the classifier learns is taken as if the shadow had as many
    members as non-members.
    """

    threshold_ = 0.5

    def __init__(self, k: int = 3, classifier=None):
        validate.whole(1, k=k)
        self.k = k
        self.classifier = classifier

    def fit(self, shadow: Observation) -> "TopPosteriors":
        """Learn to tell the shadow's members from its non-members: the adversary knows both.

        Raises ValueError for a shadow that lacks one of the two.
        """
        check_shadow(shadow)
        classifier = attack_mlp() if self.classifier is None else clone(self.classifier)
        self.classifier_ = classifier.fit(top_posteriors(shadow.posteriors, self.k), shadow.member)
        self.members_ = shadow.member.mean()
        self.fitted_on_ = answer_digests(shadow)
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The attack model's probability of "member" for each record, (n,).

        Raises ValueError before `fit`, and for the answers that it was fitted on.
        """
        _check_fitted(self)
        refuse_own(target, self.fitted_on_)
        features = top_posteriors(target.posteriors, self.k)
        return _as_if_equal(self.classifier_.predict_proba(features)[:, 1], self.members_)


class PerClass:
    """The baseline of Shokri et al. (2017): one attack model for each class.

    Each looks at the whole posterior vector. So this adversary needs the true label of every
    record that she asks about, and shadows that know the target's classes; `pool` puts the
    observations of many shadows together.

    classifier  any scikit-learn classifier with `predict_proba`; by default the one that
                ML-Leaks compares itself with, logistic regression

    `threshold_` lies just above one half: undecided is "not a member". What the classifiers
    learn is taken as if the shadows had as many members as non-members.
    """

    threshold_ = float(np.nextafter(0.5, 1))

    def __init__(self, classifier=None):
        self.classifier = classifier

    def fit(self, shadow: Observation) -> "PerClass":
        """Learn, for each class, to tell the shadows' members of it from the non-members.

        Raises ValueError for shadows without members or without non-members, and where no class
        has both.
        """
        check_shadow(shadow)
        self.classifiers_ = {}
        for label in np.unique(shadow.labels):
            rows = shadow.labels == label
            if len(np.unique(shadow.member[rows])) == 2:
                fresh = attack_regression() if self.classifier is None else clone(self.classifier)
                self.classifiers_[label] = fresh.fit(shadow.posteriors[rows], shadow.member[rows])
        if not self.classifiers_:
            raise ValueError("shadow must hold members and non-members of at least one class, got "
                             f"only one of the two in each of {len(np.unique(shadow.labels))}")
        self.members_ = shadow.member.mean()
        self.width_ = shadow.posteriors.shape[1]
        self.fitted_on_ = answer_digests(shadow)
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The probability of "member" by the attack model of each record's own class, (n,).

        It is one half, undecided, for a class of which the shadows had no members or no
        non-members. Raises ValueError before `fit`, for the answers that it was fitted on, and
        for another number of classes.
        """
        _check_fitted(self)
        if target.posteriors.shape[1] != self.width_:
            raise ValueError(f"target must have the shadows' {self.width_} classes, got "
                             f"{target.posteriors.shape[1]}")
        refuse_own(target, self.fitted_on_)
        scores = np.full(len(target), 0.5)
        for label, classifier in self.classifiers_.items():
            rows = target.labels == label
            if rows.any():
                known = classifier.predict_proba(target.posteriors[rows])[:, 1]
                scores[rows] = _as_if_equal(known, self.members_)
        return scores


def _as_if_equal(probability, members):
    """The probability of "member" if members were one half and not the share `members`.

    Bayes' rule with another base rate (Elkan 2001, theorem 2). Fitted on ten members to one
    non-member, a classifier says "member" to nearly everyone.
    """
    if members == 0.5:
        return probability
    yes, no = probability * (1 - members), (1 - probability) * members
    return yes / (yes + no)


def _check_fitted(attack):
    if not hasattr(attack, "fitted_on_"):
        raise ValueError(f"{type(attack).__name__} has learned nothing yet: fit it on a shadow")
