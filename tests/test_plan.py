"""The plan of the recordings, and what each recipe changes."""

import pytest

from tools import plan as module
from tools.plan import (
    SIZES,
    has_factor_table,
    keeps_posteriors,
    plan,
    recipes,
    records_kept,
    runs_every_attack,
    seeds,
    settings,
)


def test_the_plan_has_every_set_and_several_seeds():
    jobs = plan()
    assert len(jobs) == len(set(jobs))
    for name in ("adult", "cifar10", "cifar100", "lfw", "location", "mnist", "news", "retail-100"):
        for recipe in ("plain", "dropout"):
            assert {seed for *job, seed in jobs if job == [name, recipe]} >= {0, 1}
    assert ("cifar100", "stacking", 2) in jobs and ("lfw", "stacking", 0) not in jobs
    assert {seed for *job, seed in jobs if job == ["location", "dropout"]} == set(range(10))
    assert {seed for *job, seed in jobs if job == ["cifar10", "plain"]} == set(range(8))
    assert ("cifar100", "epochs-200", 2) in jobs and ("location", "shadows-10", 4) in jobs


@pytest.mark.parametrize("name", [*(f"purchase-{k}" for k in (2, 10, 20, 50, 100)), "texas-100"])
def test_who_can_download_purchase_and_texas_can_record_them(name):
    assert name in SIZES and name not in {each for each, _, _ in plan()}
    assert {(name, recipe, seed) for recipe in ("plain", "dropout", "stacking")
            for seed in range(3)} <= set(plan((name,)))
    how = settings(name, "plain")
    assert (how["size"], how["target"]["model"]) == (10_000, "mlp")


def test_recipes_change_what_their_name_says():
    plain = settings("location", "plain")
    assert settings("location", "epochs-70")["target"] == plain["target"] | {"epochs": 70}
    assert settings("location", "dropout")["target"] == plain["target"] | {"defense": "dropout"}
    assert settings("location", "forest")["shadow"] == plain["target"] | {"model": "forest"}
    half, double = settings("location", "half"), settings("location", "double")
    assert half["target"] == double["target"] == plain["target"]
    assert half["shadow"] == plain["shadow"] | {"batch_size": 50, "hidden": 64, "l2": 5e-8}
    assert double["shadow"] == plain["shadow"] | {"batch_size": 200, "hidden": 256, "l2": 2e-7}
    assert settings("location", "shadows-10") == plain | {"shadows": 10}
    dropped = settings("mnist", "pixels")["target"]
    assert dropped == settings("mnist", "plain")["target"] | {"defense": "pixels"}


def test_images_have_the_network_the_decay_and_the_precision_of_images():
    table, image = (settings(name, "plain")["target"] for name in ("location", "cifar10"))
    assert image == table | {"model": "cnn", "epochs": 100, "decay": "cosine",
                             "precision": "mixed_bfloat16"}


def test_simulated_shoppers_are_recorded_for_the_factor_table_only():
    assert recipes("shoppers-100") == ("shadows-10",) and seeds("shoppers-100", "shadows-10") == 3
    assert recipes("lfw") == ("plain", "dropout", "pixels") and recipes("mnist")[2] == "stacking"
    assert not keeps_posteriors("shoppers-100", "shadows-10", 0)


def test_how_often_an_experiment_is_repeated():
    assert seeds("location", "stacking") == seeds("adult", "dropout") == 10
    assert seeds("adult", "plain") == 20
    assert seeds("olivetti", "plain") == seeds("olivetti", "dropout") == 10
    assert seeds("location", "half") == seeds("location", "shadows-10") == 5
    assert seeds("retail-50", "dropout") == seeds("retail-2", "stacking") == 10
    assert seeds("lfw", "plain") == 10 and seeds("lfw", "dropout") == 3
    assert seeds("news", "plain") == seeds("news", "dropout") == 4
    assert seeds("cifar10", "plain") == 8 and seeds("cifar100", "plain") == 10
    assert {seeds("news", "stacking"), seeds("cifar10", "dropout"), seeds("olivetti", "pixels"),
            seeds("cifar100", "epochs-200")} == {3}


def test_the_first_shadows_of_the_slow_sets_were_not_asked_about_the_targets_records():
    assert settings("location", "half")["references"] is True
    assert "references" not in settings("news", "plain", 2)
    assert settings("news", "plain", 3) == settings("news", "plain") | {"references": True}
    assert settings("mnist", "dropout", 0)["references"] is True
    assert "references" not in settings("mnist", "pixels") | settings("news", "dropout", 1)


def test_what_is_measured_on_what():
    assert runs_every_attack("adult", "dropout", 4) and runs_every_attack("news", "plain", 2)
    assert runs_every_attack("news", "stacking", 0)
    assert not runs_every_attack("news", "stacking", 1)
    assert not runs_every_attack("news", "dropout", 1) and runs_every_attack("news", "dropout", 3)
    assert runs_every_attack("lfw", "dropout", 1) and not runs_every_attack("lfw", "pixels", 1)
    assert has_factor_table("plain", 4) and has_factor_table("shadows-10", 0)
    assert not has_factor_table("plain", 5) and not has_factor_table("dropout", 0)


def test_an_unknown_recipe_is_named():
    with pytest.raises(ValueError, match="recipe is 'magic': known are plain, dropout, stacking"):
        settings("location", "magic")


def test_what_is_kept():
    assert keeps_posteriors("location", "plain", 4) and keeps_posteriors("location", "dropout", 0)
    assert not keeps_posteriors("location", "dropout", 1)
    assert not keeps_posteriors("location", "plain", 5) and keeps_posteriors("adult", "plain", 19)
    assert not keeps_posteriors("news", "plain", 3)
    assert keeps_posteriors("mnist", "dropout", 0) and not keeps_posteriors("mnist", "pixels", 0)
    assert records_kept(SIZES["cifar100"], 100) == 1_500
    assert records_kept(SIZES["cifar10"], 10) == SIZES["cifar10"]
    assert all(size >= 100 for size in SIZES.values()) and module.VALUES_KEPT == 150_000
