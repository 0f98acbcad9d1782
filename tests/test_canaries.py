"""Canaries: who is planted, who is trained on whom, and what was recorded."""

import numpy as np
import pytest

from mlleaks_helpers import canaries as module
from mlleaks_helpers.attacks import lira, logit
from mlleaks_helpers.canaries import halves, plant, recorded_canaries
from mlleaks_helpers.data import Dataset, load
from mlleaks_helpers.exposed import exposure
from mlleaks_helpers.metrics import auc
from tools import canaries as command
from tools.entries import digest

BITS = Dataset("bits", (np.random.default_rng(0).random((300, 200)) < 0.3).astype(np.uint8),
               np.arange(300) % 7, tuple("abcdefg"))
RECIPES = ("plain", "early", "dropout", "stacking", "selena", "plain-twins", "selena-twins")


def planted(**options):
    return plant(BITS, **{"ordinary": 60, "canaries": 20} | options)


def rows_of(x):
    """Where in BITS each record is, −1 where it is not."""
    places = {row.tobytes(): place for place, row in enumerate(BITS.x)}
    return np.array([places.get(row.tobytes(), -1) for row in x])


# ---------------------------------------------------------------- who is planted


def test_canaries_have_a_wrong_label_twins_and_others_their_own():
    here = planted()
    assert len(here.people) == len(here.asked) == 20 + 20 + 60
    canary, other = rows_of(here.people.x[here.canaries]), rows_of(here.people.x[here.ordinary])
    assert len({*canary, *other}) == 80 and -1 not in {*canary, *other}
    assert (here.people.y[here.canaries] != BITS.y[canary]).all()
    np.testing.assert_array_equal(here.people.y[here.twins], BITS.y[canary])
    np.testing.assert_array_equal(here.people.y[here.ordinary], BITS.y[other])


def test_a_twin_is_asked_about_with_the_label_of_its_canary():
    here = planted()
    np.testing.assert_array_equal(here.asked[here.canaries], here.people.y[here.canaries])
    np.testing.assert_array_equal(here.asked[here.twins], here.people.y[here.canaries])
    np.testing.assert_array_equal(here.asked[here.ordinary], here.people.y[here.ordinary])


def test_every_wrong_label_is_as_likely():
    many = plant(BITS, ordinary=1, canaries=299)
    right = BITS.y[rows_of(many.people.x[many.canaries])]
    turns = np.bincount((many.people.y[many.canaries] - right) % 7, minlength=7)
    assert turns[0] == 0 and turns[1:].min() > 25


@pytest.mark.parametrize("flipped", [0.0, 0.05, 0.5])
def test_a_twin_differs_from_its_canary_by_that_share(flipped):
    here = planted(flipped=flipped)
    differ = here.people.x[here.canaries] != here.people.x[here.twins]
    assert abs(differ.mean() - flipped) < 0.02 and here.people.x.dtype == np.uint8
    assert flipped == 0 or len(np.unique(differ, axis=0)) == 20


def test_the_seed_decides_and_more_ordinary_records_leave_the_first_as_they_were():
    one, more, other = planted(seed=3), planted(seed=3, ordinary=90), planted(seed=4)
    np.testing.assert_array_equal(more.people.x[:100], one.people.x)
    np.testing.assert_array_equal(more.people.y[:100], one.people.y)
    assert not np.array_equal(one.people.x, other.people.x)


def test_halves_have_half_of_the_canaries_and_half_of_the_others():
    here = planted()
    included = halves(here, 40, seed=1)
    assert included.shape == (40, 100) and not included[:, here.twins].any()
    assert (included[:, here.canaries].sum(axis=1) == 10).all()
    assert (included[:, here.ordinary].sum(axis=1) == 30).all()
    assert len(np.unique(included, axis=0)) == 40
    assert abs(included[:, here.ordinary].mean(axis=0) - 0.5).max() < 0.35
    with_twins = halves(here, 40, seed=1, twins=True)
    assert with_twins[:, here.twins].all()
    np.testing.assert_array_equal(np.delete(with_twins, np.r_[here.twins], axis=1),
                                  np.delete(included, np.r_[here.twins], axis=1))


def test_fewer_models_are_the_first_of_more_and_another_seed_is_another_draw():
    here = planted()
    np.testing.assert_array_equal(halves(here, 3), halves(here, 9)[:3])
    assert not np.array_equal(halves(here, 3), halves(here, 3, seed=1))


@pytest.mark.parametrize(("options", "said"), [
    ({"ordinary": 281}, "ordinary and canaries are 281 and 20, and bits has 300"),
    ({"canaries": 0}, "canaries must be at least 1"), ({"ordinary": 0}, "ordinary must be"),
    ({"flipped": 1.0}, "flipped"), ({"seed": -1}, "seed must be at least 0")])
def test_what_cannot_be_planted_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        planted(**options)


def test_only_values_of_0_and_1_can_be_flipped():
    with pytest.raises(ValueError, match="dataset must hold values 0 and 1, got others in digits"):
        plant(load("digits"), ordinary=10, canaries=10)


# ---------------------------------------------------------------- what was recorded


@pytest.mark.parametrize("recipe", RECIPES)
def test_recorded_are_halves_of_what_is_planted_today(recipe):
    here, seen = command.planted(), recorded_canaries(recipe)
    included = halves(here, command.MODELS)
    np.testing.assert_array_equal(seen.canaries.included, included[:, here.canaries])
    np.testing.assert_array_equal(seen.twins.included, included[:, here.canaries])
    np.testing.assert_array_equal(seen.ordinary.included, included[:, here.ordinary])
    assert len(seen.accuracy) == len(seen.everyone) == command.MODELS
    assert seen.everyone.logits.shape[1] == 2_100
    assert seen.provenance["data"] == digest(here.people)


def test_every_recipe_was_trained_and_no_two_alike():
    assert tuple(recorded_canaries().provenance["recipes"]) == command.RECIPES == RECIPES
    logits = [recorded_canaries(recipe).ordinary.logits for recipe in RECIPES]
    for place, one in enumerate(logits):
        assert all(np.abs(one - other).mean() > 0.1 for other in logits[:place])
        assert all(np.abs(one[k] - one[k - 1]).mean() > 0.1 for k in range(len(one)))


def test_a_model_trained_today_says_what_was_recorded():
    logits, accuracy = command.told(command.one("plain", 4), 4)
    seen, here = recorded_canaries(), command.planted()
    for rows, kept in ((here.canaries, seen.canaries), (here.twins, seen.twins),
                       (here.ordinary, seen.ordinary)):
        assert np.corrcoef(logits[rows], kept.logits[4])[0, 1] > 0.99
    assert abs(accuracy - seen.accuracy[4]) < 0.02


def test_accuracy_is_of_ordinary_records_that_the_model_did_not_learn():
    here = command.planted()
    included = halves(here, command.MODELS)[2]
    answers = np.zeros((len(here.people), 20))
    answers[np.arange(len(answers)), here.asked] = 1
    answers[here.ordinary][included[here.ordinary]] = 0
    assert command.told(answers + 1e-9, 2)[1] == 1
    out = np.flatnonzero(~included)
    out = out[out >= here.ordinary.start]
    answers[out[: len(out) // 4]] = np.roll(answers[out[: len(out) // 4]], 1, axis=1)
    said, accuracy = command.told(answers, 2)
    assert accuracy == pytest.approx(0.75)
    np.testing.assert_array_equal(said, logit(answers, here.asked))


def test_stopping_early_is_fewer_epochs_and_twins_are_only_where_they_should_be():
    recipes = recorded_canaries().provenance["recipes"]
    assert 1 < recipes["early"]["epochs"] < 50
    assert all(recipes[recipe]["epochs"] == 50 for recipe in RECIPES if recipe != "early")
    for base in ("plain", "selena"):
        with_it, without = (recorded_canaries(name).twins for name in (f"{base}-twins", base))
        assert abs(with_it.logits - without.logits).mean() > 0.5


def test_canaries_are_the_most_exposed_of_a_plain_model():
    plain = recorded_canaries()
    assert auc(exposure(plain.everyone), np.arange(2_100) < 100).value > 0.95
    own, member, others = plain.canaries.without(0)
    assert auc(lira(own, others), member).value > 0.99


def test_an_unknown_recipe_and_a_damaged_file_are_told(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="recipe is 'luck': recorded are plain, early, dropout"):
        recorded_canaries("luck")
    damaged = tmp_path / "canaries.npz"
    damaged.write_bytes(module.FILE.read_bytes()[:-1])
    monkeypatch.setattr(module, "FILE", damaged)
    with pytest.raises(OSError, match="is damaged: its SHA-256 is not .*make canaries"):
        recorded_canaries()


# ---------------------------------------------------------------- the command


def test_the_command_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "FILE", tmp_path / "canaries.npz")
    monkeypatch.setattr(command, "PROVENANCE", tmp_path / "canaries.json")
    monkeypatch.setattr(command, "RECIPES", ("plain", "plain-twins"))
    monkeypatch.setattr(command, "MODELS", 2)
    monkeypatch.setattr(command, "stop", lambda: 3)
    trained = []

    def fake(recipe, k, epochs):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((recipe, k, epochs))
        rng = np.random.default_rng([k, len(recipe)])
        return rng.dirichlet(np.ones(20), len(command.planted().people)).astype(np.float32)

    monkeypatch.setattr(command, "one", fake)
    with pytest.raises(KeyboardInterrupt):
        command.main()
    assert not (tmp_path / "canaries.npz").exists()
    first, trained[:] = list(trained), []
    command.main()
    assert first + trained == [("plain", 0, 50), ("plain", 1, 50), ("plain-twins", 0, 50),
                               ("plain-twins", 1, 50)]
    assert {path.name for path in tmp_path.iterdir()} == {"canaries.npz", "canaries.json"}
    monkeypatch.setattr(module, "FILE", tmp_path / "canaries.npz")
    monkeypatch.setattr(module, "PROVENANCE", tmp_path / "canaries.json")
    assert len(recorded_canaries("plain-twins").ordinary) == 2
