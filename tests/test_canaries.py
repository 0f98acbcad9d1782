"""Canaries: who is planted, who is trained on whom, and what was recorded."""

import numpy as np
import pytest
from small import small_location

from mlleaks_helpers import canaries as module
from mlleaks_helpers.attacks import flipped, lira, logit, robustness
from mlleaks_helpers.canaries import Planted, halves, plant, recorded_canaries
from mlleaks_helpers.data import Dataset, cache, load
from mlleaks_helpers.exposed import exposure
from mlleaks_helpers.metrics import auc
from mlleaks_helpers.models import Stack, keras
from mlleaks_helpers.models.selena import Selena
from tools import canaries as command
from tools.entries import digest
from tools.plan import settings

BITS = Dataset("bits", (np.random.default_rng(0).random((300, 200)) < 0.3).astype(np.uint8),
               np.arange(300) % 7, tuple("abcdefg"))
RECIPES = ("plain", "early", "dropout", "stacking", "selena", "plain-twins", "selena-twins",
           "labels")


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
def test_recorded_is_who_was_drawn(recipe):
    seen = recorded_canaries(recipe)
    entry, n = seen.provenance, 100 + 2_504
    assert (entry["set"], entry["canaries"], entry["ordinary"]) == ("location", 100, 2_504)
    assert entry["settings"] == settings("location", "plain")["target"]
    assert (entry["copies"], entry["lose"]) == (command.COPIES, command.LOSE)
    assert seen.canaries.logits.shape == seen.twins.logits.shape == (command.MODELS, 100)
    assert seen.everyone.logits.shape == seen.everyone.included.shape == (command.MODELS, n)
    np.testing.assert_array_equal(seen.twins.included, seen.canaries.included)
    assert (seen.canaries.included.sum(axis=1) == 50).all()
    assert (seen.ordinary.included.sum(axis=1) == 1_252).all()
    blank = Dataset("blank", np.zeros((2_704, 1)), np.zeros(2_704, int), ("a",))
    drawn = halves(Planted(blank, np.zeros(2_704, int), 100), command.MODELS)
    np.testing.assert_array_equal(seen.canaries.included, drawn[:, :100])
    np.testing.assert_array_equal(seen.ordinary.included, drawn[:, 200:])
    assert len(seen.accuracy) == command.MODELS and 0.3 < seen.accuracy.min() < 0.7


def test_every_recipe_was_trained_and_no_two_alike():
    assert tuple(recorded_canaries().provenance["recipes"]) == command.RECIPES == RECIPES
    logits = [recorded_canaries(recipe).ordinary.logits for recipe in RECIPES]
    for place, one in enumerate(logits):
        assert all(np.abs(one - other).mean() > 0.1 for other in logits[:place])
        assert all(np.abs(one[k] - one[k - 1]).mean() > 0.1 for k in range(len(one)))


def test_canaries_twins_and_ordinary_records_keep_their_places():
    """Members are answered with more certainty, a twin less than its canary, and nobody else."""
    seen = recorded_canaries()
    for kind, lead in ((seen.canaries, 4), (seen.ordinary, 1)):
        inside, outside = (kind.moments(side).mean for side in (True, False))
        assert np.mean(inside - outside) > lead and np.mean(inside > outside) > 0.9
    apart = [np.mean(kind.moments(True).mean - kind.moments(False).mean)
             for kind in (seen.canaries, seen.twins)]
    assert 0.5 * apart[0] < apart[1] < apart[0]
    own = recorded_canaries("plain-twins").twins
    assert own.logits.mean() < seen.twins.logits.mean() - 1  # twins learn their own label


def test_of_stacks_the_part_of_everyone_is_kept():
    stacks = recorded_canaries("stacking")
    np.testing.assert_array_equal(stacks.part >= 0, stacks.everyone.included)
    thirds = [(stacks.part == place).sum(axis=1) for place in range(3)]
    assert np.ptp(thirds) <= 1 and set(np.unique(stacks.part)) == {-1, 0, 1, 2}
    shares = [[stacks.canaries.logits[stacks.part[:, :100] == place].mean()
               for place in (-1, 0)], [stacks.ordinary.logits[stacks.part[:, 100:] == place].mean()
                                       for place in (-1, 0)]]
    assert all(network > nobody + 0.3 for nobody, network in shares)
    assert recorded_canaries().part is None and recorded_canaries("selena").part is None


def test_labels_alone_are_counted_over_copies():
    labels, plain = recorded_canaries("labels"), recorded_canaries()
    copies = labels.provenance["copies"]
    counts = (copies + 1) / (1 + np.exp(-labels.everyone.logits)) - 0.5
    np.testing.assert_allclose(counts, counts.round(), atol=0.06)
    assert counts.min() > -0.1 and counts.max() < copies + 0.1
    np.testing.assert_array_equal(labels.accuracy, plain.accuracy)
    assert np.corrcoef(labels.canaries.logits.ravel(), plain.canaries.logits.ravel())[0, 1] > 0.7


def test_stopping_early_is_fewer_epochs_and_twins_are_only_where_they_should_be():
    recipes = recorded_canaries().provenance["recipes"]
    assert 1 < recipes["early"]["epochs"] < 50
    assert all(recipes[recipe]["epochs"] == 50 for recipe in RECIPES if recipe != "early")
    for base in ("plain", "selena"):
        with_it, without = (recorded_canaries(name).twins for name in (f"{base}-twins", base))
        assert abs(with_it.logits - without.logits).mean() > 0.5


def test_canaries_are_the_most_exposed_of_a_plain_model():
    plain = recorded_canaries()
    assert auc(exposure(plain.everyone), np.arange(2_604) < 100).value > 0.9
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


@pytest.mark.skipif(not (cache.folder() / "location.npz").exists(),
                    reason="needs Location's records")
@pytest.mark.parametrize("recipe", ["plain", "labels", "plain-twins"])
def test_a_model_trained_today_says_what_was_recorded(recipe):
    seen, kept = recorded_canaries(recipe), command.told(recipe, 4, command.one(recipe, 4))
    assert seen.provenance["data"] == digest(command.planted().people)
    asked = np.hstack([seen.canaries.logits, seen.twins.logits, seen.ordinary.logits])[4]
    assert np.corrcoef(kept["logits"], asked)[0, 1] > 0.99
    assert abs(kept["accuracy"] - seen.accuracy[4]) < 0.01


# ---------------------------------------------------------------- the command


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A Location of eight bits, ten canaries among two parts of 60 records, three models."""
    small_location(tmp_path, monkeypatch)
    for name, value in {"CANARIES": 10, "HELD_OUT": 50, "MODELS": 3, "COPIES": 8}.items():
        monkeypatch.setattr(command, name, value)
    return command.planted()


def test_people_are_planted_in_the_set(small):
    assert (len(small.people), small.count) == (10 + 10 + 120, 10)
    np.testing.assert_array_equal(small.people.x,
                                  plant(load("location"), ordinary=120, canaries=10).people.x)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_the_books_own_with_its_defense(recipe, small):
    how = settings("location", "plain")["target"]
    assert command.recipe_of(recipe)["epochs"] == how["epochs"] == 50
    assert command.recipe_of(recipe)["batch_size"] == how["batch_size"] == 100
    made = command.recipe_of(recipe)["build"]((8,), 3)
    kind = recipe.partition("-")[0]
    assert isinstance(made, {"stacking": Stack, "selena": Selena}.get(kind, keras.Sequential))
    network = made if isinstance(made, keras.Sequential) else made.network
    drops = [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert drops == ([0.5, 0.5] if recipe == "dropout" else [])
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[0].units == how["hidden"] and network.optimizer.learning_rate.numpy() == (
        pytest.approx(how["learning_rate"]))
    if kind == "selena":
        assert (made.models, made.out) == (25, 10)


@pytest.mark.parametrize("recipe", ["plain", "dropout", "stacking", "plain-twins"])
def test_each_model_learns_its_own_half(recipe, small, monkeypatch):
    seen = []

    def learn(build, dataset, **options):
        seen.append((dataset, options))

    monkeypatch.setattr(command, "train" if recipe == "stacking" else "train_numpy", learn)
    for k in (0, 2):
        command.one(recipe, k, epochs=7)
    for k, (dataset, options) in zip((0, 2), seen, strict=True):
        members = halves(small, 3, twins=recipe == "plain-twins")[k]
        np.testing.assert_array_equal(dataset.x, small.people.x[members])
        np.testing.assert_array_equal(dataset.y, small.people.y[members])
        assert options == {"seed": k, "epochs": 7, "batch_size": 100}


def test_the_owner_stops_by_people_whom_nobody_has(small, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "best_epochs", lambda *parts, **how: asked.append((parts, how)))
    command.stop()
    (_, mine, held_out), how = asked[0]
    np.testing.assert_array_equal(mine.x, small.people.x[halves(small, 3)[0]])
    assert len(held_out) == 50 and how == {"most": 50, "batch_size": 100}
    more = plant(load("location"), ordinary=170, canaries=10).people
    np.testing.assert_array_equal(more.x[:len(small.people)], small.people.x)
    np.testing.assert_array_equal(held_out.x, more.x[-50:])


def surely(small, right):
    """A model that gives each record the label that is asked about, where `right`."""
    said = np.where(right, small.asked, (small.asked + 1) % 3)
    answers = np.full((len(right), 3), 0.01)
    answers[np.arange(len(right)), said] = 0.98
    return lambda x: answers


def test_accuracy_is_of_ordinary_records_that_the_model_did_not_learn(small):
    outside = ~halves(small, 3)[2]
    ordinary = np.arange(len(outside)) >= small.ordinary.start
    assert command.told("plain", 2, surely(small, outside & ordinary))["accuracy"] == 1
    assert command.told("plain", 2, surely(small, ~(outside & ordinary)))["accuracy"] == 0
    first = outside & ordinary & (np.cumsum(outside & ordinary) <= 15)
    kept = command.told("plain", 2, surely(small, first))
    assert kept["accuracy"] == 0.25 and set(kept) == {"logits", "accuracy"}
    np.testing.assert_array_equal(kept["logits"],
                                  logit(surely(small, first)(None), small.asked))


def test_labels_are_asked_of_copies_that_lose_and_never_gain(small):
    kept = command.told("labels", 0, lambda x: np.eye(3)[np.minimum(x.sum(axis=1), 2)])
    copies = flipped(small.people.x, 8, lose=command.LOSE, gain=0)
    np.testing.assert_array_equal(kept["logits"], robustness(
        np.minimum(copies.sum(axis=2), 2) == small.asked[:, None]))


def test_of_a_stack_the_parts_are_kept_in_place(small):
    model = command.one("stacking", 1, epochs=2)
    kept = command.told("stacking", 1, model)
    included = halves(small, 3)[1]
    np.testing.assert_array_equal(kept["part"][included], model.model.part_)
    assert (kept["part"][~included] == -1).all()


def test_the_command_goes_on_where_it_was(small, tmp_path, monkeypatch, capsys):
    for place in (command, module):
        monkeypatch.setattr(place, "FILE", tmp_path / "canaries.npz")
        monkeypatch.setattr(place, "PROVENANCE", tmp_path / "canaries.json")
    monkeypatch.setattr(command, "RECIPES", ("plain", "early", "stacking", "labels"))
    monkeypatch.setattr(command, "MODELS", 2)
    monkeypatch.setattr(command, "stop", lambda: 3)
    trained, really = [], command.one

    def one(recipe, k, **options):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((recipe, k, options))
        return really(recipe, k, **{"epochs": 2} | options)

    monkeypatch.setattr(command, "one", one)
    with pytest.raises(KeyboardInterrupt):
        command.main()
    assert not (tmp_path / "canaries.npz").exists()
    monkeypatch.setattr(command, "one", lambda recipe, k, **options: trained.append(
        (recipe, k, options)) or really(recipe, k, **{"epochs": 2} | options))
    command.main()
    assert trained == [(recipe, k, {"epochs": 3} if recipe == "early" else {})
                       for recipe in command.RECIPES for k in range(2)]
    assert {path.name for path in tmp_path.iterdir()} == {"canaries.npz", "canaries.json", "data"}
    seen = recorded_canaries("stacking")
    assert seen.provenance["recipes"]["early"]["epochs"] == 3
    assert seen.provenance["recipes"]["plain"]["epochs"] == 50
    np.testing.assert_array_equal(seen.part >= 0, halves(command.planted(), 2)[
        :, np.r_[:10, 20:140]])
    said = command.told("early", 1, really("early", 1, epochs=3))["logits"]
    np.testing.assert_allclose(recorded_canaries("early").ordinary.logits[1], said[20:], rtol=2e-3,
                               atol=2e-3)
    np.testing.assert_allclose(recorded_canaries("early").twins.logits[1], said[10:20], rtol=2e-3,
                               atol=2e-3)
