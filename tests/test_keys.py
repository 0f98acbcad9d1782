"""What changes the answers changes the key, and what the key cannot see is refused."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.data.prepare import PerPixel, centred_tfidf, one_hot_and_scaled
from mlleaks_helpers.models import (
    Mixup,
    classical,
    cnn,
    dropout,
    keras,
    keys,
    l2,
    label_smoothing,
    mixup,
    mlp,
    softmax_regression,
    stacking,
)

L, OPT = keras.layers, keras.optimizers
RECORDS = np.random.default_rng(0).integers(0, 2, (20, 5), np.uint8)
DATA = Dataset("votes", RECORDS, np.arange(20) % 3, tuple("abc"))


def key(build=None, dataset=DATA, query=RECORDS, epochs=3, batch_size=5, initial=()):
    model = (build or mlp(4))((5,), 3)
    return keys.common_key(model, dataset, query, epochs, batch_size, list(initial))


def made(*layers, optimizer="adam", loss="sparse_categorical_crossentropy"):
    def build(shape, classes):
        model = keras.Sequential([keras.Input(shape), *(make() for make in layers),
                                  L.Dense(classes, "softmax")])
        model.compile(optimizer() if callable(optimizer) else optimizer, loss)
        return model

    return build


BUILDERS = [
    mlp(4), mlp(5), mlp(4, learning_rate=0.5), mlp(4, l2=0.1), softmax_regression(),
    dropout(mlp(4)), dropout(mlp(4), inputs=0.1), dropout(mlp(4), hidden=0.1), l2(mlp(4), 0.2),
    label_smoothing(mlp(4), 0.0), label_smoothing(mlp(4), 0.3), label_smoothing(mlp(4), 0.8),
    mixup(mlp(4), 1.0), mixup(mlp(4), 0.5), mixup(mlp(5)),
    stacking(mlp(4)), stacking(mlp(5)), stacking(mlp(4), top=LogisticRegression(C=2)),
    stacking(mlp(4), forest=DummyClassifier()), classical(DummyClassifier()),
    classical(LogisticRegression()), classical(LogisticRegression(C=2)),
    made(lambda: L.LeakyReLU(0.1)), made(lambda: L.LeakyReLU(0.2)), made(optimizer="sgd"),
    made(optimizer=lambda: OPT.SGD(0.01, momentum=0.1)), made(loss="mse"),
    made(optimizer=lambda: OPT.Adam(OPT.schedules.ExponentialDecay(0.1, 10, 0.5))),
    made(optimizer=lambda: OPT.Adam(OPT.schedules.ExponentialDecay(0.1, 10, 0.6))),
    made(lambda: L.Dense(4, kernel_initializer=keras.initializers.RandomNormal(seed=1))),
    made(lambda: L.Dense(4, kernel_initializer=keras.initializers.RandomNormal(seed=2))),
]
SETTINGS = [
    {"dataset": replace(DATA, x=1 - RECORDS)}, {"dataset": replace(DATA, y=(DATA.y + 1) % 3)},
    {"dataset": replace(DATA, classes=tuple("abcd"))}, {"dataset": replace(DATA, prepare=PCA(2))},
    {"dataset": replace(DATA, prepare=PCA(3))}, {"query": RECORDS[:9]}, {"query": 1 - RECORDS},
    {"query": RECORDS.astype(float)}, {"epochs": 4}, {"batch_size": 4},
    {"dataset": replace(DATA, prepare=StandardScaler())}, {"initial": [np.ones(3)]},
    {"initial": [np.zeros(3)]},
]


def test_whatever_changes_the_answers_changes_the_key():
    found = [key(build) for build in BUILDERS] + [key(**change) for change in SETTINGS]
    assert len(set(found)) == len(found)
    assert [key(build) for build in BUILDERS] == found[: len(BUILDERS)]


def test_names_and_metrics_change_nothing():
    def build(shape, classes):
        model = mlp(4)(shape, classes)
        model.compile(model.optimizer, model.loss, metrics=[lambda y, p: 0.0])
        return model

    assert key(build) == key() == key(dataset=replace(DATA, name="other", classes=tuple("xyz")))


def test_rows_and_seeds_change_a_models_key():
    rows = np.arange(20) < 10
    found = {keys.model_key(*one) for one in (("a", rows, 1), ("a", rows, 2), ("a", ~rows, 1),
                                               ("b", rows, 1))}
    assert len(found) == 4


def test_a_change_of_code_changes_the_key(monkeypatch):
    before = key()
    monkeypatch.setattr(keys, "_code", lambda: [b"another"])
    assert key() != before


def test_the_code_is_all_that_trains_prepares_and_asks():
    code = b"".join(keys._code()).decode()
    for part in ("def fit(recipe", "class Adam", "def train_many(", "def train(", "class Mixtures",
                 "class SmoothedCrossEntropy", "class Classical", "class PerPixel",
                 "def in_batches", "def take(", "def recipe(", "class Stack"):
        assert part in code


# ---------------------------------------------------------------- what it cannot see


def double(x):
    return 2 * x


class Own(L.Layer):
    def call(self, x):
        return x


@keras.saving.register_keras_serializable("reader")
class OwnLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = L.Dense(3, "softmax")

    def call(self, x):
        return self.last(x)


def own_model(shape, classes):
    model = OwnModel()
    model.compile("adam", "sparse_categorical_crossentropy")
    model(np.zeros((1, 5), np.float32))
    return model


class OwnMixup(Mixup):
    pass


@pytest.mark.parametrize("build, what", [
    (made(Own), "Own"), (made(lambda: L.Dense(4, double)), "double"), (own_model, "OwnModel"),
    (made(lambda: L.Dense(4, lambda x: x)), "lambda"),
    (made(lambda: L.Dense(4, kernel_regularizer=lambda w: 0.0)), "lambda"),
    (made(lambda: L.Lambda(double)), "double"), (made(lambda: L.Lambda(lambda x: x)), "lambda"),
    (made(loss=OwnLoss()), "OwnLoss"),
    (made(loss=lambda y, p: keras.ops.mean(p)), "lambda"),
    (made(loss=keras.losses.sparse_categorical_crossentropy), "sparse_categorical_crossentropy"),
    (mixup(made(lambda: L.Lambda(double))), "double"),
    (stacking(made(lambda: L.Lambda(double))), "double"),
    (lambda shape, classes: OwnMixup(mlp(4)(shape, classes), 3, 1.0), "OwnMixup"),
])
def test_models_with_code_of_the_readers_own_are_not_kept(build, what):
    with pytest.raises(ValueError, match=f"cache must be None where build uses code .*{what}"):
        key(build)


class OwnScaler(StandardScaler):
    pass


@pytest.mark.parametrize("prepare, what", [
    (FunctionTransformer(double), "double"), (FunctionTransformer(lambda x: x), "lambda"),
    (OwnScaler(), "OwnScaler"), (make_pipeline(StandardScaler(), OwnScaler()), "OwnScaler"),
    (FunctionTransformer(partial(double)), "double"), (PerPixel(double), "double"),
    (make_column_transformer((FunctionTransformer(double), [0])), "double"),
    (FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": double}), "double"),
    (TfidfVectorizer(tokenizer=double), "double"),
    (FunctionTransformer(Own.call), "Own.call"),
])
def test_preprocessing_with_code_of_the_readers_own_is_not_kept(prepare, what):
    with pytest.raises(ValueError, match=f"cache must be None where prepare uses .*{what}"):
        key(dataset=replace(DATA, prepare=prepare))


@pytest.mark.parametrize("prepare", [
    None, PerPixel(2.0), centred_tfidf(), one_hot_and_scaled(np.array([0, 1])),
    FunctionTransformer(np.log1p), FunctionTransformer(partial(np.clip, a_min=0, a_max=1)),
    make_pipeline(PCA(2, random_state=np.random.RandomState(0)), StandardScaler()),
    make_column_transformer((OneHotEncoder(dtype=np.float32), [0])),
])
def test_preprocessing_of_ours_and_of_scikit_learn_is_kept(prepare):
    assert len(key(dataset=replace(DATA, prepare=prepare))) == 32


def test_a_network_of_convolutions_has_a_key():
    images = Dataset("noise", np.zeros((6, 12, 12, 1), np.uint8), np.arange(6) % 2, tuple("ab"))
    assert keys.common_key(cnn(2, 4)((12, 12, 1), 2), images, images.x, 1, 1, [])
