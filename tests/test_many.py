"""Many models at once: each learns what it would have learned alone."""

import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlleaks_helpers.data import Dataset, apply, fit_prepare
from mlleaks_helpers.data.prepare import centred_tfidf
from mlleaks_helpers.models import (
    classical,
    dropout,
    keras,
    keys,
    label_smoothing,
    many,
    mixup,
    mlp,
    network,
    softmax_regression,
    stacking,
    train,
    train_many,
)
from mlleaks_helpers.models.recipes import recipe

L = keras.layers
RNG = np.random.default_rng(0)
CENTRES = RNG.random((3, 20))
LABELS = RNG.integers(0, 3, 150)
RECORDS = (RNG.random((150, 20)) < CENTRES[LABELS]).astype(np.uint8)
DATA = Dataset("votes", RECORDS, LABELS, ("a", "b", "c"))
HALVES = RNG.random((4, 150)) < 0.5  # four sizes
ALIKE = np.repeat(HALVES[:1], 4, axis=0)
SMALL = {"query": DATA, "epochs": 3, "batch_size": 16}
COLUMNS = Dataset("columns", RNG.random((60, 5)) * 9, np.arange(60) % 2, ("a", "b"),
                  StandardScaler())


def seed_of(*entry):
    return int(np.random.SeedSequence(entry).generate_state(1)[0])


def alone(build, dataset, rows, seed, query, epochs=3, batch_size=16):
    """The posteriors of one network, trained without `train_many`."""
    part = dataset.take(rows)
    prepare, x = fit_prepare(part.prepare, part.x)
    made = recipe(build(x.shape[1:], len(dataset.classes)), 1_000)
    weights = network.fit(made, x, part.y, seed=seed, epochs=epochs, batch_size=batch_size)
    return network.posteriors(made, weights, apply(prepare, query))


# ---------------------------------------------------------------- each model is its own


@pytest.mark.parametrize("build", [mlp(8), dropout(mlp(8)), label_smoothing(mlp(8), 0.2),
                                   mixup(mlp(8))])
def test_each_model_is_the_network_of_its_own_rows_and_seed(build):
    answers = train_many(build, DATA, HALVES, seed=5, **SMALL)
    assert answers.shape == (4, 150, 3) and answers.dtype == np.float32
    for k in range(4):
        expected = alone(build, DATA, HALVES[k], seed_of(5, k), RECORDS)
        np.testing.assert_allclose(answers[k], expected, atol=1e-6)


def test_each_model_has_preprocessing_fitted_on_its_own_rows():
    included = np.random.default_rng(1).random((3, 60)) < 0.3
    answers = train_many(mlp(4), COLUMNS, included, query=COLUMNS, epochs=5, batch_size=16)
    for k in range(3):
        expected = alone(mlp(4), COLUMNS, included[k], seed_of(0, k), COLUMNS.x, epochs=5)
        np.testing.assert_allclose(answers[k], expected, atol=1e-6)


@pytest.mark.parametrize("build", [mlp(8), dropout(mlp(8)), mixup(mlp(8))])
def test_a_model_is_the_same_alone_among_others_and_on_any_number_of_threads(build):
    together = train_many(build, DATA, HALVES, n_jobs=2, seed=7, **SMALL)
    single = train_many(build, DATA, HALVES, n_jobs=1, seed=7, **SMALL)
    few = train_many(build, DATA, HALVES[[2, 0]], seed=[(7, 2), (7, 0)], **SMALL)
    np.testing.assert_array_equal(together, single)
    np.testing.assert_array_equal(together[[2, 0]], few)
    many_queries = train_many(build, DATA, HALVES[2:3], seed=[(7, 2)], epochs=3, batch_size=16,
                              query=np.tile(RECORDS, (27, 1)))
    np.testing.assert_allclose(many_queries[0].reshape(27, 150, 3)[26], together[2], atol=1e-6)


@pytest.mark.parametrize("build", [mlp(8), dropout(softmax_regression(l2=0)), mixup(mlp(8))])
def test_one_seed_repeats_two_seeds_and_two_models_differ(build):
    first, again, other = (train_many(build, DATA, ALIKE, seed=s, **SMALL) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    found = [*first, *other]
    for place, one in enumerate(found):
        for two in found[:place]:
            assert not np.allclose(one, two, atol=1e-4)


def test_seeds_of_models_are_numbers_or_tuples_of_numbers():
    by_number = train_many(mlp(4), DATA, HALVES[:2], seed=3, **SMALL)
    pairs = train_many(mlp(4), DATA, HALVES[:2], seed=[(3, 0), (3, 1)], **SMALL)
    array = train_many(mlp(4), DATA, HALVES[:2], seed=np.array([[3, 0], [3, 1]]), **SMALL)
    np.testing.assert_array_equal(by_number, pairs)
    np.testing.assert_array_equal(by_number, array)
    plain = train_many(mlp(4), DATA, ALIKE[:3], seed=[8, (8,), np.int64(9)], **SMALL)
    np.testing.assert_array_equal(plain[0], plain[1])
    assert not np.allclose(plain[0], plain[2], atol=1e-4)


def test_masks_of_models_with_equal_first_weights_and_batches_differ():
    def build(shape, classes):
        fixed = keras.initializers.GlorotUniform(seed=1)
        model = keras.Sequential([keras.Input(shape), L.Dropout(0.5),
                                  L.Dense(classes, "softmax", kernel_initializer=fixed)])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    one, other = train_many(build, DATA, ALIKE[:2], query=DATA, epochs=3, batch_size=150)
    assert not np.allclose(one, other, atol=1e-4)


def test_texts_of_models_may_have_different_words():
    words = np.array(["tea cup", "tea pot", "bus stop", "bus ride", "tea bus", "cup pot"] * 4)
    texts = Dataset("texts", words, np.arange(24) % 2, ("a", "b"), centred_tfidf())
    included = np.zeros((3, 24), bool)
    included[0, :4] = included[1, [0, 1, 5]] = included[2, :] = True
    answers = train_many(mlp(4), texts, included, query=texts, epochs=2, batch_size=4)
    for k in range(3):
        expected = alone(mlp(4), texts, included[k], seed_of(0, k), words, 2, 4)
        np.testing.assert_allclose(answers[k], expected, atol=1e-6)


def test_preprocessing_that_draws_does_so_by_the_models_seed():
    data = replace(COLUMNS, prepare=PCA(2, svd_solver="randomized"))
    included = np.ones((2, 60), bool)
    once, twice = (train_many(mlp(4), data, included, query=data, epochs=1) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    assert many._seeded(data.prepare, 5).random_state == 5
    assert many._seeded(PCA(2, random_state=3), 5).random_state == 3


def test_double_precision_is_answered_in_single():
    table = replace(COLUMNS, prepare=None)
    assert train_many(mlp(8), table, np.ones((1, 60), bool), query=table,
                      epochs=1).dtype == np.float32


def test_keras_in_double_precision_trains_in_double(monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", keras.config.floatx)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        with warnings.catch_warnings(action="error"):
            answers = train_many(mlp(8), DATA, HALVES, **SMALL)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=1e-6)


def no_input(input_shape, classes):
    model = keras.Sequential([L.Flatten(), L.Dense(classes, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_model_without_an_input_layer_is_built_first():
    with warnings.catch_warnings(action="error"):
        assert train_many(no_input, DATA, HALVES, **SMALL).shape == (4, 150, 3)


def test_threads_calculate_on_one_core_each_and_the_limit_ends(monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads():
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    seen, real = [], network.fit
    monkeypatch.setattr(network, "fit", lambda *a, **k: (
        seen.append((threads(), threading.current_thread())), real(*a, **k))[1])
    with threadpool_limits(2, user_api="blas"):
        train_many(mlp(4), DATA, HALVES, n_jobs=2, **SMALL)
        assert threads() == {2}
    assert [number for number, _ in seen] == [{1}] * 4
    assert threading.main_thread() not in [thread for _, thread in seen]


# ---------------------------------------------------------------- what is left to Keras


IMAGES = Dataset("noise", np.random.default_rng(0).random((30, 2, 2, 1), np.float32),
                 np.arange(30) % 2, ("0", "1"))


def with_batch_normalization(shape, classes):
    model = keras.Sequential([keras.Input(shape), L.Flatten(), L.BatchNormalization(),
                              L.Dense(classes, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("build, reason", [
    (with_batch_normalization, r"BatchNormalization\) is left to Keras"),
    (stacking(softmax_regression(), forest=DummyClassifier()), "gives a Stack"),
    (classical(DummyClassifier()), "gives a Classical"),
])
def test_what_numpy_cannot_train_trains_one_after_the_other_and_says_so_once(build, reason):
    included = np.random.default_rng(0).random((2, 30)) < 0.5
    with pytest.warns(UserWarning, match=f"one after the other: .*{reason}") as said:
        answers = train_many(build, IMAGES, included, query=IMAGES, epochs=1)
    assert answers.shape == (2, 30, 2) and len(said) == 1
    assert said[0].filename == __file__
    expected = train(build, IMAGES.take(included[1]), epochs=1, seed=seed_of(0, 1))
    np.testing.assert_allclose(answers[1], expected.posteriors(IMAGES.x), atol=1e-6)


def test_a_width_that_is_left_to_keras_is_trained_by_keras():
    words = np.array(["tea cup", "tea pot", "bus stop", "bus ride"] * 3)
    texts = Dataset("texts", words, np.arange(12) % 2, ("a", "b"), centred_tfidf())
    included = np.zeros((2, 12), bool)
    included[0, :2] = included[1] = True

    def build(shape, classes):
        narrow = [L.BatchNormalization()] if shape[0] < 4 else []
        model = keras.Sequential([keras.Input(shape), *narrow, L.Dense(classes, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    with pytest.warns(UserWarning, match="BatchNormalization"):
        answers = train_many(build, texts, included, query=texts, epochs=1, batch_size=6)
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(
        answers[1], alone(build, texts, included[1], seed_of(0, 1), words, 1, 6), atol=1e-6)


def test_weights_that_a_builder_sets_are_kept():
    def build(input_shape, classes):
        model = softmax_regression(learning_rate=1e-9)(input_shape, classes)
        model.layers[-1].kernel.assign(np.zeros((20, 3)))
        model.layers[-1].bias.assign([0.0, 0.0, 9.0])
        return model

    with pytest.warns(UserWarning, match="sets weights itself"):
        answers = train_many(build, DATA, HALVES[:1], **{**SMALL, "epochs": 1})
    assert (answers.argmax(axis=2) == 2).all()


# ---------------------------------------------------------------- bad input


def one_column(input_shape, classes):
    model = keras.Sequential([keras.Input(input_shape), L.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model


def logits(input_shape, classes):
    model = keras.Sequential([keras.Input(input_shape),
                              L.Dense(classes, bias_initializer="ones")])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


SHARED, LAYER = mlp(4)((20,), 3), L.Dense(4)


def with_shared_layer(input_shape, classes):
    model = keras.Sequential([keras.Input(input_shape), LAYER, L.Dense(classes, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("build, message", [
    (one_column, r"answer with 3 posteriors, one a class, got shape \(1, 1\)"),
    (logits, "logits"),
    (lambda shape, classes: DummyClassifier(), "build must give a Keras model, .*DummyClassifier"),
    (SHARED, "build must be a function"),
    (lambda shape, classes: SHARED, "anew on each call"),
    (with_shared_layer, "anew on each call"),
])
def test_builders_that_do_not_give_new_models_with_posteriors_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        train_many(build, DATA, HALVES, **SMALL)


@pytest.mark.parametrize("change, message", [
    ({"included": HALVES.astype(int)}, "included must be a bool array, .*got int64"),
    ({"included": HALVES.tolist()}, "included must be a bool array, .*got list"),
    ({"included": HALVES[:, 1:]}, r"150 columns, .*got shape \(4, 149\)"),
    ({"included": HALVES[0]}, r"one row a model .*got shape \(150,\)"),
    ({"included": HALVES[:0]}, r"one row a model .*got shape \(0, 150\)"),
    ({"included": HALVES & [[True], [True], [False], [True]]}, "leaves model 2 without a record"),
    ({"query": RECORDS[:, 1:]}, r"query must be .*shape \(20,\) .*got shape \(150, 19\)"),
    ({"query": RECORDS[:0]}, "query must be at least one record"),
    ({"query": 3}, r"query must be .*got shape \(\)"),
    ({"query": np.full((2, 20), np.nan)}, "NaN"),
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"epochs": 1.5}, "epochs must be a whole number, got 1.5"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
    ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
    ({"seed": None}, "seed must be a whole number, got None"),
    ({"seed": [1, 2, 3]}, "one entry for each of the 4 models, got 3"),
    ({"seed": [1, 2, 3, -4]}, "seed must be at least 0, got -4"),
    ({"seed": [1, 2, 3, (4, 0.5)]}, "seed must be a whole number, got 0.5"),
    ({"seed": "abcd"}, "seed must be a whole number, got 'a'"),
    ({"n_jobs": 0}, "n_jobs"),
    ({"dataset": replace(DATA, prepare=FunctionTransformer(np.log))}, "prepare, .*infinite"),
])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        train_many(**{"build": mlp(8), "dataset": DATA, "included": HALVES, **SMALL, **change})


def test_another_backend_than_tensorflow_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="train_many needs KERAS_BACKEND=tensorflow, got jax"):
        train_many(mlp(8), DATA, HALVES, **SMALL)


def test_a_model_that_diverges_is_named_and_not_kept(tmp_path):
    build = mlp(8, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"model [01] diverged, .*lower learning rate"):
        train_many(build, DATA, HALVES[:2], cache=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())


def test_a_model_of_keras_that_diverges_is_named(tmp_path):
    def build(shape, classes):
        model = with_batch_normalization(shape, classes)
        model.compile(keras.optimizers.SGD(1e38), "sparse_categorical_crossentropy")
        return model

    with pytest.warns(UserWarning), pytest.raises(ValueError, match="model 0 has no answers"):
        train_many(build, DATA, HALVES[:1], cache=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- cache


def test_finished_models_are_not_trained_again(tmp_path, monkeypatch):
    first = train_many(mlp(8), DATA, ALIKE, cache=tmp_path, **SMALL)
    assert len(list(tmp_path.iterdir())) == 4  # though their rows are the same
    for one in range(4):
        for two in range(one):
            assert not np.allclose(first[one], first[two], atol=1e-4)
    sorted(tmp_path.iterdir())[0].unlink()  # as if it had been stopped before the last
    sorted(tmp_path.iterdir())[1].write_bytes(b"damaged")
    trained, real = [], many._one
    monkeypatch.setattr(many, "_one", lambda k, *rest: trained.append(k) or real(k, *rest))
    again = train_many(mlp(8), DATA, ALIKE, cache=tmp_path, **SMALL)
    np.testing.assert_array_equal(first, again)
    assert len(trained) == 2
    few = train_many(mlp(8), DATA, ALIKE[:2], seed=[(0, 3), (0, 1)], cache=str(tmp_path), **SMALL)
    np.testing.assert_array_equal(few, first[[3, 1]])
    assert len(trained) == 2


def test_models_of_keras_are_kept_too(tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="Classical"):
        first = train_many(classical(DummyClassifier()), DATA, HALVES, cache=tmp_path, **SMALL)
    monkeypatch.setattr(many.training, "train", None)
    with warnings.catch_warnings(action="error"):
        again = train_many(classical(DummyClassifier()), DATA, HALVES, cache=tmp_path, **SMALL)
    np.testing.assert_array_equal(first, again)


def test_two_defenses_two_weights_and_two_seeds_do_not_share_a_file(tmp_path):
    def biased(amount):
        def build(shape, classes):
            model = softmax_regression(learning_rate=1e-6)(shape, classes)
            model.layers[-1].bias.assign([0.0, 0.0, amount])
            return model

        return build

    runs = [(label_smoothing(mlp(4), 0.0), 0), (label_smoothing(mlp(4), 0.8), 0),
            (label_smoothing(mlp(4), 0.8), 1), (biased(1.0), 0), (biased(4.0), 0)]
    with warnings.catch_warnings(action="ignore"):
        found = [train_many(build, DATA, HALVES[:1], cache=tmp_path, seed=seed, **SMALL)
                 for build, seed in runs]
    assert len(list(tmp_path.iterdir())) == len(runs)
    for place, one in enumerate(found):
        for two in found[:place]:
            assert not np.allclose(one, two, atol=1e-3)


def test_the_settings_are_in_the_key(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(keys, "common_key", lambda model, *rest: asked.append(rest) or "key")
    train_many(mlp(4), DATA, HALVES[:1], query=RECORDS[:9], epochs=2, batch_size=7, cache=tmp_path)
    dataset, query, epochs, batch_size, initial = asked[0]
    assert dataset is DATA and np.array_equal(query, RECORDS[:9])
    assert (epochs, batch_size, initial) == (2, 7, [])


def test_what_the_key_cannot_see_is_not_kept(tmp_path):
    data = replace(DATA, prepare=FunctionTransformer(seed_of))
    with pytest.raises(ValueError, match="cache must be None where prepare uses code .*seed_of"):
        many.keys.common_key(mlp(4)((20,), 3), data, RECORDS, 1, 1, [])


@pytest.mark.filterwarnings("ignore:.* tasks")  # joblib's, of those that were under way
def test_an_interrupted_write_is_never_read(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", interrupted)
        train_many(mlp(8), DATA, HALVES, cache=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- spread over processes


def floats_or_death(x):
    """Kills the first process that prepares records after the parent, if a file says so."""
    flag = os.environ.get("KILL_ONE")
    if flag and os.getpid() != int(os.environ["PARENT"]):
        try:
            os.unlink(flag)
            os.kill(os.getpid(), signal.SIGKILL)
        except FileNotFoundError:
            pass
    return x.astype(np.float32)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that kills a worker")
def test_dask_gives_the_same_a_killed_worker_loses_nothing_and_none_is_heard(tmp_path, monkeypatch,
                                                                             capfd):
    distributed = pytest.importorskip("dask.distributed")
    build = dropout(label_smoothing(mlp(8)))
    expected = train_many(build, DATA, HALVES, **SMALL)
    flag = tmp_path / "kill"
    flag.touch()
    monkeypatch.setenv("KILL_ONE", str(flag))
    monkeypatch.setenv("PARENT", str(os.getpid()))
    for name in [name for name in os.environ if name.startswith("TF_")]:
        monkeypatch.delenv(name)
    data = replace(DATA, prepare=FunctionTransformer(floats_or_death))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                 silence_logs=50) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        survived = train_many(build, data, HALVES, **SMALL)
    assert not flag.exists()
    np.testing.assert_allclose(survived, expected, atol=1e-5)
    assert not re.search("tensorflow|onednn|absl|cuda", "".join(capfd.readouterr()), re.IGNORECASE)


SCRIPT = """
import numpy as np
from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import mlp, train_many
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    data = Dataset("noise", rng.random((40, 5)), rng.integers(0, 2, 40), ("no", "yes"))
    train_many(mlp(8), data, rng.random((2, 40)) < 0.5, query=data, epochs=2)
"""


def test_a_script_hears_nothing_from_tensorflow(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True,
                         env={**env, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
