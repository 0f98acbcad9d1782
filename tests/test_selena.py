"""SELENA: who is left out of what, whose answers are learned, and what comes out."""

import sys
from functools import lru_cache

import keras
import numpy as np
import pytest

from mlleaks_helpers.attacks import logit
from mlleaks_helpers.data import Dataset, load, split
from mlleaks_helpers.models import dropout, label_smoothing, mixup, mlp, selena, stacking, train
from mlleaks_helpers.models.selena import Selena, left_out, of_others

MODULE = sys.modules["mlleaks_helpers.models.selena"]
PARTS = split(load("digits"), size=100, seed=0)
FAST = mlp(16, learning_rate=0.03)
SLOW = {"epochs": 12, "batch_size": 25}


def by_keras(input_shape, classes):
    """FAST as Keras alone can train it: a layer that NumPy leaves to it."""
    layers = keras.layers
    model = keras.Sequential([keras.Input(input_shape), layers.Flatten(),
                              layers.Dense(16, "tanh"), layers.LayerNormalization(),
                              layers.Dense(classes, "softmax")])
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    return model


@lru_cache
def defended(seed=1, base=FAST):
    return train(selena(base, models=5, out=2), PARTS.target_train, seed=seed, **SLOW)


# ---------------------------------------------------------------- who is left out


@pytest.mark.parametrize(("models", "out"), [(25, 10), (3, 1), (2, 1), (5, 4)])
def test_each_record_is_left_out_of_exactly_that_many(models, out):
    included = left_out(400, models, out, np.random.default_rng(0))
    assert included.shape == (models, 400) and included.dtype == bool
    assert ((~included).sum(axis=0) == out).all()


def test_each_model_lacks_its_share_and_no_two_records_need_lack_the_same():
    included = left_out(4_000, 5, 2, np.random.default_rng(3))
    np.testing.assert_allclose(included.mean(axis=1), 0.6, atol=0.04)
    patterns, count = np.unique(included, axis=1, return_counts=True)
    assert patterns.shape[1] == 10 and count.min() > 300      # all of 5 over 2, alike often


def test_the_mean_is_of_those_alone_that_did_not_see_the_record():
    answers = np.arange(3 * 2 * 2, dtype=float).reshape(3, 2, 2)
    included = np.array([[True, False], [False, False], [False, True]])
    by_hand = [(answers[1, 0] + answers[2, 0]) / 2, (answers[0, 1] + answers[1, 1]) / 2]
    np.testing.assert_allclose(of_others(answers, included), by_hand)


def test_the_mean_is_as_in_a_loop():
    rng = np.random.default_rng(5)
    answers, included = rng.random((6, 30, 4)), left_out(30, 6, 2, rng)
    slow = [answers[~included[:, row], row].mean(axis=0) for row in range(30)]
    np.testing.assert_allclose(of_others(answers, included), slow)


# ---------------------------------------------------------------- the plumbing


def test_the_sub_models_learn_what_they_are_given_and_no_more(monkeypatch):
    asked = {}

    def spied(build, dataset, included, **options):
        asked.update(build=build, dataset=dataset, included=included, **options)
        return np.full((*included.shape, 10), 0.1)

    monkeypatch.setattr(MODULE, "train_many", spied)
    model = selena(FAST, models=5, out=2)((64,), 10)
    np.random.seed(3)  # noqa: NPY002
    x, y = PARTS.target_train.x.reshape(100, -1).astype(np.float32), PARTS.target_train.y
    model.fit(x, y, epochs=4, batch_size=20)
    assert asked["build"] is FAST and (asked["epochs"], asked["batch_size"]) == (4, 20)
    np.testing.assert_array_equal(asked["dataset"].x, x)
    np.testing.assert_array_equal(asked["dataset"].y, y)
    np.testing.assert_array_equal(asked["query"], x)
    assert asked["included"] is model.included_
    assert len({*map(tuple, asked["seed"])}) == 5


@pytest.mark.parametrize("base", [FAST, by_keras])
def test_the_network_learns_the_soft_labels_and_not_the_labels(base, monkeypatch):
    """Sub-models that say "3" or "4" of everybody teach a network that does."""
    said = np.zeros(10)
    said[3], said[4] = 0.75, 0.25
    monkeypatch.setattr(MODULE, "train_many", lambda build, dataset, included, **options:
                        np.broadcast_to(said, (*included.shape, 10)))
    trained = train(selena(base, models=5, out=2), PARTS.target_train, seed=1, epochs=40,
                    batch_size=25)
    np.testing.assert_allclose(trained(PARTS.target_train.x).mean(axis=0), said, atol=0.03)


def test_what_it_answers_to_members_comes_near_the_soft_labels():
    model = defended()
    soft, said = model.model.soft_, model(PARTS.target_train.x)
    assert np.abs(soft - said).mean() < 0.5 * np.abs(
        np.eye(10)[PARTS.target_train.y] - said).mean()


def test_a_record_is_answered_by_others_even_where_its_label_is_wrong():
    """One mislabelled record: a plain network knows it by heart, the soft label does not."""
    y = PARTS.target_train.y.copy()
    y[:5] = (y[:5] + 5) % 10
    part = Dataset("mislabelled", PARTS.target_train.x / 16, y, PARTS.target_train.classes)
    wide, long = mlp(64, learning_rate=0.01), {"seed": 1, "epochs": 100, "batch_size": 25}
    plain, other = train(wide, part, **long), train(selena(wide, models=5, out=2), part, **long)
    assert logit(plain(part.x)[:5], y[:5]).min() > 1
    assert logit(other.model.soft_[:5], y[:5]).max() < 0 > logit(other(part.x)[:5], y[:5]).max()


def differ(one, other):
    """Every drawn part of two defended models: who was left out, weights, answers."""
    assert (one.model.included_ != other.model.included_).any()
    assert not np.allclose(one.model.soft_, other.model.soft_, atol=1e-3)
    assert not np.allclose(one.model.network.get_weights()[0],
                           other.model.network.get_weights()[0], atol=1e-3)


def test_the_same_seed_is_the_same_model_and_another_is_another_in_every_part():
    again = train(selena(FAST, models=5, out=2), PARTS.target_train, seed=1, **SLOW)
    np.testing.assert_array_equal(again(PARTS.target_out.x), defended()(PARTS.target_out.x))
    differ(defended(), defended(seed=2))


def test_what_numpy_cannot_train_keras_trains_alike():
    def made(seed):
        with pytest.warns(UserWarning, match="one after the other"):
            return train(selena(by_keras, models=2, out=1), PARTS.target_train, seed=seed,
                         epochs=8, batch_size=25)

    one, again, other = made(1), made(1), made(2)
    np.testing.assert_allclose(again(PARTS.target_out.x), one(PARTS.target_out.x), atol=1e-6)
    differ(one, other)
    assert one.accuracy(PARTS.target_out) > 0.6
    assert one.model.network.loss == "categorical_crossentropy"


# ---------------------------------------------------------------- what it does


def test_members_are_not_known_by_heart_and_accuracy_stays_near():
    plain = train(FAST, PARTS.target_train, seed=1, **SLOW)
    assert plain.accuracy(PARTS.target_train) > 0.95 > 0.9 > defended().accuracy(
        PARTS.target_train)
    assert defended().accuracy(PARTS.target_out) > plain.accuracy(PARTS.target_out) - 0.25


def test_it_answers_as_its_network_alone():
    model, x = defended().model, PARTS.target_out.x.astype(np.float32)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(model.network(x)))
    assert isinstance(model, Selena)


def test_other_defenses_can_be_within():
    within = train(selena(dropout(FAST), models=3, out=1), PARTS.target_train, seed=1, **SLOW)
    assert within.accuracy(PARTS.target_out) > 0.6


def test_what_smooths_labels_smooths_them_once():
    """The sub-models learn smooth labels, the network what they say, and no smoother."""
    smooth = train(selena(label_smoothing(FAST, 0.5), models=3, out=1), PARTS.target_train,
                   seed=1, epochs=40, batch_size=25)
    soft, said = smooth.model.soft_, smooth(PARTS.target_train.x)
    assert soft.max(axis=1).mean() < 0.8
    np.testing.assert_allclose(said.max(axis=1).mean(), soft.max(axis=1).mean(), atol=0.04)


@pytest.mark.parametrize(("models", "out", "said"), [
    (1, 1, "models must be at least 2"), (5, 0, "out must be at least 1"),
    (5, 5, "out must be less than models"), (5, 2.5, "out must be a whole number")])
def test_numbers_out_of_range_are_refused(models, out, said):
    with pytest.raises(ValueError, match=said):
        selena(FAST, models=models, out=out)


@pytest.mark.parametrize("build", [stacking(FAST), mixup(FAST)])
def test_only_keras_models_can_learn_soft_labels(build):
    with pytest.raises(ValueError, match="selena needs a Builder of Keras models, got"):
        train(selena(build), PARTS.target_train)
