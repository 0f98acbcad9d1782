"""Entries brought up to date without training: which numbers move, and who has to be trained."""

import json

import numpy as np
import pytest
from test_entries import BITS, JOB, answers, folder, write  # noqa: F401 (folder is a fixture)

from mlleaks_helpers.data import PerPixel
from tools import again, entries

OLD = "of other code"


def read(*job):
    return entries.read(*(job or JOB))


def measured(monkeypatch, **changes):
    """An entry, all of it kept, and what is measured today: that with `changes` to it."""
    entry = write(measured_with=OLD, settings=entries.settings(*JOB[:2]) | {"size": 40})
    monkeypatch.setattr(again.measuring, "measure",
                        lambda seen, every_attack: entry["metrics_of_kept"] | changes)
    monkeypatch.setattr(again.measuring, "factor_table", lambda seen: entry["factors"])
    return entry


def test_what_moves_by_no_more_than_float16_stays_and_is_stamped(monkeypatch, capsys):
    before = write()["metrics"]
    close = {"auc_maximum": before["auc_maximum"] + 0.001,
             "macro_recall": before["macro_recall"] - 0.005}
    entry = measured(monkeypatch, **close)
    assert again.measure([JOB]) == []
    assert read()["metrics"] == entry["metrics"] and entries.to_do(JOB, BITS) == ""
    assert capsys.readouterr().out == ("1 of 1 experiments measured again; "
                                       "0 have to be trained for it\n")


def test_what_moves_further_is_listed_and_written(monkeypatch, capsys):
    before = write()["metrics"]["auc_maximum"]
    entry = measured(monkeypatch, auc_maximum=0.9, new_metric=0.25, tpr_at_1_percent=0.5)
    assert again.measure([JOB]) == []
    for kind in ("metrics", "metrics_of_kept"):
        assert read()[kind] == entry[kind] | {
            "auc_maximum": 0.9, "new_metric": 0.25, "tpr_at_1_percent": 0.5}
    printed = capsys.readouterr().out
    assert f"location plain 0: auc_maximum {before} -> 0.9" in printed
    assert "new_metric" not in printed and "macro_recall" not in printed


def test_nothing_else_of_an_entry_changes(monkeypatch):
    before = measured(monkeypatch, auc_maximum=0.9)
    again.measure([JOB])
    after = read()
    assert list(after) == list(before)
    assert {name for name in after if after[name] != before[name]} == {
        "metrics", "metrics_of_kept", "measured_with"}


def test_where_only_a_part_is_kept_a_number_that_moves_needs_training(monkeypatch):
    how = write()["settings"] | {"size": 50}
    for auc, left in ((0.9, [JOB]), (None, [])):
        entry = write(measured_with=OLD, settings=how)
        now = entry["metrics_of_kept"] | ({"auc_maximum": auc} if auc else {})
        monkeypatch.setattr(again.measuring, "measure", lambda *_, now=now, **__: now)
        assert again.measure([JOB]) == left
        assert (read()["measured_with"] == OLD) == bool(left)


@pytest.mark.parametrize("adopt, moves, left", [
    (False, False, True), (False, True, True), (True, False, False), (True, True, True)])
def test_what_is_not_kept_follows_the_kept_ones_of_its_set_when_adopted(
        monkeypatch, adopt, moves, left):
    other = ("location", "dropout", 1)
    write(job=other, arrays=False, measured_with=OLD)
    measured(monkeypatch, **({"auc_maximum": 0.9} if moves else {}))
    assert again.measure([other, JOB], adopt=adopt) == ([other] if left else [])
    assert (read(*other)["measured_with"] == OLD) == left


@pytest.mark.parametrize("moves, lacks", [(False, False), (True, False), (False, True)])
def test_adopted_the_first_of_a_recipe_is_measured_for_the_others(monkeypatch, moves, lacks):
    others = [("location", "plain", 1), ("location", "dropout", 0), ("location", "plain", 2)]
    for job in others:
        entry = write(job=job, measured_with=OLD,
                      settings=entries.settings(*JOB[:2]) | {"size": 40})
        if lacks and job == others[2]:
            del entry["metrics"]["auc_maximum"]
            entries.write_provenance(entry)
    now = measured(monkeypatch)["metrics_of_kept"] | ({"auc_maximum": 0.9} if moves else {})
    asked = []
    monkeypatch.setattr(again, "_measured", lambda job: asked.append(job) or now)
    assert again.measure([JOB, *others], adopt=True) == []
    expected = {JOB, others[1]} | (set(others) if moves else {others[2]} if lacks else set())
    assert set(asked) == expected and len(asked) == len(expected)
    assert all(read(*job)["measured_with"] != OLD for job in (JOB, *others))


def test_a_metric_that_is_new_is_measured_on_what_is_kept(monkeypatch):
    how = write()["settings"] | {"size": 50}
    entry = write(measured_with=OLD, settings=how)
    now = entry["metrics_of_kept"] | {"auc_new": 0.75}
    monkeypatch.setattr(again.measuring, "measure", lambda *_, **__: now)
    assert again.measure([JOB]) == []
    assert read()["metrics"]["auc_new"] == read()["metrics_of_kept"]["auc_new"] == 0.75
    assert read()["of_kept"] == ["auc_new"]


def test_what_is_not_kept_and_lacks_a_metric_has_to_be_trained(monkeypatch):
    other = ("location", "dropout", 1)
    write(job=("location", "dropout", 0), measured_with=OLD,
          settings=entries.settings(*JOB[:2]) | {"size": 40})
    entry = write(job=other, arrays=False, measured_with=OLD)
    now = entry["metrics_of_kept"] | {"auc_new": 0.75}
    monkeypatch.setattr(again.measuring, "measure", lambda *_, **__: now)
    assert again.measure([("location", "dropout", 0), other], adopt=True) == [other]


def test_the_factor_table_is_made_anew_on_what_is_kept(monkeypatch):
    measured(monkeypatch)
    monkeypatch.setattr(again.measuring, "factor_table", lambda seen: [len(seen.shadows)])
    again.measure([JOB])
    assert read()["factors"] == [2]


def test_without_a_kept_one_of_its_set_nothing_vouches_for_it(monkeypatch):
    other = ("location", "dropout", 1)
    write(job=other, arrays=False, measured_with=OLD)
    assert again.measure([other], adopt=True) == [other]


# ---------------------------------------------------------------- adopted


@pytest.fixture
def old(monkeypatch):
    """Entries made with other code; `old.tried` lists what is trained to compare."""
    for job in (JOB, ("location", "plain", 1), ("location", "dropout", 0)):
        write(job=job, trained_with=OLD)
    monkeypatch.setattr(again, "load", lambda name: BITS)

    class Old:
        tried, agrees = [], True

        @staticmethod
        def parallel(function, jobs):
            Old.tried = jobs
            return [(job, Old.agrees or job[1] != "plain", "compared") for job in jobs]

    return Old


def stamped():
    return [job for job in (JOB, ("location", "plain", 1), ("location", "dropout", 0))
            if read(*job)["trained_with"] != OLD]


def test_one_of_each_kind_is_trained_and_all_are_adopted(old, capsys):
    again.adopt([JOB, ("location", "plain", 1), ("location", "dropout", 0)], old.parallel)
    assert old.tried == [JOB, ("location", "dropout", 0)]
    assert len(stamped()) == 3 and entries.to_do(JOB, BITS) == ""
    assert "location plain 0: compared" in capsys.readouterr().out


def test_a_kind_that_does_not_agree_is_not_adopted(old):
    old.agrees = False
    again.adopt([JOB, ("location", "plain", 1), ("location", "dropout", 0)], old.parallel)
    assert stamped() == [("location", "dropout", 0)]


def test_of_each_kind_the_quickest_with_posteriors_is_tried_however_long_it_takes(old):
    jobs = [JOB, ("location", "plain", 1), ("location", "dropout", 0)]
    write(job=JOB, trained_with=OLD, seconds_a_model=30)
    write(job=("location", "dropout", 0), trained_with=OLD, seconds_a_model=9_000)
    again.adopt(jobs, old.parallel)
    assert sorted(old.tried) == [("location", "dropout", 0), ("location", "plain", 1)]
    assert len(stamped()) == 3


@pytest.mark.parametrize("changes", [{"data": "other data"}, {"settings": {"size": 3}}])
def test_other_data_or_settings_are_never_adopted(old, changes):
    write(trained_with=OLD, **changes)
    again.adopt([JOB], old.parallel)
    assert old.tried == [] and stamped() == []


def test_kinds_differ_in_model_defense_shadows_and_preparation():
    def kind(recipe, dataset=BITS):
        return again._kind({"settings": entries.settings("location", recipe)}, dataset)

    recipes = ("plain", "dropout", "stacking", "half", "shadows-10", "forest", "logistic")
    assert len({kind(recipe) for recipe in recipes}) == len(recipes)
    assert kind("plain") == kind("epochs-10") and kind("half") == kind("double")
    assert kind("plain") != kind("plain", entries.Dataset(
        "b", BITS.x, BITS.y, BITS.classes, PerPixel()))


@pytest.mark.parametrize("moved, agrees, words", [
    (None, True, "bit for bit"), (0.01, True, "within the band of 0.09"),
    (0.2, False, "OUTSIDE the band of 0.09")])
def test_a_trial_compares_arrays_then_numbers(monkeypatch, moved, agrees, words):
    entry = write(settings=entries.settings("location", "plain") | {"size": 100})
    monkeypatch.setattr(again, "load", lambda name: BITS)
    monkeypatch.setattr(again, "records_kept", lambda size, classes: 40)
    monkeypatch.setattr(again, "experiment", lambda dataset, how, seed: answers(seed))
    if moved:
        path = entries.file_of(*JOB)
        other = answers(5).arrays()
        np.savez(path, **other)
        entry["sha256"] = entries.sha256(path.read_bytes())
        entry["target"]["test"] += moved
        path.with_suffix(".json").write_text(json.dumps(entry))
    job, agreed, said = again.trial(*JOB)
    assert (job, agreed) == (JOB, agrees) and words in said
    assert not moved or f"{moved:.4f}, of target test" in said
