"""Masks: what an owner may do to the answers. Posteriors (n, classes) in, posteriors out.

The predicted class stays, so that accuracy does.
"""

import numpy as np

from mlleaks_helpers.observation import Observation


def label_only(posteriors: np.ndarray) -> np.ndarray:
    """Answer with the predicted class alone: 1 there, 0 elsewhere (Shokri et al. 2017)."""
    return np.eye(np.shape(posteriors)[1])[np.argmax(posteriors, axis=1)]


def keep_top(posteriors: np.ndarray, k: int) -> np.ndarray:
    """Answer with the k largest posteriors; the others get equal shares of what is left.

    Shokri et al. (2017) leave the others out. With equal shares the row sums to 1 and tells no
    more. Raises ValueError for k below 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    posteriors = np.array(posteriors, float)
    rest = np.argsort(-posteriors, axis=1, kind="stable")[:, k:]
    if rest.size:
        left = np.take_along_axis(posteriors, rest, axis=1)
        share = np.minimum(left.mean(axis=1), left.max(axis=1))  # rounding must not lift it
        np.put_along_axis(posteriors, rest, share[:, None], axis=1)
    return posteriors


def round_to(posteriors: np.ndarray, digits: int) -> np.ndarray:
    """Answer with so many digits: the predicted class rounded up, all the others down.

    Shokri et al. (2017) round all down, which may tie the predicted class with another. What
    rounding takes away is shared by all classes equally, so that each row sums to 1. Raises
    ValueError for fewer than 1 digit.
    """
    if digits < 1:
        raise ValueError(f"digits must be at least 1, got {digits}")
    posteriors = np.asarray(posteriors, float)
    steps = np.round(posteriors / posteriors.sum(axis=1, keepdims=True) * 10**digits, 9)
    predicted = label_only(posteriors) == 1
    rounded = np.where(predicted, np.ceil(steps), np.floor(steps)) / 10**digits
    return rounded + np.maximum(1 - rounded.sum(axis=1, keepdims=True), 0) / rounded.shape[1]


def temperature(posteriors: np.ndarray, t: float) -> np.ndarray:
    """Divide the logits by t: above 1 the model seems less sure (Shokri et al. 2017).

    `temperature(…, 1 / t)` undoes it. Raises ValueError unless t is positive.
    """
    if not t > 0:
        raise ValueError(f"t must be positive, got {t}")
    posteriors = np.asarray(posteriors, float)
    heated = (posteriors / posteriors.max(axis=1, keepdims=True)) ** (1 / t)
    return heated / heated.sum(axis=1, keepdims=True)


def memguard(posteriors: np.ndarray, attack, *, budget: float = 1.0, seed: int = 0) -> np.ndarray:
    """Move each answer until the defender's own attack is undecided, its score one half.

    A short form of MemGuard (Jia et al. 2019): it moves in a straight line, a record that is
    taken for a member towards equal posteriors, another towards certainty; MemGuard searches in
    all directions. An answer stays where no point of its line leaves the attack undecided. As in
    MemGuard, a coin that the record itself decides leaves more of them as they are, so that no
    record is moved by more than `budget` on average.

    attack  fitted, with scores from 0 to 1, such as `TopPosteriors`
    budget  sum of absolute changes to a row, at most 2
    seed    of the coin: who asks twice gets the same answer

    Raises ValueError for a budget outside [0, 2].
    """
    if not 0 <= budget <= 2:
        raise ValueError(f"budget must lie between 0 and 2, got {budget}")
    posteriors = np.array(posteriors, float)  # a copy: the owner may ask about his own members
    label = label_only(posteriors)

    def says_member(answers):
        unknown = np.zeros(len(answers), bool)
        return attack.score_samples(Observation(answers, label.argmax(axis=1), unknown)) > 0.5

    called = says_member(posteriors)
    flat = 0.01 * label + 0.99 / label.shape[1]  # as equal as can be without a change of label
    way = np.where(called[:, None], flat, label) - posteriors
    near, far = np.zeros(len(way)), np.ones(len(way))
    for _ in range(30):
        middle = (near + far) / 2
        same = says_member(posteriors + middle[:, None] * way) == called
        near, far = np.where(same, middle, near), np.where(same, far, middle)
    coin = posteriors @ np.random.default_rng(seed).random(label.shape[1]) * 1e6 % 1
    step = np.where(coin * 1e3 % 1 < 0.5, near, far)
    noise = np.where(far < 1, step, 0)[:, None] * way
    distance = np.abs(noise).sum(axis=1)
    return posteriors + noise * (coin * distance < budget)[:, None]
