"""Early stopping: the epoch at which held-out records are answered best."""

import sys

import numpy as np
import pytest

from mlleaks_helpers.data import Dataset, load, split
from mlleaks_helpers.models import best_epochs, mlp, train

PARTS = split(load("digits"), size=100, seed=0)
FAST = mlp(16, learning_rate=0.03)


def losses(held_out, most, seed=0):
    """The slow way: a model for each number of epochs."""
    found = []
    for epochs in range(1, most + 1):
        trained = train(FAST, PARTS.target_train, epochs=epochs, batch_size=25, seed=seed)
        said = trained(held_out.x)[np.arange(len(held_out)), held_out.y]
        found.append(-np.log(said).mean())
    return found


def test_it_is_the_epoch_that_models_of_so_many_epochs_would_choose():
    rng = np.random.default_rng(0)
    noisy = Dataset("noisy", PARTS.target_out.x,
                    np.where(rng.random(100) < 0.4, rng.integers(0, 10, 100), PARTS.target_out.y),
                    PARTS.target_out.classes)
    slow = losses(noisy, 6)
    chosen = best_epochs(FAST, PARTS.target_train, noisy, most=6, batch_size=25)
    assert chosen == np.argmin(slow) + 1
    assert 1 < chosen < 6                      # else the ends would do as well


def test_on_its_own_members_it_never_stops_and_on_wrong_labels_at_once():
    wrong = Dataset("wrong", PARTS.target_train.x, (PARTS.target_train.y + 1) % 10,
                    PARTS.target_train.classes)
    how = {"most": 8, "batch_size": 25}
    assert best_epochs(FAST, PARTS.target_train, PARTS.target_train, **how) == 8
    assert best_epochs(FAST, PARTS.target_train, wrong, **how) == 1


def test_seed_and_batch_size_are_those_of_train(monkeypatch):
    asked = {}

    class Undecided:
        def posteriors(self, x):
            return np.full((len(x), 10), 0.1)

    def spied(build, dataset, **options):
        asked.update(options)
        options["each_epoch"](Undecided())

    monkeypatch.setattr(sys.modules["mlleaks_helpers.models.early"], "train", spied)
    assert best_epochs(FAST, PARTS.target_train, PARTS.target_out, most=7, batch_size=9,
                       seed=3) == 1
    assert (asked["epochs"], asked["batch_size"], asked["seed"]) == (7, 9, 3)


def test_at_least_one_epoch():
    with pytest.raises(ValueError, match="most must be at least 1"):
        best_epochs(FAST, PARTS.target_train, PARTS.target_out, most=0)
