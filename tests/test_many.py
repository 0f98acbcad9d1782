"""Many models at once: each learns what it would have learned alone."""

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import StandardScaler

from mlleaks_helpers.data import Dataset, load
from mlleaks_helpers.models import (
    classical,
    cnn,
    keras,
    many,
    mlp,
    softmax_regression,
    stacked,
    train,
    train_many,
)

L = keras.layers
RNG = np.random.default_rng(0)
CENTRES = RNG.random((3, 20))
LABELS = RNG.integers(0, 3, 150)
RECORDS = (RNG.random((150, 20)) < CENTRES[LABELS]).astype(np.uint8)
DATA = Dataset("votes", RECORDS, LABELS, ("a", "b", "c"))
HALVES = RNG.random((4, 150)) < 0.5  # four sizes, so models end their epochs at other steps
SMALL = {"query": DATA, "epochs": 3, "batch_size": 16}


def sequential(*layers, optimizer="adam", loss="sparse_categorical_crossentropy", weights=None):
    def build(input_shape, classes):
        model = keras.Sequential([keras.Input(input_shape), *(make() for make in layers),
                                  L.Dense(classes, "softmax")])
        model.compile(optimizer() if callable(optimizer) else optimizer, loss,
                      loss_weights=weights)
        return model

    return build


def wide(**options):
    return lambda: L.Dense(8, **options)


def dropped():
    return L.Dropout(0.5)


BUILDERS = {
    "mlp": mlp(8, learning_rate=0.01, l2=1e-2),
    "softmax regression": softmax_regression(),
    "momentum": sequential(wide(activation="tanh"),
                           optimizer=lambda: keras.optimizers.SGD(0.1, momentum=0.9)),
    "plain SGD": sequential(wide(activation="relu", use_bias=False, kernel_regularizer="l1"),
                            optimizer="sgd"),
    "activation layers": sequential(wide(), L.LeakyReLU, wide(), lambda: L.Activation("gelu"),
                                    optimizer=lambda: keras.optimizers.Adam(0.02, beta_1=0.8)),
    "loss object": sequential(wide(), loss=keras.losses.SparseCategoricalCrossentropy()),
}


def plain_keras(build, rows, seed, *, epochs, batch_size):
    """One model, trained batch by batch, from the first weights and in the order of `many`."""
    model, order = build((20,), 3), np.random.default_rng(seed)
    model.set_weights(stacked.initial_weights(model.layers, seed))
    for _ in range(epochs):
        shuffled = order.permutation(rows)
        for batch in np.split(shuffled, range(batch_size, len(rows), batch_size)):
            model.train_on_batch(RECORDS[batch].astype(np.float32), LABELS[batch])
    return model


@pytest.mark.parametrize("name", BUILDERS)
def test_weights_agree_with_a_plain_keras_loop(name):
    build, rows = BUILDERS[name], [np.flatnonzero(row) for row in HALVES]
    model = build((20,), 3)
    recipe = stacked._Recipe(many._config(model), tuple(model.layers),
                          *stacked._update_rule(model.optimizer))
    seeds = [11, 12, 13, 14]
    weights = stacked._train_stack(recipe, RECORDS.astype(np.float32), LABELS, rows, seeds, 5, 16)
    for k in (0, 3):
        alone = plain_keras(build, rows[k], seeds[k], epochs=5, batch_size=16)
        for ours, keras_s in zip(weights, alone.get_weights(), strict=True):
            np.testing.assert_allclose(ours[k], keras_s, rtol=1e-3, atol=2e-5)


def test_posteriors_are_those_of_each_models_own_weights():
    posteriors = train_many(BUILDERS["mlp"], DATA, HALVES, seed=5, **SMALL)
    assert posteriors.shape == (4, 150, 3) and posteriors.dtype == np.float32
    seed = int(np.random.SeedSequence((5, 2)).generate_state(1)[0])
    alone = plain_keras(BUILDERS["mlp"], np.flatnonzero(HALVES[2]), seed, epochs=3, batch_size=16)
    np.testing.assert_allclose(posteriors[2], alone(RECORDS.astype(np.float32)), atol=1e-4)


def test_with_dropout_accuracy_and_loss_are_distributed_as_with_train():
    build = sequential(wide(activation="tanh"), dropped)
    same = np.repeat(HALVES[:1], 48, axis=0)
    settings = {"epochs": 20, "batch_size": 16}
    at_once = train_many(build, DATA, same, query=DATA, **settings)
    alone = np.stack([train(build, DATA.take(same[0]), seed=k, **settings).posteriors(DATA.x)
                      for k in range(6)])
    for part in (same[0], ~same[0]):
        for measure in (_losses, _hits):
            ours, theirs = (measure(p, part).mean(axis=1) for p in (at_once, alone))
            error = np.hypot(ours.std(ddof=1) / 48**0.5, theirs.std(ddof=1) / 6**0.5)
            assert abs(ours.mean() - theirs.mean()) < 3.5 * error + 0.005


def _losses(posteriors, part):
    true = np.take_along_axis(posteriors[:, part], LABELS[part][None, :, None], axis=2)
    return -np.log(true[..., 0])


def _hits(posteriors, part):
    return posteriors[:, part].argmax(axis=2) == LABELS[part]


def test_dropout_is_on_while_training_and_off_for_queries():
    plain, dropping = (train_many(sequential(wide(), *d), DATA, HALVES, **SMALL)
                       for d in ((), (dropped,)))
    assert not np.allclose(plain, dropping, atol=1e-3)
    again = train_many(sequential(wide(), dropped), DATA, HALVES, **SMALL)
    np.testing.assert_array_equal(dropping, again)


def test_one_seed_repeats_two_seeds_and_two_models_differ():
    same = np.repeat(HALVES[:1], 3, axis=0)
    first, again, other = (train_many(mlp(8), DATA, same, seed=s, **SMALL) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)
    assert not np.allclose(first[0], first[1], atol=1e-3)
    layers = mlp(8)((20,), 3).layers
    assert not np.array_equal(*(stacked.initial_weights(layers, s)[0] for s in (1, 2)))


def test_the_size_of_a_group_changes_nothing():
    one, two = (train_many(mlp(8), DATA, HALVES, group=g, **SMALL) for g in (4, 3))
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_large_models_go_in_small_groups():
    assert many._group_size(mlp(128)((446,), 30), 0) == many.LARGEST_GROUP
    wide_model = mlp(1000)((20_000,), 20)
    assert many._group_size(wide_model, 0) == 1
    assert many._group_size(mlp(8)((20,), 3), many.GROUP_MEMORY / 3) == 2


def test_each_model_has_preprocessing_fitted_on_its_own_rows():
    data = load("breast_cancer").take(slice(0, 200))
    included = np.random.default_rng(1).random((3, 200)) < 0.3
    settings = {"epochs": 5, "batch_size": 16}
    posteriors = train_many(softmax_regression(), data, included, query=data, **settings)
    seed = int(np.random.SeedSequence((0, 1)).generate_state(1)[0])
    alone = train(softmax_regression(), data.take(included[1]), seed=seed, **settings)
    x = alone.prepare.transform(data.x)
    model = alone.model
    model.set_weights(stacked.initial_weights(model.layers, seed))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    order = np.random.default_rng(seed)
    rows = np.flatnonzero(included[1])
    for _ in range(5):
        for batch in np.split(order.permutation(rows), range(16, len(rows), 16)):
            model.train_on_batch(x[batch], data.y[batch])
    np.testing.assert_allclose(posteriors[1], model(x), atol=1e-3)


@pytest.mark.parametrize("build, reason", [
    (cnn(2, 4), r"Conv2D\) cannot be stacked"),
    (sequential(L.Flatten, wide(), L.BatchNormalization), r"BatchNormalization\) cannot"),
    (sequential(L.Flatten, wide(), optimizer="rmsprop"), "not a plain Adam or SGD: RMSprop"),
    (sequential(L.Flatten, optimizer=lambda: keras.optimizers.Adam(clipnorm=1.0)), "clipnorm"),
    (sequential(L.Flatten, wide(kernel_constraint="non_neg")), "constrained"),
    (sequential(L.Flatten, wide(activation=L.LeakyReLU())), "activation of its own, LeakyReLU"),
    (sequential(L.Flatten, wide(kernel_initializer=lambda shape, dtype: np.ones(shape))),
     "initializer of its own"),
    (sequential(L.Flatten, weights=[100.0]), "the loss is weighted"),
])
def test_what_cannot_be_stacked_trains_one_after_the_other_and_says_so_once(build, reason):
    rng = np.random.default_rng(0)
    x = rng.random((40, 12, 12, 1), np.float32)
    images = Dataset("noise", x, np.arange(40) % 2, ("0", "1"))
    included = rng.random((3, 40)) < 0.5
    with pytest.warns(UserWarning, match=reason) as said:
        answers = train_many(build, images, included, query=images, epochs=1, group=1)
    assert answers.shape == (3, 40, 2) and len(said) == 1
    seed = int(np.random.SeedSequence((0, 2)).generate_state(1)[0])
    alone = train(build, images.take(included[2]), epochs=1, seed=seed)
    np.testing.assert_allclose(answers[2], alone.posteriors(images.x), atol=1e-6)


def no_input(input_shape, classes):
    model = keras.Sequential([L.Flatten(), L.Dense(classes, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_model_without_an_input_layer_is_built_first():
    answers = train_many(no_input, DATA, HALVES, **SMALL)
    assert answers.shape == (4, 150, 3)


def test_records_in_double_precision_are_asked_in_single():
    table = Dataset("table", RECORDS.astype(float), LABELS, DATA.classes, StandardScaler())
    assert train_many(mlp(8), table, HALVES, query=table, epochs=1).dtype == np.float32


def one_column(input_shape, classes):
    model = keras.Sequential([keras.Input(input_shape), L.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model


def logits(input_shape, classes):
    model = keras.Sequential([keras.Input(input_shape),
                              L.Dense(classes, bias_initializer="ones")])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("build, message", [
    (one_column, r"answer with 3 posteriors, one a class, got shape \(1, 1\)"),
    (logits, "are these logits"),
    (classical(DummyClassifier()), "build must give Keras models, got Classical"),
])
def test_models_that_do_not_answer_with_posteriors_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        train_many(build, DATA, HALVES, **SMALL)


def test_weights_that_a_builder_sets_are_kept():
    def build(input_shape, classes):
        model = softmax_regression()(input_shape, classes)
        model.layers[-1].bias.assign([0.0, 0.0, 1.0])
        return model

    with pytest.warns(UserWarning, match="sets weights itself"):
        train_many(build, DATA, HALVES, **{**SMALL, "epochs": 1})


# ---------------------------------------------------------------- cache


def test_finished_groups_are_not_trained_again(tmp_path, monkeypatch):
    first = train_many(mlp(8), DATA, HALVES, cache=tmp_path, group=2, **SMALL)
    assert len(list(tmp_path.iterdir())) == 2
    sorted(tmp_path.iterdir())[0].unlink()  # as if it had been stopped before the last group
    trained = []
    real = many._train_group
    monkeypatch.setattr(many, "_train_group",
                        lambda number, *rest: trained.append(number) or real(number, *rest))
    np.testing.assert_array_equal(
        first, train_many(mlp(8), DATA, HALVES, cache=tmp_path, group=2, **SMALL))
    assert len(trained) == 1


def test_an_interrupted_write_is_never_read(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", interrupted)
        train_many(mlp(8), DATA, HALVES, cache=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())
    answers = train_many(mlp(8), DATA, HALVES, cache=tmp_path, **SMALL)
    np.testing.assert_array_equal(answers, train_many(mlp(8), DATA, HALVES, **SMALL))


def test_whatever_changes_the_weights_changes_the_key(tmp_path, monkeypatch):
    def stand_in(number, build, x, y, query, *rest):
        return number, np.zeros((len(rest[3]), len(query), 3)), None

    monkeypatch.setattr(many, "_train_group", stand_in)
    flipped = Dataset("votes", 1 - RECORDS, LABELS, DATA.classes)
    relabelled = Dataset("votes", RECORDS, (LABELS + 1) % 3, DATA.classes)
    base = {"build": mlp(8), "dataset": DATA, "included": HALVES, "query": RECORDS, "epochs": 3}
    variants = [{}, {"build": mlp(9)}, {"build": mlp(8, learning_rate=0.5)},
                {"build": mlp(8, l2=0.1)}, {"dataset": flipped}, {"dataset": relabelled},
                {"dataset": replace(DATA, prepare=StandardScaler())}, {"included": ~HALVES},
                {"query": RECORDS[:9]}, {"epochs": 4}, {"seed": 1}, {"batch_size": 7}]
    for number, change in enumerate(variants):
        train_many(**{**base, **change}, cache=tmp_path)
        assert len(list(tmp_path.iterdir())) == number + 1, change
    train_many(**base, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(variants)


# ---------------------------------------------------------------- spread over processes


def slow_mlp(input_shape, classes):
    """Kills the first process that builds it after the parent, if a file says so."""
    flag = os.environ.get("KILL_ONE")
    if flag and os.getpid() != int(os.environ["PARENT"]):
        try:
            os.unlink(flag)
            os.kill(os.getpid(), signal.SIGKILL)
        except FileNotFoundError:
            pass
    return mlp(8)(input_shape, classes)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that kills a worker")
def test_dask_gives_the_same_and_a_killed_worker_loses_nothing(tmp_path, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    expected = train_many(mlp(8), DATA, HALVES, group=1, **SMALL)
    flag = tmp_path / "kill"
    flag.touch()
    monkeypatch.setenv("KILL_ONE", str(flag))
    monkeypatch.setenv("PARENT", str(os.getpid()))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                 silence_logs=50) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        survived = train_many(slow_mlp, DATA, HALVES, group=1, **SMALL)
        assert not flag.exists()
        again = train_many(mlp(8), DATA, HALVES, group=1, **SMALL)
    np.testing.assert_allclose(survived, expected, atol=1e-5)
    np.testing.assert_allclose(again, expected, atol=1e-5)


SCRIPT = """
import numpy as np
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    data = Dataset("noise", rng.random((40, 5)), rng.integers(0, 2, 40), ("no", "yes"))
    train_many(mlp(8), data, rng.random((2, 40)) < 0.5, query=data, epochs=2, group=1, n_jobs=2)
"""


def test_a_script_and_its_workers_hear_nothing_from_tensorflow(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True,
                         env={**env, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("change, message", [
    ({"included": HALVES.astype(int)}, "included must be a bool array, .*got int64"),
    ({"included": HALVES.tolist()}, "included must be a bool array, .*got list"),
    ({"included": HALVES[:, 1:]}, r"150 columns, .*got shape \(4, 149\)"),
    ({"included": HALVES[0]}, r"one row a model .*got shape \(150,\)"),
    ({"included": HALVES & [[True], [True], [False], [True]]}, "leaves model 2 without a record"),
    ({"query": RECORDS[:, 1:]}, r"query must be .*shape \(20,\) .*got shape \(150, 19\)"),
    ({"query": RECORDS[:0]}, "query must be at least one record"),
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"group": 0}, "group must be at least 1, got 0"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
])
def test_bad_input_is_named(change, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            train_many(**{"build": mlp(8), "dataset": DATA, "included": HALVES, "query": DATA,
                          **change})
