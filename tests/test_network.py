"""Networks in NumPy learn what Keras's would have learned from the same batches."""

import numpy as np
import pytest
from scipy import stats

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import (
    SmoothedCrossEntropy,
    keras,
    label_smoothing,
    mixup,
    mlp,
    network,
    softmax_regression,
    train,
)
from mlleaks_helpers.models.network import Activation, Dropout
from mlleaks_helpers.models.recipes import obstacle, recipe

L = keras.layers
RNG = np.random.default_rng(0)
CENTRES = RNG.random((3, 12))
LABELS = RNG.integers(0, 3, 70)
RECORDS = (RNG.random((70, 12)) < CENTRES[LABELS]).astype(np.float32)
HOW = {"seed": 11, "epochs": 2, "batch_size": 25}  # 70 is no multiple of 25


def sequential(*layers, optimizer="adam", loss="sparse_categorical_crossentropy",
               end=lambda classes: [L.Dense(classes, "softmax")]):
    def build(input_shape, classes):
        model = keras.Sequential([keras.Input(input_shape), *(make() for make in layers),
                                  *end(classes)])
        model.compile(optimizer() if callable(optimizer) else optimizer, loss)
        return model

    return build


def wide(**options):
    return lambda: L.Dense(8, **options)


def schedule():
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5))


BUILDERS = {
    "mlp": mlp(8, learning_rate=0.01, l2=1e-2),
    "softmax regression": softmax_regression(l2=0.1),
    "smoothing": label_smoothing(mlp(8, learning_rate=0.01), 0.3),
    "no smoothing": sequential(wide(), loss=SmoothedCrossEntropy(0.0)),
    "momentum": sequential(wide(activation="tanh"),
                           optimizer=lambda: keras.optimizers.SGD(0.1, momentum=0.9)),
    "plain SGD": sequential(wide(activation="relu", use_bias=False, kernel_regularizer="l1"),
                            optimizer="sgd"),
    "penalties": sequential(wide(activation="sigmoid", bias_regularizer=keras.regularizers.L2(0.3),
                                 kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02)),
                            optimizer=lambda: keras.optimizers.SGD(0.3)),
    "activation layers": sequential(wide(), lambda: L.LeakyReLU(0.3), wide(),
                                    lambda: L.Activation("gelu"), wide(), lambda: L.ReLU(1.5),
                                    optimizer=lambda: keras.optimizers.Adam(
                                        0.02, beta_1=0.8, beta_2=0.9, epsilon=1e-3)),
    "a softmax within": sequential(wide(activation="softmax"), wide(bias_initializer="ones")),
    "a softmax apart": sequential(wide(), end=lambda n: [L.Dense(n), L.Activation("softmax")]),
    "loss object": sequential(wide(), loss=keras.losses.SparseCategoricalCrossentropy()),
    "schedule": sequential(wide(), optimizer=schedule),
    "no dropout": sequential(lambda: L.Dropout(0.0), wide()),
}


def recipe_of(build, shape=(12,), classes=3):
    model = build(shape, classes)
    assert obstacle(model) is None
    return recipe(model, 100)


def by_keras(build, how, x=RECORDS):
    """One model trained batch by batch, from the first weights and in the order of `network`."""
    model, order = build(x.shape[1:], 3), np.random.default_rng(how["seed"])
    first = network.initial_weights(recipe(model, 100), how["seed"])
    alpha = getattr(model, "alpha", None)
    model = getattr(model, "network", model)
    model.set_weights(first)
    model.run_eagerly = True
    for _ in range(how["epochs"]):
        one = order.permutation(len(x))
        if alpha:
            other = order.permutation(len(x))
            share = order.beta(alpha, alpha, len(x)).astype(np.float32)[:, None]
            hot = np.eye(3, dtype=np.float32)[LABELS]
            records, targets = (share * v[one] + (1 - share) * v[other] for v in (x, hot))
        else:
            records, targets = x[one], LABELS[one]
        for start in range(0, len(x), how["batch_size"]):
            batch = slice(start, start + how["batch_size"])
            model.train_on_batch(records[batch], targets[batch])
    return model


MIXED = {"mixup": mixup(mlp(8, learning_rate=0.01), 0.4), "mixup, uniform": mixup(mlp(4), 1.0),
         "mixup over smoothing": mixup(label_smoothing(mlp(8), 0.5), 2.0)}


@pytest.mark.parametrize("name", [*BUILDERS, *MIXED])
def test_weights_agree_with_a_plain_keras_loop(name):
    build = (BUILDERS | MIXED)[name]
    alone = by_keras(build, HOW)
    made = recipe_of(build)
    weights = network.fit(made, RECORDS, LABELS, **HOW)
    for ours, theirs in zip(weights, alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(network.posteriors(made, weights, RECORDS), alone(RECORDS),
                               atol=1e-5)


def test_weights_agree_in_double_precision_on_images():
    images = RECORDS.astype(np.float64).reshape(70, 2, 3, 2)

    def build(input_shape, classes):
        model = keras.Sequential([keras.Input(input_shape, dtype="float64"),
                                  L.Activation("softmax", dtype="float64"),  # over channels
                                  L.Flatten(dtype="float64"),
                                  L.Dense(8, "tanh", dtype="float64"),
                                  L.Dense(classes, "softmax", dtype="float64")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    weights = network.fit(recipe_of(build, images.shape[1:]), images, LABELS, **HOW)
    for ours, theirs in zip(weights, by_keras(build, HOW, images).get_weights(), strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def softly(build, soft):
    """A plain Keras loop over soft labels, (n, classes)."""
    model, order = build((12,), 3), np.random.default_rng(HOW["seed"])
    first = network.initial_weights(recipe(model, 100), HOW["seed"])
    model.compile(model.optimizer, "categorical_crossentropy")
    model.set_weights(first)
    for _ in range(HOW["epochs"]):
        rows = order.permutation(70)
        for start in range(0, 70, HOW["batch_size"]):
            batch = rows[start : start + HOW["batch_size"]]
            model.train_on_batch(RECORDS[batch], soft[batch])
    return model


@pytest.mark.parametrize("name", ["mlp", "momentum", "softmax regression"])
def test_soft_labels_are_learned_as_keras_learns_them(name):
    soft = np.random.default_rng(4).dirichlet(np.ones(3), 70).astype(np.float32)
    weights = network.fit(recipe_of(BUILDERS[name]), RECORDS, soft, **HOW)
    for ours, theirs in zip(weights, softly(BUILDERS[name], soft).get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5)


def test_soft_labels_that_are_all_of_one_class_are_labels():
    made = recipe_of(BUILDERS["mlp"])
    hard = network.fit(made, RECORDS, LABELS, **HOW)
    soft = network.fit(made, RECORDS, np.eye(3, dtype=np.float32)[LABELS], **HOW)
    for one, other in zip(hard, soft, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# ---------------------------------------------------------------- slopes


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "gelu", "softmax", "elu"])
def test_slopes_are_those_of_finite_differences(name):
    rng = np.random.default_rng(1)
    x, above = rng.normal(size=(2, 5, 4))
    part = Activation(getattr(keras.activations, name)).start(None, None, None)
    part.forward(x)
    slope = part.backward(above)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5
        change = part.forward(x + step) - part.forward(x - step)
        assert slope[place] == pytest.approx((above * change).sum() / 2e-5, abs=1e-8)


@pytest.mark.parametrize("amount", [0.0, 0.3])
def test_the_slope_of_the_loss_is_that_of_finite_differences(amount):
    rng = np.random.default_rng(1)
    logits, share = rng.normal(size=(5, 3)), rng.random(5)
    one, other = rng.integers(0, 3, (2, 5))
    hot = (1 - amount) * (share * np.eye(3)[one].T + (1 - share) * np.eye(3)[other].T).T
    targets = hot + amount / 3

    def loss(z):
        return -(targets * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum(axis=1).mean()

    slope = network._slope(logits, [(one, share), (other, 1 - share)], amount)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-5
        change = (loss(logits + step) - loss(logits - step)) / 2e-5
        assert slope[place] == pytest.approx(change, abs=1e-9)


# ---------------------------------------------------------------- seeds


def fitted(build, **change):
    return network.fit(recipe_of(build), RECORDS, LABELS, **(HOW | change))


@pytest.mark.parametrize("build", [mlp(4), mixup(mlp(4)),
                                   sequential(lambda: L.Dropout(0.5), wide())])
def test_one_seed_repeats_and_two_differ(build):
    first, again, other = (fitted(build, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_two_layers_and_two_seeds_start_from_different_weights():
    made = recipe_of(sequential(wide(), wide(), wide()))
    first, other = (network.initial_weights(made, seed) for seed in (1, 2))
    assert not np.allclose(first[0], other[0]) and not np.allclose(first[2], first[4])
    assert not first[1].any()
    bound = (6 / (12 + 8)) ** 0.5  # Glorot's
    assert 0.8 * bound < np.abs(first[0]).max() <= bound


def test_a_seed_of_the_layers_own_is_kept():
    fixed = keras.initializers.RandomNormal(seed=3)
    made = recipe_of(sequential(wide(kernel_initializer=fixed)))
    first, other = (network.initial_weights(made, seed) for seed in (1, 2))
    np.testing.assert_array_equal(first[0], other[0])
    assert not np.allclose(first[2], other[2])


def batches(alpha=None, epochs=2, batch_size=16):
    """The records and targets of some epochs, told by their numbers."""
    numbers, order = np.arange(70.0)[:, None], np.random.default_rng(0)
    made = network.Recipe((), None, alpha=alpha)
    return [[(x.ravel(), targets) for x, targets in
             network._batches(made, numbers, np.arange(70), order, batch_size)]
            for _ in range(epochs)]


def test_every_epoch_shows_each_record_once_in_another_order():
    one, two = ([x for x, _ in epoch] for epoch in batches())
    assert [len(x) for x in one] == [16, 16, 16, 16, 6]
    for epoch in (one, two):
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(70))
    assert not np.array_equal(one[0], two[0])


def test_every_epoch_mixes_each_record_with_another_by_another_share():
    one, two = batches(alpha=0.5)
    for epoch in (one, two):
        (a, share), (b, rest) = (map(np.concatenate, zip(*column, strict=True))
                                 for column in zip(*(targets for _, targets in epoch), strict=True))
        np.testing.assert_array_equal(np.sort(a), np.arange(70))
        np.testing.assert_array_equal(np.sort(b), np.arange(70))
        np.testing.assert_allclose(share + rest, 1)
        np.testing.assert_allclose(np.concatenate([x for x, _ in epoch]),
                                   share * a + rest * b, rtol=1e-5)
    shares = [np.concatenate([targets[0][1] for _, targets in epoch])
              for epoch in batches(alpha=0.5, epochs=40)]
    assert stats.kstest(np.concatenate(shares), stats.beta(0.5, 0.5).cdf).pvalue > 1e-4
    assert not np.array_equal(shares[0], shares[1])


# ---------------------------------------------------------------- dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.97])
def test_masks_keep_the_mean_and_are_alike_nowhere(rate):
    """(models, steps, records, units): each mean, and each pair's correlation, as of fair coins."""
    part = Dropout(rate)
    masks = []
    for seed in range(6):
        part.start(None, None, np.random.default_rng((seed, 1)))
        masks.append([part.forward(np.ones((20, 15), np.float32)) for _ in range(12)])
    masks = np.array(masks)
    kept = masks > 0
    np.testing.assert_allclose(masks[kept], 1 / (1 - rate), rtol=1e-6)
    z = (kept - (1 - rate)) / (rate * (1 - rate)) ** 0.5
    assert abs(z.sum()) / z.size**0.5 < 4
    for axis in range(4):
        lines = np.moveaxis(z, axis, 0).reshape(z.shape[axis], -1)
        length = lines.shape[1] ** 0.5
        assert np.abs(lines.sum(axis=1) / length).max() < 4.5
        pairs = (lines @ lines.T / length)[np.triu_indices(len(lines), 1)]
        assert np.abs(pairs).max() < 5.5


def test_dropped_values_teach_nothing_and_only_in_training():
    x = np.ones((4, 50), np.float32)
    part = Dropout(0.5).start(None, None, np.random.default_rng(0))
    np.testing.assert_array_equal(part.forward(x), part.backward(x))
    assert part.start(None, None, None).forward(x) is x


def test_two_dropout_layers_do_not_share_their_masks():
    made = recipe_of(sequential(lambda: L.Dropout(0.5), lambda: L.Dropout(0.5), wide()))
    one, two, *_ = network._started(made, [None] * 4, [None] * 4, np.random.default_rng(0))
    x = np.ones((20, 50), np.float32)
    assert not np.array_equal(one.forward(x), two.forward(x))


def test_masks_do_not_repeat_the_order_of_batches():
    plain, dropping = (
        network.fit(recipe_of(sequential(lambda r=rate: L.Dropout(r), wide())), RECORDS, LABELS,
                    **HOW) for rate in (0.0, 2.0**-20))  # the second drops nothing, but draws
    for one, other in zip(plain, dropping, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_with_dropout_accuracy_and_loss_are_distributed_as_with_train():
    build = sequential(wide(activation="tanh"), lambda: L.Dropout(0.5))
    made = recipe_of(build)
    how = {"epochs": 12, "batch_size": 16}
    many = [network.posteriors(made, network.fit(made, RECORDS, LABELS, seed=k, **how), RECORDS)
            for k in range(60)]
    data = Dataset("votes", RECORDS, LABELS, tuple("abc"))
    few = [train(build, data, seed=k, **how).posteriors(RECORDS) for k in range(3)]
    for measure in (_loss, _hits):
        ours, theirs = ([measure(p) for p in some] for some in (many, few))
        assert abs(np.mean(ours) - np.mean(theirs)) < 3.5 * np.std(ours) * (1 / 3 + 1 / 60) ** 0.5


def _loss(posteriors):
    return -np.log(posteriors[np.arange(70), LABELS]).mean()


def _hits(posteriors):
    return (posteriors.argmax(axis=1) == LABELS).mean()


# ---------------------------------------------------------------- numbers that leave their range


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, keras.optimizers.SGD])
def test_a_network_that_diverges_says_so(optimizer):
    build = sequential(wide(kernel_regularizer="l2"), optimizer=lambda: optimizer(1e30))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="range of numbers"):
        network.fit(recipe_of(build), RECORDS, LABELS, **HOW)


def test_records_in_bytes_are_as_good_as_floats():
    made = recipe_of(mlp(4))
    few, other = (network.fit(made, RECORDS.astype(kind), LABELS, **HOW)
                  for kind in (np.uint8, np.float64))
    np.testing.assert_array_equal(few[0], other[0])
