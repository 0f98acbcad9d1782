"""The command that makes recordings: what it makes, what a kill leaves, two of it at once."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small import run_here, small_location

from mlleaks_helpers import recorded
from mlleaks_helpers.data import DataUnavailable, load
from tools import again, entries, plan, record
from tools.experiments import experiment

JOB = ("location", "logistic", 0)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A Location of eight bits and 60 records a part, and a folder of recordings of its own."""
    small_location(tmp_path, monkeypatch)
    monkeypatch.setenv("MLLEAKS_RECORDINGS", str(tmp_path / "recordings"))
    return tmp_path / "recordings"


def run(monkeypatch, *arguments):
    """The command in this process, one experiment after the other: what it made."""
    return run_here(record, monkeypatch, *arguments)


def test_make_records_what_the_models_answered(small):
    record.make(*JOB)
    seen = recorded.recorded("location", "logistic")
    answers = experiment(load("location"), plan.settings("location", "logistic"), seed=0)
    for one, other in ((answers.target, seen.target), (answers.shadows[0], seen.shadow)):
        np.testing.assert_allclose(other.posteriors, one.posteriors, atol=1e-3)
        np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_allclose(seen.random, answers.random, atol=1e-3)
    assert seen.provenance["target"] == entries.accuracy(answers.target)


def test_metrics_of_what_is_kept_are_measured_on_that(small, monkeypatch):
    monkeypatch.setattr(plan, "VALUES_KEPT", 60)  # 20 of each part of 60
    record.make(*JOB)
    seen = recorded.recorded("location", "logistic")
    assert seen.provenance["records_kept"] == len(seen.target) // 2 == 20
    assert entries.measure(seen)["auc_maximum"] == pytest.approx(
        seen.provenance["metrics_of_kept"]["auc_maximum"], abs=0.005)
    assert seen.provenance["metrics_of_kept"] != seen.provenance["metrics"]


def test_what_is_whole_and_current_is_not_made_again(small, monkeypatch):
    chosen = "--recipe", "logistic"
    assert run(monkeypatch, *chosen, "--seed", "1") == [("location", "logistic", 1)]
    rest = [("location", "logistic", seed) for seed in (0, 2, 3, 4)]
    assert run(monkeypatch, *chosen) == rest
    assert run(monkeypatch, *chosen) == []
    kept = {seed for seed in range(5) if recorded.file_of("location", "logistic", seed).exists()}
    assert kept == {0} and len(recorded.measured("location", "logistic")) == 5


def test_other_metrics_train_only_what_is_not_kept(small, monkeypatch, capsys):
    monkeypatch.setattr(again, "OF_TREES", 100)  # of sixty records, float16 moves trees far
    chosen = "--recipe", "logistic"
    run(monkeypatch, *chosen)
    bytes_before = recorded.file_of(*JOB).read_bytes()
    code_of = entries.code_of
    monkeypatch.setattr(entries, "code_of", lambda module: (
        "other" if module == "tools.measuring" else code_of(module)))
    assert run(monkeypatch, *chosen, "--adopt") == []
    assert run(monkeypatch, *chosen) == []
    monkeypatch.setattr(entries, "code_of", lambda module: (
        "another" if module == "tools.measuring" else code_of(module)))
    assert run(monkeypatch, *chosen) == [("location", "logistic", seed) for seed in (1, 2, 3, 4)]
    assert "1 of 5 experiments measured again; 4 have to be trained for it" in (
        capsys.readouterr().out)
    assert recorded.file_of(*JOB).read_bytes() == bytes_before


def test_what_cannot_be_adopted_is_named_and_not_trained(small, monkeypatch):
    with pytest.raises(SystemExit, match="To be trained, by make results without ADOPT: location "
                                         "logistic 0"):
        run(monkeypatch, "--recipe", "logistic", "--seed", "0", "--adopt")
    assert not small.exists()


def test_code_that_gives_the_same_is_adopted(small, monkeypatch, capsys):
    monkeypatch.setattr(again, "OF_TREES", 100)  # of sixty records, float16 moves trees far
    run(monkeypatch, "--recipe", "logistic")
    code_of = entries.code_of
    monkeypatch.setattr(entries, "code_of", lambda module: f"moved {code_of(module)}")
    assert run(monkeypatch, "--recipe", "logistic", "--adopt") == [JOB]  # one, to compare
    assert "location logistic 0: the same bit for bit" in capsys.readouterr().out
    assert run(monkeypatch, "--recipe", "logistic") == []


class Killed(BaseException):
    pass


def test_killed_while_writing_and_started_again(small, monkeypatch):
    """Nothing half-written at any moment, and in the end the bytes of an undisturbed run."""
    record.make(*JOB)
    calm = recorded.file_of(*JOB).read_bytes()
    for place, name in ((np, "savez_compressed"), (os, "replace")):
        for nth in (1, 2):
            for path in small.rglob("*.*"):
                path.unlink()
            calls, real = [], getattr(place, name)

            def killed(*arguments, calls=calls, real=real, nth=nth, **more):
                calls.append(arguments)
                if len(calls) == nth:
                    raise Killed
                return real(*arguments, **more)

            with monkeypatch.context() as during:
                during.setattr(place, name, killed)
                try:
                    record.make(*JOB)
                except Killed:
                    assert entries.read(*JOB) is None and recorded.measured() == []
            record.make(*JOB)
            assert recorded.file_of(*JOB).read_bytes() == calm


def test_what_another_run_is_writing_is_left_to_it(small):
    (small / "location").mkdir(parents=True)
    for name, age in ((".plain-0.npz.other", 60), (".plain-1.npz.killed", 2 * record.DAY)):
        (small / "location" / name).mkdir()
        then = time.time() - age
        os.utime(small / "location" / name, (then, then))
    (small / "location/plain-0.json").write_text("{}")
    record.sweep("location")
    assert {path.name for path in (small / "location").iterdir()} == {
        ".plain-0.npz.other", "plain-0.json"}


def test_what_another_run_has_made_meanwhile_is_not_made_again(small, monkeypatch):
    record.make(*JOB)
    monkeypatch.setattr(record, "make", lambda *job: pytest.fail("made twice"))
    assert record._made(*JOB) == JOB


def command(folder, *arguments):
    environment = os.environ | {"MLLEAKS_DATA": str(folder / "data"),
                                "MLLEAKS_RECORDINGS": str(folder / "recordings")}
    return subprocess.Popen([sys.executable, "-m", "tools.record", *arguments], text=True,
                            env=environment, start_new_session=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


@pytest.mark.skipif("MLLEAKS_KILLS" not in os.environ,
                    reason="half a minute a kill: MLLEAKS_KILLS says how many")
def test_killed_at_any_moment_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MLLEAKS_RECORDINGS", str(tmp_path / "recordings"))
    rng = np.random.default_rng()
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/location.npz", x=rng.integers(2, size=(5_010, 8), dtype=np.uint8),
             y=rng.integers(3, size=5_010), classes=["a", "b", "c"])
    chosen = "--set", "location", "--recipe", "logistic", "--jobs", "1"
    for _ in range(int(os.environ["MLLEAKS_KILLS"])):
        process = command(tmp_path, *chosen)
        time.sleep(rng.uniform(3, 20))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for provenance in (tmp_path / "recordings").glob("*/*.json"):
            entry = json.loads(provenance.read_text(encoding="utf-8"))
            assert entries.read(entry["set"], entry["recipe"], entry["seed"]) is not None
    process = command(tmp_path, *chosen)
    process.communicate()
    assert process.returncode == 0
    assert len(list((tmp_path / "recordings/location").glob("*.json"))) == 5


def test_data_out_of_reach_is_one_sentence(small, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["record", "--set", "retail-2"])
    with pytest.raises(SystemExit, match="^retail-2 is not in the cache"):
        record.main()


def test_a_small_entry_made_again_is_in_band():
    """Another processor gives other digits, not another result."""
    try:
        load("location")
    except DataUnavailable:
        pytest.skip("the Location data is not in the cache")
    _, agrees, words = again.trial("location", "epochs-10", 0)
    assert agrees, words
