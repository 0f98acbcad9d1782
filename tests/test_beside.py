"""The benchmark beside other tools: what it says of measurements, and where a tool is missing."""

import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("resource", reason="the benchmarks measure memory as Unix does")

from benchmarks import beside
from benchmarks import book_lira as book
from benchmarks.beside import OURS, Measured, case, compete, each, measure, over_targets, table
from mlleaks_helpers.data import load
from mlleaks_helpers.interval import Interval
from mlleaks_helpers.metrics import auc, tpr_at_fpr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def measured(seconds, area=0.9, memory=500.0, **changed):
    facts = {"cpu": 0.75 * seconds, "start": 3.0, "memory": memory,
             "auc": Interval(area, area - 0.05, area + 0.05), "tpr": Interval(0.5, 0.4, 0.6)}
    return Measured(seconds, **facts | changed)


@pytest.fixture
def small():
    return load("shoppers-2")


def test_ratios_are_of_the_same_target():
    theirs, ours = [measured(8.0), measured(30.0)], [measured(2.0), measured(10.0)]
    said = each("seconds", np.divide, theirs, ours)
    half = stats.t.ppf(0.975, 1) * 0.5  # of the ratios 4 and 3
    assert said == str(Interval(3.5, 3.5 - half, 3.5 + half))


@pytest.mark.parametrize("what", ["seconds", "cpu", "area", "found"])
def test_each_number_is_compared_with_its_like(what):
    ours = measured(2.0, area=0.5, cpu=3.0, tpr=Interval(0.25, 0.2, 0.3))
    theirs = measured(10.0, area=0.75, cpu=12.0, tpr=Interval(0.5, 0.4, 0.6))
    quotients = {"seconds": 5, "cpu": 4, "area": 1.5, "found": 2}
    assert each(what, np.divide, [theirs], [ours]) == f"{quotients[what]:.3f}"


def test_a_difference_is_theirs_less_ours():
    assert each("area", np.subtract, [measured(1.0, area=0.5)], [measured(1.0, area=0.75)]) \
        == "-0.250"


def test_one_target_keeps_its_own_interval():
    assert over_targets([Interval(0.9, 0.8, 0.95)]) == Interval(0.9, 0.8, 0.95)


def test_several_targets_are_repetitions():
    values = [0.80, 0.84, 0.88]
    found = over_targets([Interval(value, 0, 1) for value in values])
    half = stats.t.ppf(0.975, 2) * 0.04 / np.sqrt(3)
    np.testing.assert_allclose([found.value, found.low, found.high],
                               [0.84, 0.84 - half, 0.84 + half])


def test_table_has_means_and_the_largest_memory():
    lines = table({OURS: [measured(2.0, memory=700), measured(4.0, memory=900)],
                   "with 8": [measured(1.0), measured(2.0)],
                   "SACRO-ML": [measured(20.0), measured(24.0)]}).splitlines()
    assert lines[1].removeprefix(OURS).split()[:4] == ["3.0", "2.2", "3.0", "900"]
    assert lines[2].removeprefix("with 8").split()[:2] == ["1.5", "1.1"]
    assert lines[3].split()[1:3] == ["22.0", "16.5"]
    assert len(lines) == 8
    assert f"SACRO-ML beside {OURS}: 8.000 [" in lines[4] and "at least 4 wanted" in lines[4]
    assert "SACRO-ML beside with 8: 16.000 [" in lines[6] and "wanted" not in lines[6]


def test_differences_stand_below():
    lines = table({OURS: [measured(2.0, area=0.75)], "with 8": [measured(1.0)],
                   "ART": [measured(3.0, area=0.5)]}).splitlines()
    assert "1.500 times the seconds" in lines[4] and "wanted" not in lines[4]
    assert "by -0.250, TPR by 0.000" in lines[5]


def test_missing_tools_are_named_once_and_left_out(monkeypatch, capsys):
    asked = []

    def alone(function, module, seed, models, threads):
        asked.append((module, seed, models, threads))
        if module == "sacro_lira":
            raise ModuleNotFoundError("No module named 'sacroml'")
        return measured(1.0 + seed + models)

    monkeypatch.setattr(beside, "alone", alone)
    found = compete(targets=2, models=16, fewer=8, threads=3)
    assert {name: [one.seconds for one in ones] for name, ones in found.items()} \
        == {OURS: [17.0, 18.0], "with 8": [9.0, 10.0], "ART": [17.0, 18.0]}
    assert asked == [("book_lira", 0, 16, 3), ("book_lira", 0, 8, 3), ("sacro_lira", 0, 16, 3),
                     ("art_black_box", 0, 16, 3), ("book_lira", 1, 16, 3),
                     ("book_lira", 1, 8, 3), ("art_black_box", 1, 16, 3)]
    said = capsys.readouterr().out
    assert said.count("left out") == 1
    assert ("SACRO-ML: left out (No module named 'sacroml'); "
            "benchmarks/requirements.txt says how to install it") in said


def test_the_book_itself_is_never_left_out(monkeypatch):
    def alone(*_):
        raise ImportError("no TensorFlow")

    monkeypatch.setattr(beside, "alone", alone)
    with pytest.raises(ImportError, match="no TensorFlow"):
        compete(1, 4, 2, 1)


@pytest.mark.parametrize("module, needs", [("sacro_lira", "sacroml"), ("art_black_box", "art")])
def test_a_missing_tool_is_noticed_before_anything_is_trained(monkeypatch, module, needs):
    monkeypatch.setitem(sys.modules, needs, None)
    monkeypatch.delitem(sys.modules, f"benchmarks.{module}", raising=False)
    monkeypatch.setattr(beside, "case", lambda *_: pytest.fail("trained a target"))
    with pytest.raises(ImportError, match=needs):
        measure(module, 0, 2, 1)


def test_targets_know_their_members_and_no_one_else(small):
    one, other = case(0, small, size=100), case(1, small, size=100)
    assert len(one.pool) == len(one.elsewhere) == 200 and one.member.sum() == 100
    right = one.target.predict(one.pool.x) == one.pool.y
    assert right[one.member].all() and not right[~one.member].all()
    assert not np.array_equal(one.pool.x, other.pool.x)
    assert one.target.random_state != other.target.random_state


def test_adversaries_own_records_are_others(small):
    numbered = np.arange(len(small))
    one = case(0, type(small)("rows", np.unpackbits(numbered[:, None].view(np.uint8), axis=1),
                              small.y, small.classes), size=100)
    rows = np.packbits(np.concatenate([one.pool.x, one.elsewhere.x]), axis=1).view(int).ravel()
    assert len(set(rows)) == 400


def test_an_attack_is_measured_against_the_targets_members(monkeypatch):
    member = np.arange(2_000) < 1_000
    scores = np.random.default_rng(0).normal(size=2_000) + 2 * member
    tool = ModuleType("benchmarks.tool")
    tool.scores = lambda *_: time.sleep(0.2) or scores
    monkeypatch.setattr(beside, "case", lambda *_: SimpleNamespace(member=member))
    monkeypatch.setattr(beside, "records", lambda: None)
    monkeypatch.setitem(sys.modules, "benchmarks.tool", tool)
    got = measure("tool", 3, 5, 1)
    assert (got.auc, got.tpr) == (auc(scores, member), tpr_at_fpr(scores, member, 0.01))
    assert got.seconds >= 0.19 > got.cpu


def test_references_find_members(monkeypatch, small):
    seen, really = [], book.train_many
    monkeypatch.setattr(book, "train_many", lambda build, pool, included, **how: seen.append(
        included) or really(build, pool, included, **how))
    one = case(0, small, size=100)
    scores = book.scores(one, 16, threads=1)
    assert (seen[0].sum(axis=1) == 100).all() and np.ptp(seen[0].sum(axis=0)) > 4
    assert scores.shape == (200,) and auc(scores, one.member).low > 0.5
    assert not np.array_equal(scores, book.scores(one, 15, threads=1))


def stand_in(monkeypatch, ours, **modules):
    """Our module that uses a tool, with objects of ours in the places of the tool's."""
    for path, objects in modules.items():
        names = path.split("__")
        for k in range(len(names)):
            name = ".".join(names[: k + 1])
            if name not in sys.modules or k == len(names) - 1:
                monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[".".join(names)]).update(objects)
    monkeypatch.delitem(sys.modules, f"benchmarks.{ours}", raising=False)
    return import_module(f"benchmarks.{ours}")


def test_sacro_gets_the_pool_and_an_empty_folder(monkeypatch, small):
    one, seen = case(0, small, size=100), []

    class Attack:
        def __init__(self, **settings):
            seen.append(settings | {"there": list(Path(settings["output_dir"]).iterdir())})

        def attack(self, target):
            seen.append(target)
            scores = [*range(len(target.X_train)), *range(-len(target.X_test), 0)]
            self.attack_metrics = [{"individual": {"member_prob": scores}}]

    sacro = stand_in(monkeypatch, "sacro_lira",
                     sacroml__attacks__likelihood_attack={"LIRAAttack": Attack},
                     sacroml__attacks__target={"Target": SimpleNamespace})
    scores = sacro.scores(one, 7, threads=1)
    np.testing.assert_array_equal(scores, [*range(100), *range(-100, 0)])
    settings, target = seen
    assert settings["n_shadow_models"] == 7 and settings["mode"] == "online-carlini"
    assert settings["there"] == [] and not Path(settings["output_dir"]).exists()
    assert target.model is one.target
    np.testing.assert_array_equal(np.vstack([target.X_train, target.X_test]), one.pool.x)
    np.testing.assert_array_equal(np.hstack([target.y_train, target.y_test]), one.pool.y)


def test_art_learns_elsewhere_and_is_asked_about_the_pool(monkeypatch, small):
    one, seen = case(3, small, size=100), SimpleNamespace()

    class Shadows:
        def __init__(self, template, models, random_state):
            seen.template, seen.models, seen.seed = template, models, random_state

        def generate_shadow_dataset(self, x, y, member_ratio):
            seen.own, seen.labels, seen.ratio = x, y, member_ratio
            return ("member x", "member y", "member p"), ("other x", "other y", "other p")

    class BlackBox:
        def __init__(self, target, attack_model_type):
            seen.target = target

        def fit(self, *arrays):
            seen.learned = arrays

        def infer(self, x, y, probabilities):
            assert probabilities
            seen.asked, seen.asked_labels = x, y
            return np.arange(len(x))[:, None]

    art = stand_in(monkeypatch, "art_black_box",
                   art__attacks__inference__membership_inference={
                       "MembershipInferenceBlackBox": BlackBox, "ShadowModels": Shadows},
                   art__estimators__classification={"SklearnClassifier": lambda model: model})
    np.testing.assert_array_equal(art.scores(one, 7, threads=1), np.arange(200))
    assert (seen.models, seen.seed, seen.ratio) == (7, 3, 0.5)
    assert seen.target is one.target and seen.template.random_state != one.target.random_state
    assert seen.learned == ("member x", "member y", "other x", "other y", "member p", "other p")
    np.testing.assert_array_equal(seen.own, one.elsewhere.x)
    np.testing.assert_array_equal(seen.labels.argmax(axis=1), one.elsewhere.y)
    np.testing.assert_array_equal(seen.asked, one.pool.x)
    np.testing.assert_array_equal(seen.asked_labels.argmax(axis=1), one.pool.y)
