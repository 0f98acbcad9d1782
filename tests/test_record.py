"""Making recordings: what is stale, what a kill leaves behind, and one entry made again."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from mlleaks_helpers import data, recorded
from mlleaks_helpers.data import Dataset, DataUnavailable
from mlleaks_helpers.models import training
from tools import record

TINY = {"MLLEAKS_DATA": "data", "MLLEAKS_RECORDINGS": "recordings"}


def tiny_location(folder):
    """A cache with a Location of eight bits, so that a model trains in a second."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    np.savez(folder / "location.npz", x=rng.integers(2, size=(5_010, 8), dtype=np.uint8),
             y=rng.integers(3, size=5_010), classes=["a", "b", "c"])


@pytest.fixture
def small(tmp_path, monkeypatch):
    """`make` on a tiny data set, into a folder of its own."""
    tiny_location(tmp_path / "data")
    monkeypatch.setenv("MLLEAKS_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "recordings")
    recorded._entries.cache_clear()
    yield tmp_path / "recordings"
    recorded._entries.cache_clear()


def test_the_plan_has_every_set_and_three_seeds():
    plan = record.plan()
    assert len(plan) == len(set(plan))
    for name in ("adult", "cifar10", "cifar100", "lfw", "location", "mnist", "news", "retail-100"):
        for recipe in ("plain", "dropout"):
            assert {seed for *job, seed in plan if job == [name, recipe]} >= {0, 1, 2}
    assert ("cifar100", "stacking", 2) in plan and ("lfw", "stacking", 0) not in plan
    assert ("cifar100", "epochs-200", 2) in plan and ("location", "shadows-10", 4) in plan


def test_who_has_purchase_can_record_it():
    assert not any(name.startswith("purchase") for name, _, _ in record.plan())
    assert ("purchase-100", "stacking", 2) in record.plan(("purchase-100",))
    assert record.settings("purchase-100", "plain")["size"] == 10_000


def test_recipes_change_what_their_name_says():
    plain = record.settings("location", "plain")
    assert record.settings("location", "epochs-70")["target"] == plain["target"] | {"epochs": 70}
    half = record.settings("location", "half")
    assert half["target"] == plain["target"]
    assert half["shadow"] == plain["shadow"] | {"batch_size": 50, "hidden": 64, "l2": 5e-8}
    assert record.settings("location", "shadows-10")["shadows"] == 10
    assert record.settings("cifar10", "plain")["target"]["model"] == "cnn"
    with pytest.raises(ValueError, match="recipe is 'magic': known are plain, dropout, stacking"):
        record.settings("location", "magic")


def test_anything_that_changes_the_numbers_makes_an_entry_stale(monkeypatch):
    bits = Dataset("location", np.eye(8, dtype=np.uint8), np.arange(8) % 2, ("a", "b"))
    before = record.key("location", "plain", 0, bits)
    assert record.key("location", "plain", 0, bits) == before
    other = replace(bits, y=1 - bits.y)
    keys = {before, record.key("location", "plain", 1, bits),
            record.key("location", "dropout", 0, bits), record.key("location", "plain", 0, other)}
    monkeypatch.setitem(record.SIZES, "location", 1_000)
    keys.add(record.key("location", "plain", 0, bits))

    def train(build, dataset, *, epochs=50, batch_size=100, seed=0):
        return None

    monkeypatch.setattr(training, "train", train)
    keys.add(record.key("location", "plain", 0, bits))
    assert len(keys) == 6


def test_a_docstring_makes_nothing_stale():
    def one():
        """Once."""
        return 1

    code = record._without_docstrings(one)
    assert "Once" not in code and "Return" in code


def test_only_one_data_set_is_kept_in_memory():
    for size in (4, 5):
        record._digest(Dataset("bits", np.eye(size), np.arange(size) % 2, ("a", "b")))
    assert record._digest.cache_info().currsize == 1


def test_text_is_part_of_the_digest():
    texts = [np.array(words, dtype=object) for words in (["ab", "c"], ["a", "bc"])]
    digests = {record._digest(Dataset("news", x, np.array([0, 1]), ("u", "v"))) for x in texts}
    assert len(digests) == 2


def test_make_records_what_the_models_answered(small):
    record.make("location", "stacking", 0)
    seen = recorded.recorded("location", "stacking")
    assert len(seen.target) == 2 * 1_252 and seen.random.shape == (1_000, 3)
    assert np.bincount(seen.part).tolist() == [418, 417, 417]
    again = record.measure(seen.target, seen.shadow)
    assert again["auc_maximum"] == pytest.approx(
        seen.provenance["metrics"]["auc_maximum"], abs=0.001)


def test_more_shadows_share_the_adversarys_records(small):
    numbered = replace(data.load("location"), x=np.arange(5_010)[:, None])
    parts = data.split(numbered, size=100)
    halves = list(record._shadow_parts(parts, 3, 0))
    assert len(halves) == 3
    own = {*parts.shadow_train.x.ravel(), *parts.shadow_out.x.ravel()}
    for inside, outside in halves:
        assert len(inside) == len(outside) == 100
        assert {*inside.x.ravel(), *outside.x.ravel()} == own  # all of hers, and none twice
    assert not np.array_equal(halves[1][0].x, halves[2][0].x)


def test_what_is_whole_and_current_is_not_made_again(small):
    job = ("location", "logistic", 0)
    assert record.stale([job]) == [job]
    record.make(*job)
    assert record.stale([job]) == []
    path = recorded.file_of(*job)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert record.stale([job]) == [job]
    path.write_bytes(content)
    assert record.stale([job]) == []
    entry = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(entry | {"key": "of other code"}))
    assert record.stale([job]) == [job]


def command(folder, *arguments):
    """`make results` in a process group of its own, with one core's worth of it."""
    environment = os.environ | {name: str(folder / place) for name, place in TINY.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "tools.record", "--set", "location", "--jobs", "1",
         *arguments], env=environment, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to kill")
def test_killed_at_any_moment_and_started_again(tmp_path):
    """The same bytes as an undisturbed run, and nothing half-written in between."""
    chosen = "--recipe", "epochs-10"
    for run in ("calm", "killed"):
        (tmp_path / run).mkdir()
        tiny_location(tmp_path / run / "data")
    assert command(tmp_path / "calm", *chosen).wait() == 0
    rng = np.random.default_rng()
    for _ in range(int(os.environ.get("MLLEAKS_KILLS", 3))):
        process = command(tmp_path / "killed", *chosen)
        time.sleep(rng.uniform(3, 12))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for provenance in (tmp_path / "killed").glob("recordings/location/*.json"):
            entry = json.loads(provenance.read_text())
            if entry["sha256"]:
                content = provenance.with_suffix(".npz").read_bytes()
                assert record._sha256(content) == entry["sha256"]
    assert command(tmp_path / "killed", *chosen).wait() == 0
    calm, killed = (sorted((tmp_path / run / "recordings" / "location").iterdir())
                    for run in ("calm", "killed"))
    assert [path.name for path in calm] == [path.name for path in killed]
    assert len(calm) == 6  # five seeds, the posteriors of one
    for one, other in zip(calm, killed, strict=True):
        if one.suffix == ".npz":
            assert one.read_bytes() == other.read_bytes()
        else:
            entries = [json.loads(path.read_text()) for path in (one, other)]
            for entry in entries:
                del entry["seconds_a_model"]
            assert entries[0] == entries[1]


def test_data_out_of_reach_is_one_sentence(tmp_path):
    environment = os.environ | {"MLLEAKS_DATA": str(tmp_path)}
    asked = subprocess.run([sys.executable, "-m", "tools.record", "--set", "retail-2"],
                           env=environment, capture_output=True, text=True)
    assert asked.returncode == 1
    assert "retail-2 is not in the cache" in asked.stderr and "Traceback" not in asked.stderr


def test_a_small_entry_made_again_is_in_band(tmp_path, monkeypatch):
    """Another processor gives other digits, not another result."""
    try:
        data.load("location")
    except DataUnavailable:
        pytest.skip("the Location data is not in the cache")
    shipped = recorded.recorded("location").provenance
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    recorded._entries.cache_clear()
    record.make("location", "plain", 0)
    again = recorded.recorded("location").provenance
    recorded._entries.cache_clear()
    assert again["target"]["train"] > 0.99
    assert again["target"]["test"] == pytest.approx(shipped["target"]["test"], abs=0.04)
    for metric in ("macro_precision", "macro_recall", "auc_maximum"):
        assert again["metrics"][metric] == pytest.approx(shipped["metrics"][metric], abs=0.04)
