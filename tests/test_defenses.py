"""Defenses that are trained: what each promises, by hand where it can be, and that it works."""

import warnings
from functools import lru_cache

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from mlleaks_helpers.data import Dataset, load, split
from mlleaks_helpers.models import (
    Mixtures,
    Mixup,
    SmoothedCrossEntropy,
    Stack,
    cnn,
    dropout,
    l2,
    label_smoothing,
    mixup,
    mlp,
    softmax_regression,
    stacking,
    train,
    train_many,
)

L = keras.layers
PARTS = split(load("digits"), size=100, seed=0)
FAST = mlp(16, learning_rate=0.03)
DEFENDED = {"plain": FAST, "smooth": label_smoothing(FAST, 0.3), "mixup": mixup(FAST),
            "l2": l2(FAST, 0.1), "stacking": stacking(FAST)}


@lru_cache
def trained(name):
    return train(DEFENDED[name], PARTS.target_train, epochs=12, batch_size=25, seed=1)


def surest(name):
    """The mean of the largest posterior on records of its own."""
    return trained(name)(PARTS.target_train.x).max(axis=1).mean()


class Spy:
    """Stands in for a network: keeps what it was fitted on and asked, answers as it is told."""

    classes = 10

    def fit(self, x, y, **options):
        self.x, self.y, self.options, self.asked, self.history = x, y, options, [], {"loss": [3]}
        self.seen = {row.tobytes() for row in x}
        return self

    def __call__(self, x, training=False):
        self.asked.extend(row.tobytes() for row in x)
        return np.full((len(x), self.classes), 1 / self.classes, np.float32)


# ---------------------------------------------------------------- dropout


def test_dropout_sits_before_the_first_and_before_the_last_layer():
    layers = dropout(mlp(8), inputs=0.2, hidden=0.4)((64,), 10).layers
    assert [type(layer).__name__ for layer in layers] == [
        "Dropout", "Flatten", "Dense", "Dropout", "Dense"]
    assert [layer.rate for layer in layers if isinstance(layer, L.Dropout)] == [0.2, 0.4]


def test_without_a_hidden_layer_the_input_is_dropped_once():
    layers = dropout(softmax_regression(), inputs=0.2, hidden=0.4)((64,), 10).layers
    assert [type(layer).__name__ for layer in layers] == ["Dropout", "Flatten", "Dense"]
    assert layers[0].rate == 0.2


CNN = ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]


@pytest.mark.parametrize("pixels, places", [(False, (5, 7)), (True, (0, 7))])
def test_of_images_the_inputs_of_the_fully_connected_layers_are_dropped(pixels, places):
    layers = dropout(cnn(4, 8), inputs=0.2, hidden=0.4, pixels=pixels)((12, 12, 1), 10).layers
    found = {place: layer.rate for place, layer in enumerate(layers)
             if isinstance(layer, L.Dropout)}
    assert found == dict(zip(places, (0.2, 0.4), strict=True))
    assert [type(layer).__name__ for place, layer in enumerate(layers)
            if place not in places] == CNN


@pytest.mark.parametrize("pixels, places", [(False, {2: 0.2}), (True, {0: 0.2, 3: 0.4})])
def test_convolutions_without_a_hidden_layer(pixels, places):
    def build(shape, classes):
        model = keras.Sequential([keras.Input(shape), L.Conv2D(2, 3), L.Flatten(),
                                  L.Dense(classes, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    layers = dropout(build, inputs=0.2, hidden=0.4, pixels=pixels)((12, 12, 1), 10).layers
    assert {place: layer.rate for place, layer in enumerate(layers)
            if isinstance(layer, L.Dropout)} == places


def test_a_model_without_an_input_layer_is_dropped_at_both_places_too():
    def build(shape, classes):
        model = keras.Sequential([L.Dense(4), L.Dense(classes, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    assert [type(layer).__name__ for layer in dropout(build)((3,), 2).layers] == [
        "Dropout", "Dense", "Dropout", "Dense"]


def test_dropout_keeps_how_the_model_is_trained():
    plain, dropped = mlp(8, learning_rate=0.02)((64,), 10), dropout(mlp(8, learning_rate=0.02))
    model = dropped((64,), 10)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert model.loss == plain.loss and model.count_params() == plain.count_params()


def test_records_are_dropped_in_training_only():
    model = dropout(mlp(8))((64,), 10)
    x = np.random.default_rng(0).random((20, 64), np.float32)
    asked = [np.array(model(x, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*asked)
    noisy = [np.array(model(x, training=True)) for _ in range(2)]
    assert not np.array_equal(*noisy)


def functional(shape, classes):
    record = keras.Input(shape)
    model = keras.Model(record, L.Dense(classes, "softmax")(record))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


# ---------------------------------------------------------------- stacking


def dealt(count=300, **parts):
    x = np.random.default_rng(0).random((count, 4), np.float32)
    stack = Stack(*(parts.get(name, Spy()) for name in ("network", "forest", "top")))
    return x, stack, stack.fit(x, np.arange(count) % 10, epochs=7)


def test_no_record_trains_two_of_the_three():
    """Fails where the parts overlap, a record is left out, or two parts change places."""
    x, stack, _ = dealt(299)
    assert np.bincount(stack.part_).tolist() == [100, 100, 99]
    for place, model in enumerate((stack.network, stack.forest)):
        rows = np.flatnonzero(stack.part_ == place)
        assert model.seen == {x[row].tobytes() for row in rows}
        np.testing.assert_array_equal(model.y, rows % 10)
    rows = np.flatnonzero(stack.part_ == 2)
    np.testing.assert_array_equal(stack.top.y, rows % 10)
    assert stack.top.x.shape == (99, 20)  # two times ten posteriors, and no record


def test_the_top_is_trained_on_records_that_the_others_never_saw():
    x, stack, _ = dealt()
    mine = [x[row].tobytes() for row in np.flatnonzero(stack.part_ == 2)]
    assert stack.network.asked == stack.forest.asked == mine


def test_only_the_network_gets_the_options_and_gives_the_history():
    _, stack, fitted = dealt()
    assert fitted is stack.network and stack.network.options == {"epochs": 7}
    assert stack.forest.options == stack.top.options == {}


def test_the_networks_posteriors_come_first_then_the_forests():
    class Sure(Spy):
        def __init__(self, answer):
            self.answer = answer

        def __call__(self, x, training=False):
            return np.tile(np.float32(self.answer), (len(x), 1))

    _, stack, _ = dealt(network=Sure([0.75, 0.25]), forest=Sure([0.5, 0.5]))
    np.testing.assert_array_equal(stack.top.x, np.tile([0.75, 0.25, 0.5, 0.5], (100, 1)))


def test_one_seed_deals_alike_and_two_seeds_do_not():
    build = stacking(lambda shape, classes: Spy(), forest=RandomForestClassifier(3))
    first, again, other = (train(build, PARTS.target_train, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.model.part_, again.model.part_)
    assert not np.array_equal(first.model.part_, other.model.part_)
    np.testing.assert_array_equal(first(PARTS.target_out.x), again(PARTS.target_out.x))
    assert not np.array_equal(first(PARTS.target_out.x), other(PARTS.target_out.x))


def test_a_stack_trains_and_answers_like_any_model():
    assert trained("stacking").accuracy(PARTS.target_out) > 0.4  # a third trained the network
    assert len(trained("stacking").history["loss"]) == 12


def test_a_stack_answers_for_classes_that_a_third_never_saw():
    y = PARTS.target_train.y
    rare = PARTS.target_train.take(np.r_[np.flatnonzero(y != 7), np.flatnonzero(y == 7)[:1]])
    build = stacking(lambda shape, classes: Spy(), forest=RandomForestClassifier(5))
    posteriors = train(build, rare)(rare.x)
    assert posteriors.shape == (len(rare), 10)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)


def test_other_classifiers_take_their_own_places():
    stack = stacking(mlp(4), forest=LogisticRegression(C=3), top=RandomForestClassifier(7))((4,), 2)
    assert stack.forest.estimator.C == 3 and stack.top.estimator.n_estimators == 7
    plain = stacking(mlp(4))((4,), 2)
    assert isinstance(plain.forest.estimator, RandomForestClassifier)
    assert isinstance(plain.top.estimator, LogisticRegression)


@pytest.mark.parametrize("count, classes, message", [
    (2, 2, "three models, .*got 2"),
    (9, 1, "dealt 3 records of 1 classes to its LogisticRegression, which learns nothing"),
])
def test_a_stack_says_what_it_cannot_deal(count, classes, message):
    data = Dataset("few", np.random.default_rng(0).random((count, 3)), np.arange(count) % classes,
                   ("a", "b"))
    with pytest.raises(ValueError, match=message):
        train(stacking(lambda shape, n: Spy()), data)


# ---------------------------------------------------------------- l2


@pytest.mark.parametrize("build, shape", [
    (mlp(8), (8, 8, 1)), (cnn(2, 4), (12, 12, 1)), (softmax_regression(), (4,)),
])
def test_l2_replaces_the_penalty_of_every_kernel_and_no_bias(build, shape):
    model, plain = l2(build, 0.03)(shape, 3), build(shape, 3)
    assert [w.shape for w in model.get_weights()] == [w.shape for w in plain.get_weights()]
    assert model.loss == plain.loss
    assert model.optimizer.learning_rate == plain.optimizer.learning_rate
    model.set_weights([np.full(w.shape, 2.0) for w in model.get_weights()])
    assert sum(map(float, model.losses)) == pytest.approx(
        0.03 * sum(4 * w.size for w in model.get_weights()[::2]), rel=1e-5)
    assert sum(map(float, plain.losses)) < 1e-4  # the builder's own stays as it was


def test_l2_reaches_models_within_the_model_and_separable_layers():
    def build(shape, classes):
        model = keras.Sequential([keras.Input(shape), keras.Sequential(
            [keras.Input(shape), L.SeparableConv2D(2, 3), L.DepthwiseConv2D(2), L.Flatten()]),
            L.Dense(classes, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    model = l2(build, 0.5)((6, 6, 1), 2)
    kernels = [v.numpy() for v in model.trainable_variables if not v.path.endswith("bias")]
    assert len(kernels) == 4
    assert sum(map(float, model.losses)) == pytest.approx(
        0.5 * sum((w**2).sum() for w in kernels), rel=1e-5)


def test_l2_keeps_weights_small():
    norms = [np.linalg.norm(trained(name).model.get_weights()[0]) for name in ("plain", "l2")]
    assert norms[1] < 0.7 * norms[0]


def test_l2_models_are_trained_by_numpy():
    data = PARTS.target_train
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_many(l2(mlp(4), 0.01), data, np.ones((2, len(data)), bool), query=data.x[:3],
                   epochs=1)


# ---------------------------------------------------------------- label smoothing


def test_label_smoothing_takes_the_place_of_the_loss_and_of_nothing_else():
    model, plain = label_smoothing(mlp(4), 0.3)((5,), 3), mlp(4)((5,), 3)
    assert type(model.loss) is SmoothedCrossEntropy and model.loss.amount == 0.3
    named = {"name": "adam"}
    assert model.optimizer.get_config() | named == plain.optimizer.get_config() | named
    assert label_smoothing(mlp(4))((5,), 3).loss.amount == 0.1


def test_label_smoothing_makes_a_model_less_sure():
    """Where every record is learned, the true class gets 1 - 0.3 + 0.3 / 10."""
    assert surest("plain") > 0.9 > surest("smooth")
    assert surest("smooth") == pytest.approx(0.73, abs=0.12)
    assert trained("smooth").accuracy(PARTS.target_train) > 0.9


# ---------------------------------------------------------------- mixup


def test_mixtures_by_hand():
    """Each record once, with another and its label; the last batch is short."""
    x, y = np.arange(7.0)[:, None, None] * np.ones((2, 3)), np.eye(7)
    mixtures = Mixtures(x, y, alpha=1.0, batch_size=3)
    batches = [mixtures[number] for number in range(len(mixtures))]
    assert [len(batch_x) for batch_x, _ in batches] == [3, 3, 1]
    mixed_x, mixed_y = map(np.concatenate, zip(*batches, strict=True))
    assert sorted(mixtures.pairs[0]) == sorted(mixtures.pairs[1]) == list(range(7))
    assert not np.array_equal(*mixtures.pairs)
    for k, (one, other) in enumerate(mixtures.pairs.T):
        share = mixtures.shares[k]
        np.testing.assert_allclose(mixed_x[k], share * one + (1 - share) * other, rtol=1e-5)
        np.testing.assert_allclose(mixed_y[k], share * y[one] + (1 - share) * y[other], rtol=1e-5)
    before = mixtures.pairs.copy(), mixtures.shares.copy()
    mixtures.on_epoch_end()
    assert not np.array_equal(mixtures.pairs, before[0])
    assert not np.array_equal(mixtures.shares, before[1])


def test_shares_follow_beta():
    for alpha in (0.1, 1.0, 10.0):  # the variance of Beta(a, a) is 1 / (8a + 4)
        shares = Mixtures(np.zeros((20_000, 1)), None, alpha, 10).shares
        assert shares.mean() == pytest.approx(0.5, abs=0.02)
        assert shares.var() == pytest.approx(1 / (8 * alpha + 4), rel=0.05)


def test_the_network_is_fitted_on_the_mixtures_of_records_and_of_their_labels():
    network, y = Spy(), np.array([2, 0, 1, 2])
    network.fit = lambda mixtures, **options: (mixtures, options)
    mixtures, options = Mixup(network, 3, 0.4).fit(np.arange(4.0), y, batch_size=3, epochs=5)
    assert options == {"shuffle": False, "epochs": 5}
    assert (mixtures.alpha, mixtures.batch_size) == (0.4, 3)
    np.testing.assert_array_equal(mixtures.y, np.eye(3)[y])
    np.testing.assert_array_equal(mixtures.x, np.arange(4.0))


def test_mixtures_hang_on_the_seed():
    def drawn(seed):
        keras.utils.set_random_seed(seed)
        mixtures = Mixtures(np.zeros(20), None, 1.0, 10)
        return [*mixtures.pairs.ravel(), *mixtures.shares]

    assert drawn(1) == drawn(1) != drawn(2)


def test_mixup_trains_and_is_less_sure():
    assert surest("mixup") < surest("plain") - 0.1
    assert trained("mixup").accuracy(PARTS.target_train) > 0.85
    model = mixup(mlp(4), alpha=0.3)((5,), 3)
    assert (model.alpha, model.classes) == (0.3, 3)
    assert model.network.loss == "categorical_crossentropy"
    x = np.random.default_rng(0).random((4, 5), np.float32)
    np.testing.assert_array_equal(model(x), model.network(x))


# ---------------------------------------------------------------- bad input


def no_network(input_shape, classes):
    return "a forest"


@pytest.mark.parametrize("call, message", [
    (lambda: dropout(mlp(), inputs=1), "inputs is a share, .* got 1"),
    (lambda: dropout(mlp(), hidden=-0.1), "hidden is a share, .* got -0.1"),
    (lambda: dropout(functional)((4,), 3), "needs a Builder of keras.Seq.* got Functional"),
    (lambda: stacking(mlp(), forest=LinearSVC()), r"forest must .*proba\), got a LinearSVC"),
    (lambda: stacking(mlp(), top=RandomForestClassifier), "top must .* got RandomForestClassifier"),
    (lambda: l2(mlp(), -1), "strength must not be negative or infinite, got -1"),
    (lambda: l2(no_network, 0.1)((3,), 2), "l2 needs a Builder of Keras models, got str"),
    (lambda: label_smoothing(mlp(), 1), "amount is a share, .* got 1"),
    (lambda: label_smoothing(no_network)((3,), 2), "label_smoothing needs a Builder .* got str"),
    (lambda: mixup(mlp(), 0), "alpha must be positive, got 0"),
    (lambda: mixup(no_network)((3,), 2), "mixup needs a Builder of Keras models, got str"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
