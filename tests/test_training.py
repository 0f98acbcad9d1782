"""The one training loop, tiny and real: fresh models, one transform, quiet; and whom it can ask."""

import logging
import os
import subprocess
import sys
from functools import lru_cache

import keras
import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mlleaks_helpers.data import Dataset, load, split
from mlleaks_helpers.models import Classical, Trained, classical, dropout, mlp, stacking, train
from mlleaks_helpers.observation import observe

PARTS = split(load("digits"), size=60, seed=0)
RECORDS, LABELS = make_blobs(90, 4, centers=3, cluster_std=3, random_state=0)
BLOBS = Dataset("blobs", RECORDS, LABELS, ("a", "b", "c"), StandardScaler())


@lru_cache
def trained(seed=0, part="target_train"):
    return train(mlp(8), getattr(PARTS, part), epochs=2, batch_size=25, seed=seed)


def weights(trained):
    return [np.array(w) for w in trained.model.get_weights()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class Spy:
    """Stands in for a model: keeps what it is given, answers with the records' first values."""

    def __init__(self, shape, classes):
        self.shape, self.classes, self.drawn = shape, classes, np.random.random()  # noqa: NPY002
        self.asked = []

    def fit(self, x, y, **options):
        self.x, self.y, self.options, self.history = x, y, options, {"loss": [self.drawn]}
        return self

    def __call__(self, x, training=False):
        self.asked.append(x)
        return np.stack([x[:, 0], 1 - x[:, 0]], axis=1)


# ---------------------------------------------------------------- train


def test_one_seed_repeats_and_two_seeds_and_two_parts_differ():
    first, other, shadow = trained(), trained(1), trained(0, "shadow_train")
    assert same(weights(first), weights(train(mlp(8), PARTS.target_train, epochs=2, batch_size=25)))
    assert not same(weights(first), weights(other))
    assert not same(weights(first), weights(shadow))
    histories = [one.history["loss"] for one in (first, other, shadow)]
    assert [len(history) for history in histories] == [2, 2, 2]
    assert len({history[-1] for history in histories}) == 3


def test_the_seed_is_set_before_the_model_is_built_and_every_model_keeps_its_own_history():
    first, again, other = (train(Spy, BLOBS, epochs=1, seed=seed) for seed in (5, 5, 6))
    assert first.model.drawn == again.model.drawn != other.model.drawn
    assert other.history == {"loss": [other.model.drawn]}


def test_a_model_is_fitted_on_the_prepared_training_part_as_asked():
    one = train(Spy, BLOBS.take(slice(0, 50)), epochs=3, batch_size=7)
    assert one.model.shape == (4,) and one.model.classes == 3
    expected = (RECORDS[:50] - RECORDS[:50].mean(axis=0)) / RECORDS[:50].std(axis=0)
    np.testing.assert_allclose(one.model.x, expected, atol=1e-6)
    np.testing.assert_array_equal(one.model.y, LABELS[:50])
    assert one.model.options["epochs"] == 3 and one.model.options["batch_size"] == 7
    assert not hasattr(BLOBS.prepare, "mean_")  # the data set's own stays unfitted


def test_the_transform_that_was_fitted_in_training_serves_everyone():
    first, second = (train(Spy, BLOBS.take(rows), epochs=1)
                     for rows in (slice(0, 50), slice(50, 90)))
    low, high = RECORDS.min(), RECORDS.max()
    for one, rows in ((first, slice(0, 50)), (second, slice(50, 90))):
        scale = StandardScaler().fit(RECORDS[rows])
        one.model.__class__ = type("Shares", (Spy,), {
            "__call__": lambda self, x: super(type(self), self).__call__(1 / (1 + np.exp(-x)))})
        one.posteriors(np.array([[low] * 4, [high] * 4]))
        asked = 1 / (1 + np.exp(-scale.transform([[low] * 4, [high] * 4])))
        np.testing.assert_allclose(one.model.asked[-1], asked, atol=1e-6)


def test_training_leaves_keras_settings_as_they_were_and_holds_back_one_warning(caplog):
    class Traced(Spy):
        def fit(self, *args, **options):
            log.warning("5 out of the last 5 calls to <f at 0x7f> triggered tf.function retracing.")
            return super().fit(*args, **options)

    log = logging.getLogger("tensorflow")
    before = keras.config.floatx(), keras.config.dtype_policy(), log.level, list(log.filters)
    log.addHandler(caplog.handler)
    try:
        train(Traced, BLOBS)
    finally:
        log.removeHandler(caplog.handler)
    assert caplog.records == []
    assert before == (keras.config.floatx(), keras.config.dtype_policy(), log.level, log.filters)


def test_numpys_numbers_will_do():
    one = train(Spy, BLOBS, epochs=np.int64(2), batch_size=np.int32(9), seed=np.int64(3))
    assert one.model.options["epochs"] == 2 and type(one.model.options["batch_size"]) is int


@pytest.mark.parametrize("options, message", [
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"epochs": 1.5}, "epochs must be a whole number, got 1.5"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"seed": -1}, "seed must be at least 0, got -1"),
    ({"seed": None}, "seed must be a whole number, got None"),
    ({"seed": 2**32}, r"seed must be below 2\*\*32, got 4294967296"),
])
def test_a_number_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        train(Spy, BLOBS, **options)


@pytest.mark.parametrize("build", [mlp(8), dropout(mlp(8))])
def test_a_model_may_be_asked_after_every_epoch_and_learns_as_if_it_was_not(build):
    def ask(one):
        seen.append(one(RECORDS))
        accuracies.append(one.accuracy(BLOBS))

    seen, accuracies = [], []
    asked = train(build, BLOBS, epochs=3, batch_size=20, seed=4, each_epoch=ask)
    alone = train(build, BLOBS, epochs=3, batch_size=20, seed=4)
    assert same(weights(asked), weights(alone)) and asked.history == alone.history
    np.testing.assert_array_equal(seen[-1], alone(RECORDS))
    assert len(seen) == 3 and not np.array_equal(seen[0], seen[1])
    assert accuracies[-1] == alone.accuracy(BLOBS)


@pytest.mark.parametrize("build, kind", [
    (classical(GaussianNB()), "Classical"), (stacking(mlp(8)), "Stack"), (Spy, "Spy")])
def test_what_does_not_learn_epoch_by_epoch_cannot_be_asked_meanwhile(build, kind):
    with pytest.raises(ValueError, match=f"each_epoch needs a Keras model, .* got {kind}"):
        train(build, BLOBS, epochs=2, each_epoch=print)


def test_double_precision_is_trained_and_answered_in():
    before = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        one = train(mlp(4), BLOBS, epochs=1)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    posteriors = one.posteriors(RECORDS)
    assert posteriors.dtype == np.float64
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-12)


SCRIPT = """
from mlleaks_helpers.data import load
from mlleaks_helpers.models import mlp, train
part = load("digits").take(slice(0, 60))
train(mlp(8), part, epochs=2).posteriors(part.x)
"""


def test_a_script_hears_nothing_from_tensorflow():
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# ---------------------------------------------------------------- whom Trained can ask


def test_observe_keeps_every_row_once_with_its_label_and_its_truth():
    members, non_members = PARTS.target_train, PARTS.target_out.take(slice(0, 25))
    seen = observe(trained(), members, non_members)
    assert len(seen) == 85 and seen.member[:60].all() and not seen.member[60:].any()
    np.testing.assert_array_equal(seen.labels, np.concatenate([members.y, non_members.y]))
    alone = [trained()(part.x) for part in (members, non_members)]
    np.testing.assert_array_equal(seen.posteriors, np.concatenate(alone))
    assert seen.accuracy == pytest.approx((trained().accuracy(members),
                                           trained().accuracy(non_members)))
    few = trained().posteriors(non_members.x[:5])  # no record changes another's answer
    np.testing.assert_allclose(few, alone[1][:5], rtol=1e-4)


def test_records_are_prepared_batch_by_batch_and_every_one_once():
    class Noting(StandardScaler):
        def transform(self, x):
            sizes.append(len(x))
            return super().transform(x)

    sizes, x = [], np.arange(2_500.0)[:, None] / 2_500
    asked = Trained(lambda x: np.hstack([x, 1 - x]), Noting(with_mean=False, with_std=False).fit(x))
    np.testing.assert_allclose(asked(x)[:, 0], x[:, 0], atol=1e-6)
    assert sizes[-3:] == [1_000, 1_000, 500] and max(sizes) == 1_000


def own(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


def test_a_keras_model_of_your_own_can_be_asked_and_drops_nothing():
    model = own(keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax"))
    np.testing.assert_allclose(Trained(model)(RECORDS), model(RECORDS, training=False), rtol=1e-5)


def test_a_classifiers_columns_are_the_labels():
    """Classes 1 and 3 of four, so that each column is somewhere else than in the classifier."""
    y = np.where(LABELS == 0, 3, 1)
    fitted = LogisticRegression().fit(RECORDS, y)
    one, three = fitted.predict_proba(RECORDS).T
    zero = np.zeros(90)
    np.testing.assert_allclose(Trained(fitted)(RECORDS), np.stack([zero, one, zero, three], 1),
                               atol=1e-6)
    five = Trained(Classical(fitted, 5))
    assert five(RECORDS).shape == (90, 5)
    data = Dataset("five", RECORDS, y, tuple("abcde"))
    assert five.accuracy(data) == fitted.score(RECORDS, y) > 0.8
    yes = Trained(GaussianNB().fit(RECORDS, y == 3))  # False and True are labels 0 and 1
    np.testing.assert_allclose(yes(RECORDS)[:, 1],
                               yes.model.predict_proba(RECORDS)[:, 1], atol=1e-6)


def test_a_function_can_be_asked_and_a_trained_model_is_one():
    def ask(x):
        return [[0.25, 0.75]] * len(x)

    np.testing.assert_array_equal(Trained(ask)(RECORDS), np.tile([0.25, 0.75], (90, 1)))
    np.testing.assert_array_equal(Trained(Trained(ask))(RECORDS), Trained(ask)(RECORDS))


def test_images_and_texts_reach_a_classifier_as_it_takes_them():
    forest = RandomForestClassifier(9, random_state=0)
    forest.fit(PARTS.target_train.x.reshape(60, -1), PARTS.target_train.y)
    assert Trained(forest).accuracy(PARTS.target_train) > 0.9

    class Texts:
        def predict_proba(self, x):
            return np.array([[0.0, 1.0] if "b" in text else [1.0, 0.0] for text in x])

    np.testing.assert_array_equal(Trained(Texts())(np.array(["a", "b"])), np.eye(2))


def two_outputs(kind):
    record = keras.Input((4,))
    outputs = [keras.layers.Dense(3, "softmax", name=name)(record) for name in ("p", "q")]
    return keras.Model(record, outputs if kind is list else dict(zip("pq", outputs, strict=True)))


@pytest.mark.parametrize("model, message", [
    (own(keras.layers.Dense(1, "sigmoid")), r"one number a record, shape \(90, 1\).*hstack"),
    (own(keras.layers.Dense(3)), "logits"),
    (two_outputs(dict), r"a dict of 'p', 'q': .*model\(x\)\['p'\]"),
    (two_outputs(list), r"2 outputs: .*model\(x\)\[0\]"),
    (own(keras.layers.Dense(4, "softmax")), "answers for 4 classes, and blobs has 3"),
    (RandomForestClassifier(2).fit(RECORDS, LABELS.astype(str)), r"0, 1, …, got \['0', '1', '2'\]"),
    (RandomForestClassifier(2).fit(RECORDS, LABELS - 1), r"0, 1, …, got \[-1, 0, 1\]"),
    (RandomForestClassifier(2).fit(RECORDS, np.c_[LABELS, LABELS]), "2 outputs"),
    (RandomForestClassifier(2), "not fitted"),
    (Classical(GaussianNB().fit(RECORDS, LABELS), 2), "largest label .*knows, 2, got 2"),
])
def test_an_answer_that_is_no_posteriors_is_named(model, message):
    with pytest.raises(ValueError, match=message):
        Trained(model).accuracy(BLOBS)


@pytest.mark.parametrize("model, kind", [
    (LinearSVC(), "LinearSVC"), (RandomForestClassifier, "RandomForestClassifier"),
    ("model.keras", "str"), (None, "NoneType"),
])
def test_what_cannot_be_asked_is_refused_at_once(model, kind):
    with pytest.raises(ValueError, match=f"model must be a Keras model, .* got {kind}"):
        Trained(model)


@pytest.mark.parametrize("x", [RECORDS[:0], 3.0])
def test_at_least_one_record_must_be_asked_about(x):
    with pytest.raises(ValueError, match="x must be at least one record, got shape"):
        Trained(lambda x: x)(x)


def test_a_model_that_diverged_is_noticed():
    one = train(mlp(4, learning_rate=1e30), BLOBS, epochs=2, batch_size=90)
    with pytest.raises(ValueError, match="posteriors must be finite"):
        one.accuracy(BLOBS)


# ---------------------------------------------------------------- classical


def test_a_scikit_learn_classifier_trains_and_answers_like_any_model():
    build = classical(RandomForestClassifier(5))
    forest, again, other = (train(build, PARTS.target_train, seed=seed) for seed in (1, 1, 2))
    seen = observe(forest, PARTS.target_train, PARTS.target_out)
    assert seen.accuracy[0] > 0.9 and forest.history is None
    np.testing.assert_array_equal(seen.posteriors[:60], again(PARTS.target_train.x))
    assert not np.array_equal(forest(PARTS.target_out.x), other(PARTS.target_out.x))
    x = forest.prepare.transform(PARTS.target_out.x).reshape(60, -1)
    classes = forest.model.estimator.classes_
    np.testing.assert_allclose(seen.posteriors[60:, classes],
                               forest.model.estimator.predict_proba(x), atol=1e-6)
