"""A model that stays answers as the one that `train_many` dropped, and as often as it is asked."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlleaks_helpers.data import Dataset
from mlleaks_helpers.models import classical, cnn, dropout, mlp, train_many, train_numpy
from mlleaks_helpers.models.training import Trained

RNG = np.random.default_rng(0)
CENTRES = RNG.random((3, 20))
LABELS = RNG.integers(0, 3, 150)
VOTES = Dataset("votes", (RNG.random((150, 20)) < CENTRES[LABELS]).astype(np.uint8), LABELS,
                ("a", "b", "c"))
COLUMNS = Dataset("columns", RNG.random((60, 5)) * 9, np.arange(60) % 2, ("a", "b"),
                  StandardScaler())
ALL = {"epochs": 3, "batch_size": 16}


@pytest.mark.parametrize("build, dataset", [(mlp(8), VOTES), (mlp(8), COLUMNS),
                                            (dropout(mlp(8)), VOTES)])
@pytest.mark.parametrize("seed", [0, (5, 1)])
def test_it_is_the_model_of_train_many(build, dataset, seed):
    kept = train_numpy(build, dataset, seed=seed, **ALL)
    many = train_many(build, dataset, np.ones((1, len(dataset)), bool), query=dataset,
                      seed=[seed], **ALL)[0]
    assert isinstance(kept, Trained)
    np.testing.assert_allclose(kept(dataset.x), many, atol=1e-6)


def test_every_argument_counts():
    def answers(**changed):
        return train_numpy(**({"build": mlp(8), "dataset": VOTES} | ALL | changed))(VOTES.x)

    first = answers()
    np.testing.assert_array_equal(first, answers())
    for changed in ({"seed": 1}, {"epochs": 4}, {"batch_size": 50}, {"build": mlp(9)},
                    {"dataset": VOTES.take(slice(75))}):
        assert np.abs(first - answers(**changed)).max() > 1e-3, changed


@pytest.mark.parametrize("build", [mlp(8), dropout(mlp(8))])
def test_each_epoch_hands_over_the_model_that_so_many_epochs_make(build):
    """150 records in batches of 16: the last batch of an epoch is a short one."""
    models = []
    last = train_numpy(build, VOTES, each_epoch=models.append, **ALL)
    assert len(models) == 3
    for epochs, model in enumerate(models, 1):
        alone = train_numpy(build, VOTES, epochs=epochs, batch_size=16)
        np.testing.assert_array_equal(model(VOTES.x), alone(VOTES.x))
    np.testing.assert_array_equal(models[-1](VOTES.x), last(VOTES.x))
    assert np.abs(models[0](VOTES.x) - models[1](VOTES.x)).max() > 1e-3


def test_each_epoch_must_be_something_to_call():
    with pytest.raises(ValueError, match="each_epoch must be a function of a model, or None, got"):
        train_numpy(mlp(4), VOTES, each_epoch=7)


def test_each_epoch_shows_prepared_records():
    models = []
    last = train_numpy(mlp(8), COLUMNS, each_epoch=models.append, **ALL)
    np.testing.assert_array_equal(models[-1](COLUMNS.x), last(COLUMNS.x))


def test_it_can_be_asked_again_and_one_by_one():
    kept = train_numpy(mlp(8), COLUMNS, **ALL)
    first = kept(COLUMNS.x)
    np.testing.assert_array_equal(kept(COLUMNS.x), first)
    np.testing.assert_allclose(np.concatenate([kept(row[None]) for row in COLUMNS.x]), first,
                               atol=1e-6)
    other = train_numpy(mlp(8), COLUMNS, seed=1, **ALL)
    assert np.abs(other(COLUMNS.x) - first).max() > 1e-3
    np.testing.assert_array_equal(kept(COLUMNS.x), first)


def test_a_network_is_made_for_all_records_not_for_the_first_thousand():
    """One column a category, of which the first thousand records have ten and all have twelve."""
    x = np.arange(1_200)[:, None] // 100
    columns = OneHotEncoder(sparse_output=False, dtype=np.float32)
    kept = train_numpy(mlp(4), Dataset("kinds", x, x[:, 0] % 2, ("a", "b"), columns), **ALL)
    assert kept(x[[0, 1_199]]).shape == (2, 2)


@pytest.mark.parametrize("call, message", [
    (lambda: train_numpy(mlp(8), VOTES, epochs=0), "epochs must be at least 1"),
    (lambda: train_numpy(mlp(8), VOTES, batch_size=0), "batch_size must be at least 1"),
    (lambda: train_numpy(mlp(8), VOTES, seed=-1), "seed must be at least 0"),
    (lambda: train_numpy(cnn(2, 4), Dataset("images", RNG.random((9, 12, 12, 1)),
                                            np.arange(9) % 2, ("a", "b"))),
     "only train can train"),
    (lambda: train_numpy(classical(DummyClassifier()), VOTES), "only train can train"),
])
def test_what_it_cannot_train_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
