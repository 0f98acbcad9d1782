"""The recordings that come with the package, and what happens to damaged ones. NumPy only."""

import json
import re

import numpy as np
import pytest
from scipy.special import softmax

from mlleaks_helpers import recorded as module
from mlleaks_helpers.observation import Observation
from mlleaks_helpers.recorded import Recorded, measured, over_seeds, recorded
from mlleaks_helpers.stored import to_arrays

SETS = {"adult", "cifar10", "cifar100", "lfw", "location", "mnist", "news", "olivetti",
        *(f"retail-{k}" for k in (2, 10, 20, 50, 100))}
KEPT = [(entry["set"], entry["recipe"], entry["seed"]) for entry in measured() if entry["sha256"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of recordings, in place of the package's."""
    monkeypatch.setenv("MLLEAKS_RECORDINGS", str(tmp_path))
    return tmp_path


def confident(n=200, classes=5, seed=0):
    """Posteriors as they come: many of them within a millionth of 1."""
    rng = np.random.default_rng(seed)
    posteriors = softmax(rng.normal(scale=8, size=(n, classes)), axis=1).astype(np.float32)
    return Observation(posteriors, posteriors.argmax(axis=1), np.arange(n) < n // 2)


def test_every_experiment_of_the_plan_is_recorded():
    from tools.plan import plan

    assert {(entry["set"], entry["recipe"], entry["seed"]) for entry in measured()} == set(plan())
    assert {name for name, _, _ in KEPT} == SETS
    for name in SETS:
        assert {seed for other, recipe, seed in KEPT if (other, recipe) == (name, "plain")} >= {
            0, 1, 2}


def test_all_of_it_is_42_megabytes_at_most():
    assert sum(path.stat().st_size for path in module.folder().rglob("*")) <= 42e6


def test_no_stray_file():
    """Nothing half-written, nothing without the provenance that vouches for it."""
    known = {module.file_of(*key) for key in KEPT}
    known |= {module.file_of(entry["set"], entry["recipe"], entry["seed"]).with_suffix(".json")
              for entry in measured()}
    assert {path for path in module.folder().rglob("*") if path.is_file()} == known


@pytest.mark.parametrize("key", KEPT, ids=lambda key: "-".join(map(str, key)))
def test_a_recording_is_what_its_provenance_says(key):
    name, recipe, seed = key
    seen = recorded(name, recipe, seed=seed)
    kept, classes = seen.provenance["records_kept"], seen.provenance["classes"]
    for observation in (seen.target, *seen.shadows):
        assert observation.posteriors.shape == (2 * kept, classes)
        assert observation.member.sum() == kept
    assert len(seen.shadows) == seen.provenance["settings"]["shadows"]
    assert (seen.random is None) == (name in ("adult", "news"))
    assert (seen.part is None) == (recipe != "stacking")
    if seen.provenance["settings"].get("references"):
        assert seen.references.shape == (len(seen.shadows), 2 * kept)
    else:
        assert seen.references is None
    if kept == seen.provenance["settings"]["size"]:
        train, test = seen.target.accuracy
        assert train == pytest.approx(seen.provenance["target"]["train"], abs=0.002)
        assert test == pytest.approx(seen.provenance["target"]["test"], abs=0.002)


@pytest.mark.parametrize("name", sorted(SETS))
def test_half_precision_changes_no_result(name):
    """Attacks on what is kept in float16 agree with those on the float32 posteriors.

    AUCs to 0.001. The book's logistic regression stops a little before it has converged, and
    where it stops hangs on the last digits; so its precision and recall may differ by 0.005.
    """
    from tools.measuring import measure

    seen = recorded(name)
    again, before = measure(seen), seen.provenance["metrics_of_kept"]
    assert again.keys() == before.keys()
    by_trees = "trees", "tuned", "network", "per_class"  # a last digit moves splits and stops
    for metric, value in before.items():
        if not metric.startswith("tpr_at_1_percent"):  # its threshold is one record's score
            slack = 0.001 if metric.startswith("auc") else 0.005
            slack *= 12 if metric.endswith(by_trees) else 1
            assert again[metric] == pytest.approx(value, abs=slack), metric


@pytest.mark.parametrize("name", sorted(SETS - {"adult"}))
def test_half_precision_does_not_move_an_attack_that_has_converged(name):
    """As much again as float16 takes away, taken at random. (On Adult there is nothing to fit.)"""
    from sklearn.linear_model import LogisticRegression

    from mlleaks_helpers.attacks import TopPosteriors
    from mlleaks_helpers.metrics import evaluate

    def attacked(shadow, target):
        classifier = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-8, max_iter=1000)
        report = evaluate(TopPosteriors(3, classifier).fit(shadow), target)
        return [report.macro_precision.value, report.macro_recall.value, report.auc.value]

    def rounded(one):
        logs = np.log(np.maximum(one.posteriors, 1e-30))
        moved = np.exp(logs * (1 + rng.uniform(-(2**-11), 2**-11, logs.shape)))
        return Observation(np.where(one.posteriors > 0, moved, 0), one.labels, one.member)

    rng = np.random.default_rng(0)
    seen = recorded(name)
    np.testing.assert_allclose(attacked(rounded(seen.shadow), rounded(seen.target)),
                               attacked(seen.shadow, seen.target), atol=0.001)


def test_rounding_decides_no_attack():
    """Fitted in float32, logistic regression moves by 0.01 and more on MNIST's close posteriors."""
    from mlleaks_helpers.attacks import TopPosteriors, attack_regression
    from mlleaks_helpers.metrics import evaluate

    def attacked(precision):
        shadow, target = (
            Observation(one.posteriors.astype(precision), one.labels, one.member)
            for one in (seen.shadow, seen.target))
        return evaluate(TopPosteriors(3, attack_regression()).fit(shadow), target)

    seen = recorded("mnist", seed=1)
    single, double = attacked(np.float32), attacked(np.float64)
    assert single.macro_precision.value == pytest.approx(double.macro_precision.value, abs=0.001)
    assert single.macro_recall.value == pytest.approx(double.macro_recall.value, abs=0.001)


def write(folder, name="tiny", seed=0, **changes):
    from tools import entries

    entry = {"set": name, "recipe": "plain", "seed": seed, "command": "make results SET=tiny",
             "target": {"train": 0.9, "test": 0.5}, "metrics": {"auc": seed / 100, "tpr": None}}
    observation = confident()
    entries.write(entry | changes, to_arrays(observation, [observation], None, None, None))
    return folder / name / f"plain-{seed}.npz"


def test_it_comes_back(folder):
    write(folder)
    seen = recorded("tiny")
    assert isinstance(seen, Recorded) and len(seen.shadows) == 1
    np.testing.assert_allclose(seen.target.posteriors, confident().posteriors, atol=1e-3)
    np.testing.assert_array_equal(seen.target.labels, confident().labels)
    np.testing.assert_array_equal(seen.shadow.member, confident().member)


def test_recordings_can_be_compared_and_kept_in_sets(folder):
    write(folder)
    one, other = recorded("tiny"), recorded("tiny")
    assert one == one and one != other and len({one, other}) == 2


def test_in_the_order_of_seeds_as_numbers(folder):
    for seed in (10, 2, 0, 11, 1, 9):
        write(folder, seed=seed)
    assert [entry["seed"] for entry in measured("tiny")] == [0, 1, 2, 9, 10, 11]
    np.testing.assert_array_equal(over_seeds("tiny", metric="auc"),
                                  [0, 0.01, 0.02, 0.09, 0.1, 0.11])


def test_what_a_caller_does_to_its_copy_is_its_own(folder):
    write(folder)
    measured()[0]["metrics"]["auc"] = 1
    recorded("tiny").provenance["target"]["test"] = 1
    assert measured()[0]["metrics"]["auc"] == 0 and over_seeds("tiny", metric="test")[0] == 0.5


def test_what_is_recorded_meanwhile_is_seen(folder):
    assert measured() == []
    write(folder)
    assert len(measured()) == 1
    write(folder, seed=1)
    assert over_seeds("tiny", "plain", "auc").tolist() == [0, 0.01]
    write(folder, seed=1, metrics={"auc": 0.5})
    assert over_seeds("tiny", "plain", "auc").tolist() == [0, 0.5]
    (folder / "tiny" / "plain-1.json").unlink()
    assert len(measured()) == 1


def test_the_folder_is_the_one_named_at_the_moment(folder, monkeypatch):
    write(folder)
    assert {entry["set"] for entry in measured()} == {"tiny"}
    monkeypatch.delenv("MLLEAKS_RECORDINGS")
    assert {entry["set"] for entry in measured()} == SETS | {"shoppers-100"}


def test_over_seeds_on_the_packages_recordings():
    for recipe in ("plain", "epochs-200"):
        entries = measured("cifar100", recipe)
        assert over_seeds("cifar100", recipe).tolist() == [
            entry["metrics"]["macro_recall"] for entry in entries]
        for part in ("train", "test"):
            assert over_seeds("cifar100", recipe, part).tolist() == [
                entry["target"][part] for entry in entries]
        gaps = over_seeds("cifar100", recipe, "gap")
        np.testing.assert_allclose(gaps, over_seeds("cifar100", recipe, "train")
                                   - over_seeds("cifar100", recipe, "test"))
        assert gaps.min() > 0.5
    assert np.isnan(over_seeds("lfw", metric="tpr_at_1_percent")).all()


@pytest.mark.parametrize("asked, message", [
    (("tinny",), "name is 'tinny': recorded are tiny"),
    (("tiny", "dropout"), "recipe is 'dropout': recorded for tiny are plain"),
    (("tiny", "plain", "recall"), "metric is 'recall': measured are train, test, auc, tpr, gap"),
])
def test_over_seeds_names_what_there_is(folder, asked, message):
    write(folder)
    with pytest.raises(ValueError, match=message):
        over_seeds(*asked)


@pytest.mark.parametrize("damage", [
    lambda content: content[:-1],
    lambda content: content[: len(content) // 2],
    lambda content: b"",
    lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
])
def test_a_damaged_file_is_named_and_never_read(folder, damage):
    path = write(folder)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OSError, match=r"plain-0\.npz is damaged.*make results SET=tiny"):
        recorded("tiny")


def test_a_missing_file_is_named(folder):
    write(folder).unlink()
    with pytest.raises(FileNotFoundError, match=r"plain-0\.npz"):
        recorded("tiny")


def test_damaged_provenance_is_named(folder):
    path = write(folder).with_suffix(".json")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(OSError, match=r"plain-0\.json is damaged"):
        recorded("tiny")


@pytest.mark.parametrize("asked, message", [
    ({"name": "cifar"}, "name is 'cifar': recorded are tiny"),
    ({"name": "tiny", "recipe": "dropout"}, "recorded for tiny are plain"),
    ({"name": "tiny", "seed": 7}, "seed is 7: .* kept for .0, 1."),
])
def test_what_is_not_recorded_says_what_is(folder, asked, message):
    write(folder)
    write(folder, seed=1)
    with pytest.raises(ValueError, match=message):
        recorded(**asked)


def test_metrics_without_posteriors_are_measured_but_not_recorded(folder):
    from tools import entries

    write(folder)
    entries.write({"set": "tiny", "recipe": "plain", "seed": 1, "command": ""}, None)
    assert [entry["seed"] for entry in measured()] == [0, 1]
    assert [entry["seed"] for entry in measured("tiny", "plain")] == [0, 1]
    assert measured("other") == measured("tiny", "dropout") == []
    with pytest.raises(ValueError, match="kept for .0."):
        recorded("tiny", seed=1)


def test_provenance_tells_how_to_make_it_again():
    for entry in measured():
        assert entry["command"].startswith(f"make results SET={entry['set']} ")
        assert {"settings", "data", "trained_with", "measured_with", "versions",
                "seconds_a_model"} <= set(entry)
        text = json.dumps(entry)
        assert "/home/" not in text and "/tmp/" not in text


def test_a_folder_without_recordings_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MLLEAKS_RECORDINGS", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="no recordings are in .*nowhere: see MLLEAKS_RECORDINGS"):
        recorded("adult")


# ---------------------------------------------------------------- the factor table, later metrics


def test_the_factor_table_over_seeds(folder, monkeypatch):
    def row(model, value):
        return {"shadows": 1, "label": "none", "posteriors": 3, "model": model,
                "balanced_accuracy": value, "auc": value / 2, "tpr_at_1_percent": None}

    tables = [[row("line", 0.5), row("trees", 0.6)],
              [row("line", 0.7), row("network", 0.9), row("trees", 0.8)], []]
    entries = {("a", "plain", seed): {"set": "a", "recipe": "plain", "seed": seed, "factors": table}
               for seed, table in enumerate(tables)}
    monkeypatch.setattr(module, "_entries", lambda: entries)
    line, trees, network = module.factor_table("a")
    assert (line["model"], trees["model"], trees["posteriors"]) == ("line", "trees", 3)
    assert line["balanced_accuracy"].tolist() == [0.5, 0.7]
    assert network["balanced_accuracy"].tolist() == [0.9]
    assert trees["auc"].tolist() == [0.3, 0.4] and np.isnan(trees["tpr_at_1_percent"]).all()
    with pytest.raises(ValueError, match="recipe 'dropout', of which no factor table"):
        module.factor_table("a", "dropout")


def test_seeds_that_lack_a_later_metric_are_left_out(monkeypatch):
    accuracies = {"train": 0.9, "test": 0.6}
    entries = {("a", "plain", seed): {"set": "a", "recipe": "plain", "seed": seed,
                                      "target": accuracies, "metrics": metrics}
               for seed, metrics in enumerate([{"auc": 0.5}, {"auc": 0.6, "auc_trees": 0.7}])}
    monkeypatch.setattr(module, "_entries", lambda: entries)
    assert over_seeds("a", metric="auc").tolist() == [0.5, 0.6]
    assert over_seeds("a", metric="auc_trees").tolist() == [0.7]
    assert over_seeds("a", metric="gap") == pytest.approx([0.3, 0.3])
    with pytest.raises(ValueError, match="measured are train, test, auc, gap, auc_trees"):
        over_seeds("a", metric="auc_luck")


# ---------------------------------------------------------------- references

REFERENCES = sorted(module.references_file("", "", "").parent.glob("*.npz"))


def test_references_are_12_megabytes_at_most_and_nothing_is_stray():
    beside = REFERENCES[0].parent
    assert {path.name for path in beside.iterdir()} == {
        f"{path.stem}{ending}" for path in REFERENCES for ending in (".npz", ".json")}
    assert sum(path.stat().st_size for path in beside.iterdir()) <= 12e6


def test_of_location_there_are_128_references_pooled_and_four_strict_worlds():
    from tools.plan import reference_plan

    planned = {"-".join(job) for job in reference_plan()}
    assert {path.stem for path in REFERENCES} <= planned
    assert {"location-plain-pooled", *(f"location-{recipe}-strict-{seed}"
            for recipe in ("plain", "dropout") for seed in range(4))} <= {
        path.stem for path in REFERENCES}
    assert len(module.recorded_references("location").references) == 129


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.stem)
def test_recorded_references_are_what_their_provenance_says(path):
    name, recipe, design = re.fullmatch(r"(.+)-(plain|dropout|stacking)-(pooled|strict-\d)",
                                        path.stem).groups()
    seen = module.recorded_references(name, recipe, design)
    models, records = seen.references.logits.shape
    said = seen.provenance
    assert (said["set"], said["recipe"], said["design"]) == (name, recipe, design)
    assert (said["models"], said["records"]) == (models, records) and len(seen.labels) == records
    half = seen.references.included.sum(axis=1)
    if design == "pooled":
        assert (half == records // 2).all()
        assert len(np.unique(seen.references.included, axis=0)) == models
    else:
        assert (half == records // 4).all()
        assert not seen.references.included[1:, : records // 2].any()
    inside = seen.references.included
    assert seen.references.logits[inside].mean() > seen.references.logits[~inside].mean() + 0.05
