"""Attack models: learned on a shadow's answers, used on the target's.

`fit` takes what the adversary owns, `score_samples` the target's answers.
"""

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from mlleaks_helpers import validate
from mlleaks_helpers.attacks.attack import answer_digests, check_shadow, refuse_own
from mlleaks_helpers.attacks.statistics import logit, top_posteriors
from mlleaks_helpers.observation import Observation

MOST_CATEGORIES = 255  # that HistGradientBoosting takes
PENALTIES = tuple(10.0**power for power in range(7))  # values of C, the penalty weaker and weaker


def attack_mlp(seed: int = 0) -> MLPClassifier:
    """The paper's attack model: one hidden layer of 64 units (Section III-B)."""
    return MLPClassifier((64,), learning_rate_init=0.01, batch_size=100, max_iter=200,
                         n_iter_no_change=5, random_state=seed)


def attack_regression() -> LogisticRegression:
    """The attack model of the authors' released code: logistic regression."""
    return LogisticRegression(C=1e6, max_iter=1000)


def attack_trees(seed: int = 0) -> HistGradientBoostingClassifier:
    """Boosted trees: they can learn that members gather just below certainty.

    Easy non-members lie above, where a line can only see more of the same. Of a few settings
    these did best on held-out thirds of shadow models. Not in the paper.
    """
    return _Trees(max_leaf_nodes=8, max_iter=60, early_stopping=False, random_state=seed)


class _Trees(HistGradientBoostingClassifier):
    """In one thread: two that share a busy processor wait for each other 30 times longer."""

    def fit(self, *args):
        with threadpool_limits(1, "openmp"):
            return super().fit(*args)

    def predict_proba(self, x):
        with threadpool_limits(1, "openmp"):
            return super().predict_proba(x)


class _OneForAll:
    """One classifier for the records of all classes; what it looks at, those below say."""

    threshold_ = 0.5

    def fit(self, shadow: Observation):
        """Learn to tell the shadow's members from its non-members: the adversary knows both.

        Raises ValueError for a shadow that lacks one of the two.
        """
        check_shadow(shadow)
        self.width_ = shadow.posteriors.shape[1]
        self.classifier_ = self._unfitted().fit(self._features(shadow), shadow.member)
        self.members_ = shadow.member.mean()
        self.fitted_on_ = answer_digests(shadow)
        return self

    def score_samples(self, target: Observation) -> np.ndarray:
        """The classifier's probability of "member" for each record, (n,).

        Raises ValueError before `fit`, for the answers that it was fitted on and, where the attack
        looks at the class, for another number of classes.
        """
        _check_fitted(self)
        if self.looks_at_class:
            _check_classes(target, self.width_)
        refuse_own(target, self.fitted_on_)
        chances = self.classifier_.predict_proba(self._features(target))[:, 1]
        return _as_if_equal(chances, self.members_)


class TopPosteriors(_OneForAll):
    """Adversaries 1 and 2 of ML-Leaks: a classifier on the top k posteriors of a shadow model.

    They differ only in the data of the shadow that `fit` is given: the target's distribution
    (adversary 1, Section III) or any other (adversary 2, Section IV).

    k           posteriors to look at; the paper uses 3
    classifier  any scikit-learn classifier with `predict_proba`; the paper's by default

    `threshold_` is one half, as if the shadow had as many members as non-members.
    """

    looks_at_class = False

    def __init__(self, k: int = 3, classifier=None):
        validate.whole(1, k=k)
        self.k = k
        self.classifier = classifier

    def _unfitted(self):
        return attack_mlp() if self.classifier is None else clone(self.classifier)

    def _features(self, seen):
        return top_posteriors(seen.posteriors, self.k)


class ClassTrees(_OneForAll):
    """Adversary 1 at her best with one shadow: trees on the top k posteriors and on the class.

    How sure a model is of its members differs from class to class. Trees may split on the class,
    so that one attack model serves all of them, also those of which the shadow has few records;
    they also see the `logit` of that class. Not in the paper, whose adversary forgets the class.

    k          posteriors to look at
    predicted  whether the class is the one that the target predicts, which the adversary sees,
               or else each record's true label, which she must know

    `threshold_` is one half, as if the shadow had as many members as non-members.
    """

    looks_at_class = True

    def __init__(self, k: int = 3, *, predicted: bool = False):
        validate.whole(1, k=k)
        self.k = k
        self.predicted = predicted

    def _unfitted(self):
        categorical = [0] if self.width_ <= MOST_CATEGORIES else None
        return attack_trees().set_params(categorical_features=categorical)

    def _features(self, seen):
        own = seen.posteriors.argmax(axis=1) if self.predicted else seen.labels
        return np.column_stack([own, logit(seen.posteriors, own),
                                top_posteriors(seen.posteriors, self.k)])


class PerClass:
    """The baseline of Shokri et al. (2017): one attack model for each class.

    Each looks at the whole posterior vector. So this adversary needs the true label of every
    record that she asks about, and shadows that know the target's classes; `pool` puts the
    observations of many shadows together.

    classifier  any scikit-learn classifier with `predict_proba`. By default logistic regression
                with the penalty, of `PENALTIES`, that serves best in three-fold cross-validation
                on the shadows: each class has few records, and `attack_regression()`, which
                ML-Leaks compares itself with, has next to no penalty and fits them all by heart

    `penalty_` is the C that was chosen; None where `classifier` was given. `threshold_` lies just
    above one half: undecided is "not a member". What the classifiers learn is taken as if the
    shadows had as many members as non-members.
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
        known = shadow.posteriors, shadow.labels, shadow.member
        self.penalty_ = best_penalty(*known) if self.classifier is None else None
        chosen = penalised(self.penalty_) if self.classifier is None else self.classifier
        self.classifiers_ = fit_each(chosen, *known)
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
        _check_classes(target, self.width_)
        refuse_own(target, self.fitted_on_)
        scores = ask_each(self.classifiers_, target.posteriors, target.labels)
        known = np.isin(target.labels, list(self.classifiers_))
        scores[known] = _as_if_equal(scores[known], self.members_)
        return scores


def penalised(penalty: float) -> LogisticRegression:
    """Logistic regression with a penalty on its weights: the smaller C, the stronger."""
    return LogisticRegression(C=penalty, solver="liblinear", max_iter=1_000)


def best_penalty(features, classes, member, *, folds: int = 3) -> float:
    """The C, one for all classes, that serves best in cross-validation.

    With it, a line for each class that learned from all folds but one is the least surprised
    (log loss) by the membership of the records in that one.

    features  (n, columns); classes  (n,) int; member  (n,) bool
    """
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(features, member))

    def surprise(penalty):
        said = np.empty(len(member))
        for known, rest in parts:
            lines = fit_each(penalised(penalty), features[known], classes[known], member[known])
            said[rest] = ask_each(lines, features[rest], classes[rest])
        return log_loss(member, said)

    return min(PENALTIES, key=surprise)


def fit_each(classifier, features, classes, member) -> dict:
    """{class: a copy fitted on its records}, of classes that have members and non-members."""
    return {label: clone(classifier).fit(features[rows], member[rows])
            for label in np.unique(classes) for rows in [classes == label]
            if len(np.unique(member[rows])) == 2}


def ask_each(classifiers: dict, features, classes) -> np.ndarray:
    """The probability of "member" by the classifier of each record's class, (n,).

    One half for a class that has no classifier.
    """
    scores = np.full(len(features), 0.5)
    for label, classifier in classifiers.items():
        rows = classes == label
        if rows.any():
            scores[rows] = classifier.predict_proba(features[rows])[:, 1]
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


def _check_classes(target, width):
    if target.posteriors.shape[1] != width:
        raise ValueError(f"target must have the shadows' {width} classes, got "
                         f"{target.posteriors.shape[1]}")


def _check_fitted(attack):
    if not hasattr(attack, "fitted_on_"):
        raise ValueError(f"{type(attack).__name__} has learned nothing yet: fit it on a shadow")
