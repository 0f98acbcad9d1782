"""The paper's two defenses, and that a broken promise is noticed."""

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from mlleaks_helpers.data import load, split
from mlleaks_helpers.models import Stack, dropout, mlp, stacking, train
from mlleaks_helpers.observation import observe

PARTS = split(load("digits"), seed=0)


def test_dropout_sits_before_the_first_and_before_the_last_layer():
    layers = dropout(mlp(8), inputs=0.2, hidden=0.4)((64,), 10).layers
    assert [type(layer).__name__ for layer in layers] == [
        "Dropout", "Flatten", "Dense", "Dropout", "Dense"]
    assert [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)] == [0.2, 0.4]


def test_dropout_keeps_how_the_model_is_trained():
    plain, dropped = mlp(8, learning_rate=0.02)((64,), 10), dropout(mlp(8, learning_rate=0.02))
    model = dropped((64,), 10)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert model.loss == plain.loss and model.count_params() == plain.count_params()


def test_nothing_is_dropped_when_the_model_is_asked():
    trained = train(dropout(mlp(8)), PARTS.target_train, epochs=1)
    first, second = (trained.posteriors(PARTS.target_out.x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    x = trained.prepare.transform(PARTS.target_out.x)
    noisy = [np.array(trained.model(x, training=True)) for _ in range(2)]
    assert not np.array_equal(*noisy)  # in training it does drop


@pytest.mark.parametrize("ratios", [{"inputs": 1}, {"hidden": -0.1}, {"inputs": 1.5}])
def test_a_ratio_out_of_range_is_named(ratios):
    (name, value), = ratios.items()
    with pytest.raises(ValueError, match=f"{name} is the share .* got {value}"):
        dropout(mlp(), **ratios)


def test_dropout_says_that_it_needs_a_sequential_model():
    def functional(input_shape, classes):
        record = keras.Input(input_shape)
        model = keras.Model(record, keras.layers.Dense(classes, "softmax")(record))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ValueError, match="needs a Builder of keras.Sequential models"):
        train(dropout(functional), PARTS.target_train)


class Spy:
    """Stands in for a model, and keeps the rows that it was fitted on."""

    history = None
    classes = 10

    def fit(self, x, y, **_):
        self.seen = {row.tobytes() for row in x}
        self.width = x.shape[1]
        return self

    def __call__(self, x, training=False):
        return np.full((len(x), self.classes), 1 / self.classes, np.float32)


def test_no_record_trains_two_of_the_three():
    """Fails where the parts overlap, or where a record is left out."""
    x = np.random.default_rng(0).random((300, 4), dtype=np.float32)
    stack = Stack(Spy(), Spy(), Spy())
    stack.fit(x, np.zeros(300, int))
    network, forest = stack.network.seen, stack.forest.seen
    assert len(network) == len(forest) == 100 and not network & forest
    assert np.bincount(stack.part_).tolist() == [100, 100, 100]
    assert {x[row].tobytes() for row in np.flatnonzero(stack.part_ == 0)} == network
    assert {x[row].tobytes() for row in np.flatnonzero(stack.part_ == 1)} == forest
    assert stack.top.width == 20  # two times ten posteriors, and no record


def test_the_top_is_trained_on_records_that_the_others_never_saw():
    x = np.random.default_rng(0).random((300, 4), dtype=np.float32)
    asked = []

    class Noting(Spy):
        def __call__(self, x, training=False):
            asked.extend(row.tobytes() for row in x)
            return super().__call__(x)

    stack = Stack(Noting(), Spy(), Spy())
    stack.fit(x, np.zeros(300, int))
    assert len(asked) == 100
    assert not set(asked) & (stack.network.seen | stack.forest.seen)


def test_a_stack_trains_and_answers_like_any_model():
    first, again, other = (train(stacking(mlp(16)), PARTS.target_train, epochs=20, seed=seed)
                           for seed in (1, 1, 2))
    seen = observe(first, PARTS.target_train, PARTS.target_out)
    assert seen.posteriors.shape == (2 * len(PARTS.target_train), 10)
    assert seen.accuracy[1] > 0.8
    np.testing.assert_array_equal(seen.posteriors, observe(
        again, PARTS.target_train, PARTS.target_out).posteriors)
    assert not np.array_equal(first.model.part_, other.model.part_)


def test_a_stack_answers_for_classes_that_a_third_never_saw():
    y = PARTS.target_train.y
    rare = PARTS.target_train.take(np.r_[np.flatnonzero(y != 7), np.flatnonzero(y == 7)[:1]])
    trained = train(stacking(mlp(8), forest=RandomForestClassifier(5)), rare, epochs=2)
    posteriors = trained.posteriors(rare.x)
    assert posteriors.shape == (len(rare), 10)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
