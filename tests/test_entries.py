"""Entries of recordings: what makes one stale, and what is in it."""

import copy
import json
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlleaks_helpers.data import Dataset, PerPixel
from mlleaks_helpers.observation import Observation
from mlleaks_helpers.recorded import recorded
from tools import entries, needs
from tools import plan as plan_module
from tools.experiments import Answers

BITS = Dataset("location", np.eye(8, dtype=np.uint8), np.arange(8) % 2, ("a", "b"))
JOB = ("location", "plain", 0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder of recordings, in place of the package's."""
    monkeypatch.setenv("MLLEAKS_RECORDINGS", str(tmp_path / "recordings"))
    return tmp_path / "recordings"


def answers(seed=0, n=40):
    """Target, two shadows, random, part and references, all different."""
    rng = np.random.default_rng(seed)
    seen = [Observation(softmax(3 * rng.normal(size=(2 * n, 4)), axis=1),
                        rng.integers(4, size=2 * n), np.arange(2 * n) < n) for _ in range(3)]
    return Answers(seen[0], seen[1:], softmax(rng.normal(size=(9, 4)), axis=1),
                   rng.integers(3, size=n), rng.normal(size=(2, 2 * n)), 1.25)


def write(job=JOB, kept=40, arrays=True, **changes):
    """An entry that is up to date with BITS."""
    entry = provenance(job, kept) | entries.digests(*job, BITS) | changes
    entries.write(entry, answers().first(kept).arrays() if arrays else None)
    return entry


def provenance(job, kept):
    return copy.deepcopy(_provenance(job, kept))


@cache
def _provenance(job, kept):
    with patch.object(entries, "factor_table", lambda seen: [{"shadows": len(seen.shadows)}]):
        return entries.provenance(job, answers(), kept)


def test_what_is_whole_and_current_is_left_alone(folder):
    assert entries.to_do(JOB, BITS) == "train"
    write()
    assert entries.to_do(JOB, BITS) == ""
    path = folder / "location" / "plain-0.npz"
    content = path.read_bytes()
    for damaged in (content[:-1], b"", content[:99] + bytes([content[99] ^ 1]) + content[100:]):
        path.write_bytes(damaged)
        assert entries.to_do(JOB, BITS) == "train"
    path.unlink()
    assert entries.to_do(JOB, BITS) == "train"
    path.write_bytes(content)
    assert entries.to_do(JOB, BITS) == ""
    path.with_suffix(".json").write_text("{}")
    assert entries.to_do(JOB, BITS) == "train"


@pytest.mark.parametrize("changes, todo", [
    ({"trained_with": "other code"}, "train"),
    ({"measured_with": "other code"}, "measure"),
    ({"trained_with": "other code", "measured_with": "other code"}, "train"),
    ({"seconds_a_model": 5}, ""),
])
def test_training_and_measuring_have_digests_of_their_own(changes, todo):
    write(**changes)
    assert entries.to_do(JOB, BITS) == todo


def test_everything_that_changes_the_answers_changes_the_digest(monkeypatch):
    def digest(dataset=BITS, job=JOB):
        return entries.digests(*job, dataset)["trained_with"]

    found = [digest(), digest(job=("location", "plain", 1)), digest(job=("location", "half", 0)),
             digest(job=("location", "dropout", 1)), digest(job=("location", "dropout", 0)),
             digest(replace(BITS, y=1 - BITS.y)), digest(replace(BITS, x=1 - BITS.x)),
             digest(replace(BITS, prepare=PerPixel())), digest(replace(BITS, prepare=PerPixel(2)))]
    assert digest() == found[0]
    monkeypatch.setitem(plan_module.SIZES, "location", 1_000)
    found.append(digest())
    monkeypatch.setattr(plan_module, "VALUES_KEPT", 100)
    found.append(digest())
    monkeypatch.setattr(entries, "code_of", lambda module: f"other code of {module}")
    found.append(digest())
    assert len(set(found)) == len(found)


@pytest.fixture(scope="module")
def code():
    return needs.Code()


@pytest.mark.parametrize("module, changed", [
    ("models.builders", "trained"), ("models.defenses", "trained"), ("models.training", "trained"),
    ("stored", "trained"), ("data.prepare", "trained"), ("data.dataset", "trained"),
    ("attacks.classifiers", "measured"), ("attacks.statistics", "trained measured"),
    ("attacks.thresholds", "measured"), ("metrics", "measured"),
    ("observation", "trained measured"), ("data.sets", ""), ("models.many", ""),
    ("attacks.masks", ""), ("recorded", ""), ("plots", ""),
])
def test_code_counts_where_it_is_reached(code, monkeypatch, module, changed):
    """Some of these once changed recorded numbers and made nothing stale."""
    edited = copy.copy(code)
    edited.digest = lambda name: ("edited" if name == f"mlleaks_helpers.{module}" else
                                  code.digest(name))

    def codes(of):
        monkeypatch.setattr(entries.needs, "Code", lambda: of)
        entries.code_of.cache_clear()
        return [entries.code_of(f"tools.{name}") for name in ("experiments", "measuring")]

    before, after = codes(code), codes(edited)
    entries.code_of.cache_clear()
    assert f"mlleaks_helpers.{module}" in code.paths and before[0] != before[1]
    assert [one != other for one, other in zip(before, after, strict=True)] == [
        "trained" in changed, "measured" in changed]


def test_only_one_data_set_is_kept_in_memory():
    for size in (4, 5):
        entries.digest(Dataset("bits", np.eye(size), np.arange(size) % 2, ("a", "b")))
    assert entries.digest.cache_info().currsize == 1


def test_the_digest_of_data_sees_words_shapes_and_types():
    y, names = np.array([0, 1]), ("u", "v")
    some = [np.array(words, dtype=object) for words in (["ab", "c"], ["a", "bc"])]
    some += [np.zeros((2, 4), np.uint8), np.zeros((2, 2, 2), np.uint8), np.zeros((2, 1), np.int32)]
    digests = {entries.digest(Dataset("news", x, y, names)) for x in some}
    assert len(digests) == len(some)


def test_preparation_is_described_the_same_in_every_process():
    columns = make_column_transformer((OneHotEncoder(min_frequency=3), np.array([0, 2])),
                                      (StandardScaler(), [1]))
    described = json.dumps(entries.described(columns))
    assert " at 0x" not in described and '"min_frequency": "3"' in described
    assert "[0, 2]" in described and "StandardScaler" in described
    one, other = (entries.described(FunctionTransformer(function)) for function in (np.exp, np.log))
    assert one != other


def test_what_an_entry_says():
    made = answers()
    entry = provenance(("adult", "dropout", 2), 10)
    assert (entry["set"], entry["recipe"], entry["seed"]) == ("adult", "dropout", 2)
    assert entry["command"] == "make results SET=adult RECIPE=dropout SEED=2"
    assert (entry["records_kept"], entry["classes"], entry["seconds_a_model"]) == (10, 4, 1.2)
    train, test = made.target.accuracy
    assert entry["target"] == {"train": round(train, 4), "test": round(test, 4)}
    assert entry["shadow"] != entry["target"]
    assert entry["metrics"] == entries.measure(made)
    kept = made.first(10)
    assert entry["metrics_of_kept"] == entries.measure(kept)
    assert entry["metrics_of_kept"] != entry["metrics"] and entry["factors"] == []
    whole = provenance(("location", "plain", 4), 40)
    assert whole["metrics_of_kept"] == whole["metrics"] == entry["metrics"]
    assert whole["factors"] == [{"shadows": 2}]
    of_line = provenance(("news", "dropout", 1), 10)  # nothing is kept to run the others on
    for kind, seen in (("metrics", made), ("metrics_of_kept", kept)):
        assert of_line[kind] == entries.measure(seen, every_attack=False)


def test_written_and_read_again():
    write(kept=10)
    seen, made = recorded("location"), answers().first(10)
    for one, other in zip((made.target, *made.shadows), (seen.target, *seen.shadows), strict=True):
        np.testing.assert_allclose(other.posteriors, one.posteriors, atol=1e-3)
        np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_array_equal(seen.part, made.part)
    write(job=("location", "dropout", 1), arrays=False)
    assert entries.read("location", "dropout", 1)["sha256"] is None
    assert entries.read("location", "dropout", 2) is None
