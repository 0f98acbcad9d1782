"""The command that records references: who is drawn, what is kept, what a kill leaves."""

import numpy as np
import pytest
from small import run_here, small_location

from mlleaks_helpers.attacks import logit
from mlleaks_helpers.data import deal, load
from mlleaks_helpers.recorded import recorded_references, references_file
from tools import plan, references
from tools.experiments import trained

POOLED, STRICT = ("location", "plain", "pooled"), ("location", "plain", "strict-1")
STACKS = ("location", "stacking", "pooled")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A Location of eight bits and 60 records a part, three references, a folder of its own."""
    small_location(tmp_path, monkeypatch)
    monkeypatch.setenv("MLLEAKS_REFERENCES", str(tmp_path / "references"))
    monkeypatch.setitem(plan.POOLED, POOLED[:2], 3)
    monkeypatch.setitem(plan.POOLED, STACKS[:2], 2)
    monkeypatch.setitem(plan.STRICT, STRICT[:2], 2)
    return tmp_path / "references"


def run(monkeypatch, *arguments):
    """The command in this process, one model after the other: the models that were trained."""
    return run_here(references, monkeypatch, *arguments)


def test_pooled_every_model_has_its_own_half_of_the_first_two_parts(small):
    dataset = load("location")
    records, included = references.drawn(*POOLED, dataset)
    np.testing.assert_array_equal(records.x, dataset.x[deal(dataset, size=60)[:2].ravel()])
    assert included.shape == (4, 120) and (included.sum(axis=1) == 60).all()
    assert len(np.unique(included, axis=0)) == 4


def test_strict_only_the_target_has_its_own_records(small):
    dataset = load("location")
    records, included = references.drawn(*STRICT, dataset)
    four = deal(dataset, size=60, seed=1)
    np.testing.assert_array_equal(records.y, dataset.y[four.ravel()])
    parts = included.reshape(3, 4, 60)
    assert parts[0, 0].all() and not parts[0, 1:].any()
    assert parts[1, 2].all() and not parts[1, [0, 1, 3]].any()
    assert parts[2].sum() == 60 and not parts[2, :2].any() and parts[2, 2:].any(axis=1).all()
    _, others = references.drawn("location", "plain", "strict-2", dataset)
    assert (included[2] != others[2]).any()


def test_no_two_models_have_the_same_seed():
    seeds = {references.seed_of(design, k) for design in ("pooled", "strict-0", "strict-3")
             for k in range(130)}
    assert len(seeds) == 3 * 130


@pytest.mark.parametrize("job", [POOLED, STRICT], ids=lambda job: job[2])
def test_what_is_recorded_is_what_models_answered(small, job):
    references.make(*job, jobs=1)
    seen = recorded_references(*job)
    records, included = references.drawn(*job, load("location"))
    np.testing.assert_array_equal(seen.references.included, included)
    np.testing.assert_array_equal(seen.labels, records.y)
    assert seen.part is None and seen.provenance["models"] == len(included)
    how = plan.settings("location", "plain")["target"]
    once_more = trained(how, records.take(included[0]), 5)
    agree = np.corrcoef(logit(once_more(records.x), records.y), seen.references.logits[0])[0, 1]
    assert agree > 0.8  # another seed, the same records
    assert np.isfinite(seen.references.logits).all()


def test_of_stacks_the_part_of_each_member_is_kept(small, monkeypatch):
    assert run(monkeypatch, "--recipe", "stacking") == [(*STACKS, k) for k in range(3)]
    seen = recorded_references(*STACKS)
    np.testing.assert_array_equal(seen.part >= 0, seen.references.included)
    assert set(np.unique(seen.part)) == {-1, 0, 1, 2}
    records, included = references.drawn(*STACKS, load("location"))
    for k in range(3):
        stack = trained(plan.settings(*STACKS[:2])["target"], records.take(included[k]),
                        references.seed_of("pooled", k))
        np.testing.assert_array_equal(seen.part[k, included[k]], stack.model.part_)


def test_a_killed_run_goes_on_where_it_was(small, monkeypatch):
    references.one(*STACKS, 1)
    assert not references_file(*STACKS).exists()
    assert run(monkeypatch, "--recipe", "stacking") == [(*STACKS, 0), (*STACKS, 2)]
    assert {path.name for path in small.iterdir()} == {
        f"{'-'.join(STACKS)}{ending}" for ending in (".json", ".npz")}


def test_what_is_current_is_not_made_again_and_what_is_not_is(small, monkeypatch):
    references.make(*POOLED, jobs=1)
    assert references.stale([POOLED, STACKS]) == [STACKS]
    monkeypatch.setitem(plan.POOLED, POOLED[:2], 4)
    assert references.stale([POOLED]) == [POOLED]
    monkeypatch.setitem(plan.POOLED, POOLED[:2], 3)
    assert references.stale([POOLED]) == []
    with monkeypatch.context() as other:
        other.setattr(references, "seed_of", lambda design, k: 7 + k)
        assert references.stale([POOLED]) == [POOLED]
    drawn = references.drawn
    with monkeypatch.context() as other:
        other.setattr(references, "drawn", lambda *job: (drawn(*job)[0], drawn(*job)[1][::-1]))
        assert references.stale([POOLED]) == [POOLED]
    np.savez(small.parent / "data/location.npz", x=np.ones((250, 8), np.uint8),
             y=np.arange(250) % 3, classes=["a", "b", "c"])
    assert references.stale([POOLED]) == [POOLED]


def test_what_is_not_recorded_or_damaged_is_said(small):
    with pytest.raises(ValueError, match="location-plain-pooled is not recorded: .* none"):
        recorded_references("location")
    references.make(*POOLED, jobs=1)
    with pytest.raises(ValueError, match="there are location-plain-pooled"):
        recorded_references("location", "dropout")
    references_file(*POOLED).write_bytes(b"no")
    with pytest.raises(OSError, match=r"is damaged: .*make references SET=location"):
        recorded_references("location")
