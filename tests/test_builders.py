"""The paper's networks are as the paper has them, and what cannot be built is named at once."""

import keras
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC

from mlleaks_helpers.models import Classical, classical, cnn, mlp, softmax_regression


def test_the_papers_architectures():
    network = cnn()((28, 28, 1), 10)
    shapes = [layer.output.shape[1:] for layer in network.layers]
    assert shapes == [(28, 28, 32), (14, 14, 32), (10, 10, 32), (5, 5, 32), (800,), (128,), (10,)]
    table = mlp()((446,), 30)
    assert table.count_params() == 446 * 128 + 128 + 128 * 30 + 30
    assert table.layers[-2].activation is keras.activations.tanh
    assert softmax_regression()((4,), 3).count_params() == 4 * 3 + 3


@pytest.mark.parametrize("build, shape", [
    (lambda **o: mlp(3, **o), (5,)), (lambda **o: cnn(2, 3, **o), (12, 12, 1)),
    (softmax_regression, (5,)),
])
def test_rate_and_penalty_reach_the_model(build, shape):
    model = build(learning_rate=0.03, l2=0.25)(shape, 2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.03)
    kernels = [w for w in model.get_weights() if w.ndim > 1]  # biases are not penalised
    total = sum(float(loss) for loss in model.losses)
    assert total == pytest.approx(0.25 * sum((w**2).sum() for w in kernels), rel=1e-5)
    for bias in (v for v in model.variables if v.path.endswith("bias")):
        bias.assign(np.full(bias.shape, 9.0))
    assert sum(float(loss) for loss in model.losses) == pytest.approx(total, rel=1e-5)
    assert build(l2=0)(shape, 2).losses == []


def test_widths_reach_their_layers():
    assert mlp(7)((5,), 2).layers[-2].units == 7
    layers = cnn(6, 7)((12, 12, 1), 2).layers
    assert [layers[0].filters, layers[2].filters, layers[-2].units] == [6, 6, 7]
    assert mlp(np.int64(7))((5,), 2).layers[-2].units == 7


def test_a_learning_rate_may_be_a_schedule():
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 4)
    optimizer = mlp(3, learning_rate=schedule)((5,), 2).optimizer
    assert float(optimizer.learning_rate) == pytest.approx(0.5)
    optimizer.iterations.assign(4)
    assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_posteriors_are_single(policy):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        model = mlp(3)((5,), 2)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.layers[-1].compute_dtype == "float32"
    assert model.layers[-2].compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize("policy, floatx", [
    ("float16", "float16"), ("float64", "float32"), ("float32", "float64"),
])
def test_precisions_that_do_not_go_together_are_named(policy, floatx):
    before = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        with pytest.raises(ValueError, match=f"policy {policy} and floatx {floatx}: "):
            mlp(3)((5,), 2)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


@pytest.mark.parametrize("call, message", [
    (lambda: mlp(0), "hidden must be at least 1, got 0"),
    (lambda: mlp(2.5), "hidden must be a whole number, got 2.5"),
    (lambda: mlp(learning_rate=0), "learning_rate must be positive, got 0"),
    (lambda: softmax_regression(learning_rate="fast"), "learning_rate must be positive, got 'fast"),
    (lambda: softmax_regression(l2=-1), "l2 must not be negative or infinite, got -1"),
    (lambda: cnn(0), "filters must be at least 1, got 0"),
    (lambda: cnn(hidden=0), "hidden must be at least 1, got 0"),
    (lambda: cnn()((8, 8, 1), 10), r"at least 12×12 pixels .*got \(8, 8, 1\)"),
    (lambda: cnn()((144,), 10), r"height, width, channels.*got \(144,\)"),
    (lambda: classical(LinearSVC()), r"estimator must .*predict_proba\), got a LinearSVC"),
    (lambda: classical(SVC()), "got a SVC"),
    (lambda: classical(LinearRegression()), "got a LinearRegression"),
    (lambda: classical(GaussianNB), "got GaussianNB"),
])
def test_what_cannot_be_built_is_named_when_the_builder_is_made(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_classifier_that_was_given_probabilities_is_taken():
    calibrated = CalibratedClassifierCV(LinearSVC())
    first, second = (classical(calibrated)((3,), 2) for _ in range(2))
    assert first.estimator is not second.estimator is not calibrated


def test_a_classifiers_columns_are_its_labels_and_a_class_it_never_saw_gets_nothing():
    x = np.random.default_rng(0).random((30, 2, 2))
    y = np.array([3, 1, 3] * 10)
    one, three = GaussianNB().fit(x.reshape(30, 4), y).predict_proba(x.reshape(30, 4)).T
    zero = np.zeros(30)
    for classes, columns in ((None, [zero, one, zero, three]), (5, [zero, one, zero, three, zero])):
        posteriors = Classical(GaussianNB(), classes).fit(x, y)(x)
        np.testing.assert_allclose(posteriors, np.stack(columns, axis=1), atol=1e-6)
        assert posteriors.dtype == np.float32
