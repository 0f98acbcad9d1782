"""The one training loop, tiny and real: fresh models, one transform, quiet."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

import mlleaks_helpers
from mlleaks_helpers.data import Dataset, load, split
from mlleaks_helpers.models import Trained, classical, cnn, mlp, softmax_regression, train
from mlleaks_helpers.observation import observe

PARTS = split(load("digits"), seed=0)


def weights(trained):
    return [np.array(w) for w in trained.model.get_weights()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_one_seed_repeats_and_two_seeds_differ():
    first, again, other = (
        weights(train(mlp(8), PARTS.target_train, epochs=2, seed=seed)) for seed in (0, 0, 1)
    )
    assert same(first, again)
    assert not same(first, other)


def test_target_and_shadow_are_two_models():
    build = mlp(8)
    target = train(build, PARTS.target_train, epochs=1)
    before = weights(target)
    shadow = train(build, PARTS.shadow_train, epochs=1)
    assert target.model is not shadow.model
    assert same(before, weights(target))


def test_the_transform_is_fitted_on_the_training_part_and_serves_everyone():
    trained = train(mlp(8), PARTS.target_train, epochs=1)
    np.testing.assert_allclose(trained.prepare.mean_, PARTS.target_train.x.mean(axis=0), rtol=1e-6)
    seen = observe(trained, PARTS.target_train, PARTS.target_out)
    alone = [trained.posteriors(part.x) for part in (PARTS.target_train, PARTS.target_out)]
    np.testing.assert_array_equal(seen.posteriors, np.concatenate(alone))
    few = trained.posteriors(PARTS.target_out.x[:5])  # no record changes another's answer
    np.testing.assert_allclose(few, alone[1][:5], rtol=1e-4)


def test_observe_keeps_every_row_once_with_its_label_and_its_truth():
    trained = train(mlp(8), PARTS.target_train, epochs=1)
    members, non_members = PARTS.target_train, PARTS.target_out.take(slice(0, 100))
    seen = observe(trained, members, non_members)
    assert len(seen) == len(members) + 100
    assert seen.member.sum() == len(members) and seen.member[: len(members)].all()
    np.testing.assert_array_equal(seen.labels, np.concatenate([members.y, non_members.y]))
    both = trained.accuracy(members), trained.accuracy(non_members)
    assert seen.accuracy == pytest.approx(both)


def test_a_keras_model_of_your_own_can_be_observed():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(10, "softmax")])
    seen = observe(Trained(model), PARTS.target_train, PARTS.target_out)
    assert len(seen) == 2 * len(PARTS.target_train)


def test_records_of_your_own_can_be_trained_on():
    rng = np.random.default_rng(0)
    mine = Dataset("mine", rng.integers(0, 9, (40, 5)), rng.integers(0, 2, 40), ("no", "yes"))
    assert train(softmax_regression(), mine, epochs=1).posteriors(mine.x).shape == (40, 2)


def test_logits_are_refused_with_the_reason():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(10)])
    with pytest.raises(ValueError, match=r"sum to 1 .*logits"):
        observe(Trained(model), PARTS.target_train, PARTS.target_out)


def test_the_papers_architectures():
    network = cnn()((28, 28, 1), 10)
    shapes = [layer.output.shape[1:] for layer in network.layers]
    assert shapes == [(28, 28, 32), (14, 14, 32), (10, 10, 32), (5, 5, 32), (800,), (128,), (10,)]
    table = mlp()((446,), 30)
    assert table.count_params() == 446 * 128 + 128 + 128 * 30 + 30
    assert table.layers[-2].activation is keras.activations.tanh
    assert softmax_regression()((4,), 3).count_params() == 4 * 3 + 3


@pytest.mark.parametrize("call, message", [
    (lambda: train(mlp(), PARTS.target_train, epochs=0), "epochs must be at least 1, got 0"),
    (lambda: train(mlp(), PARTS.target_train, batch_size=0), "batch_size must be at least 1"),
    (lambda: mlp(0), "hidden must be at least 1 unit, got 0"),
    (lambda: cnn()((8, 8, 1), 10), r"at least 12×12 pixels .*got \(8, 8, 1\)"),
    (lambda: observe(None, PARTS.target_train, load("breast_cancer")), "one data set, got digits"),
    (lambda: observe(None, PARTS.target_train, replace(PARTS.target_out, classes="abcdefghij")),
     "one data set, got digits"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


SCRIPT = """
train(mlp(8), load("digits"), epochs=2).posteriors(load("digits").x)
"""


def test_a_script_hears_nothing_from_tensorflow():
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


HELPERS = Path(mlleaks_helpers.__file__).parent
LIGHT = sorted(".".join(["mlleaks_helpers", *path.relative_to(HELPERS).with_suffix("").parts])
               for path in HELPERS.rglob("*.py") if path.parent.name != "models")


@pytest.mark.parametrize("module", LIGHT)
def test_outside_models_nothing_starts_tensorflow(module):
    check = (f"import sys, {module.removesuffix('.__init__')}; "
             "assert not {'keras', 'tensorflow'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_scikit_learn_classifier_trains_and_answers_like_any_model():
    build = classical(RandomForestClassifier(20))
    forest, again = (train(build, PARTS.target_train, seed=1) for _ in range(2))
    seen = observe(forest, PARTS.target_train, PARTS.target_out)
    assert seen.accuracy[0] == 1 and seen.accuracy[1] > 0.85
    np.testing.assert_array_equal(seen.posteriors[:9],
                                  again.posteriors(PARTS.target_train.x[:9]))
    direct = forest.model.estimator.predict_proba(
        forest.prepare.transform(PARTS.target_out.x).reshape(len(PARTS.target_out), -1))
    np.testing.assert_allclose(seen.posteriors[~seen.member], direct, atol=1e-6)


def test_a_class_that_was_never_trained_on_has_no_posterior():
    part = PARTS.target_train.take(PARTS.target_train.y != 3)
    posteriors = train(classical(RandomForestClassifier(5)), part).posteriors(part.x[:9])
    assert posteriors.shape == (9, 10) and (posteriors[:, 3] == 0).all()


def test_a_learning_rate_may_be_a_schedule():
    steps = 5 * -(-len(PARTS.target_train) // 100)
    schedule = keras.optimizers.schedules.CosineDecay(0.001, steps)
    trained = train(mlp(8, learning_rate=schedule), PARTS.target_train, epochs=5)
    assert float(trained.model.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
