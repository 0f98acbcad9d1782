"""One experiment: which records, which seed and which settings each of its models gets."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from mlleaks_helpers.data import Dataset, random_records, split
from mlleaks_helpers.models import keras
from mlleaks_helpers.observation import Observation
from tools import experiments, needs
from tools.experiments import Answers, builder, experiment, shadow_parts
from tools.plan import settings

BITS = Dataset("bits", np.arange(90)[:, None].astype(np.uint8), np.arange(90) % 3, "abc")
HOW = settings("location", "half") | {"size": 20, "shadows": 3}


def answered(seed, x):
    """What the model of that seed answers to records: by record and by seed."""
    return softmax([np.random.default_rng([seed, int(row)]).normal(size=3) for row in x.ravel()],
                   axis=1)


@pytest.fixture
def trainings(monkeypatch):
    """What `train` was called with; its models answer by record and by seed."""
    calls = []

    def train(build, part, *, epochs, batch_size, seed):
        def ask(x):
            return answered(seed, x)

        ask.seconds, ask.model = float(seed), SimpleNamespace(part_=np.arange(len(part)) % 3)
        calls.append((part.x.ravel().tolist(), seed, batch_size, keras.config.dtype_policy().name))
        return ask

    monkeypatch.setattr(experiments, "train", train)
    return calls


def test_every_model_has_its_own_records_seed_and_settings(trainings):
    answers = experiment(BITS, HOW, seed=7)
    parts = split(BITS, size=20, seed=7)
    target, *shadows = trainings
    assert target == (parts.target_train.x.ravel().tolist(), 7, 100, "float32")
    assert [shadow[1:] for shadow in shadows] == [
        (seed, 50, "float32") for seed in (1_007, 2_007, 3_007)]
    halves = [inside.x.ravel().tolist() for inside, _ in shadow_parts(parts, 3, 7)]
    assert [shadow[0] for shadow in shadows] == halves
    assert answers.seconds == np.mean([7, 1_007, 2_007, 3_007])


def test_every_model_is_asked_about_its_own_records(trainings):
    answers = experiment(BITS, HOW, seed=7)
    parts = split(BITS, size=20, seed=7)
    asked = [(parts.target_train, parts.target_out), *shadow_parts(parts, 3, 7)]
    models = zip((7, 1_007, 2_007, 3_007), (answers.target, *answers.shadows), asked, strict=True)
    for model, seen, (inside, outside) in models:
        np.testing.assert_array_equal(seen.posteriors, np.concatenate(
            [answered(model, inside.x), answered(model, outside.x)]))
        assert seen.labels.tolist() == [*inside.y, *outside.y]
        assert seen.member.tolist() == [True] * 20 + [False] * 20
    tables = [seen.posteriors for seen in (answers.target, *answers.shadows)]
    assert all(not np.array_equal(one, other)
               for number, one in enumerate(tables) for other in tables[:number])
    np.testing.assert_array_equal(answers.random, answered(7, random_records(BITS, seed=7)))
    assert len(answers.part) == 20


def test_two_seeds_differ_in_everything(trainings):
    one, other = experiment(BITS, HOW, seed=0), experiment(BITS, HOW, seed=1)
    assert not np.array_equal(one.random, other.random)
    for first, second in zip((one.target, *one.shadows), (other.target, *other.shadows),
                             strict=True):
        assert not np.array_equal(first.posteriors, second.posteriors)
        assert not np.array_equal(first.labels, second.labels)


def test_of_words_and_mixed_columns_nobody_asks_at_random(trainings):
    mixed = Dataset("mixed", BITS.x.astype(np.float32), BITS.y, "abc")
    assert experiment(mixed, HOW, seed=0).random is None


def test_more_shadows_share_the_adversarys_records():
    parts = split(BITS, size=20)
    halves = list(shadow_parts(parts, 3, 0))
    own = {*parts.shadow_train.x.ravel(), *parts.shadow_out.x.ravel()}
    for inside, outside in halves:
        assert len(inside) == len(outside) == 20
        assert {*inside.x.ravel(), *outside.x.ravel()} == own  # all of hers, and none twice
        assert (inside.x.ravel() % 3).tolist() == inside.y.tolist()
    again, others = list(shadow_parts(parts, 3, 0)), list(shadow_parts(parts, 3, 1))
    rows = [[set(inside.x.ravel()) for inside, _ in some] for some in (halves, again, others)]
    assert rows[0] == rows[1] and rows[0][1] != rows[0][2]
    assert rows[0][1] != rows[2][1] and rows[0][2] != rows[2][2]


def test_the_first_of_each_kind_are_kept():
    member = np.arange(8) % 2 == 0
    seen = Observation(np.eye(8), np.arange(8), member)
    other = Observation(np.eye(8)[::-1], np.arange(8), ~member)
    references = np.array([np.arange(8.0), np.arange(8.0, 16)])
    kept = Answers(seen, [other], None, np.arange(4), references, 1.0).first(2)
    assert kept.references.tolist() == [[0, 2, 1, 3], [8, 10, 9, 11]]  # of the target's records
    assert kept.target.labels.tolist() == [0, 2, 1, 3]
    assert kept.target.posteriors.argmax(axis=1).tolist() == [0, 2, 1, 3]
    assert kept.target.member.tolist() == [True, True, False, False]
    assert kept.shadows[0].labels.tolist() == [1, 3, 0, 2]
    assert kept.part.tolist() == [0, 1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_models_precision_is_its_own(monkeypatch, fails):
    def train(*_, **__):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        if fails:
            raise RuntimeError("no memory")

    monkeypatch.setattr(experiments, "train", train)
    how = settings("cifar10", "plain")["target"]
    before = keras.config.dtype_policy().name
    try:
        experiments.trained(how, BITS, 0)
    except RuntimeError:
        assert fails
    assert keras.config.dtype_policy().name == before == "float32"


@pytest.mark.parametrize("defense, batches", [
    ("none", 4), ("dropout", 4), ("pixels", 4), ("stacking", 2)])
def test_the_rate_decays_over_the_batches_that_a_model_sees(monkeypatch, defense, batches):
    seen = {}
    for name in ("mlp", "cnn"):
        monkeypatch.setattr(experiments, name, lambda name=name, **more: seen.update(more) or name)
    for name in ("dropout", "stacking"):
        monkeypatch.setattr(experiments, name, lambda build, name=name, **where:
                            f"{'pixels' if where == {'pixels': True} else name} of {build}")
    how = settings("cifar10", "plain")["target"] | {"epochs": 7, "defense": defense}
    built = builder(how, 400 if batches == 4 else 500)
    assert built == ("cnn" if defense == "none" else f"{defense} of cnn")
    assert seen["learning_rate"].decay_steps == 7 * batches
    assert (seen["hidden"], seen["l2"]) == (128, 1e-7)
    assert builder(how | {"model": "mlp", "decay": "none", "defense": "none"}, 400) == "mlp"
    assert seen["learning_rate"] == 0.001


def test_it_reaches_what_trains_and_nothing_else():
    """So that a new attack, set or figure makes no recording stale."""
    reached = {name.removeprefix("mlleaks_helpers.")
               for name in needs.Code().reached(["tools.experiments"])}
    assert {"models.builders", "models.defenses", "models.training", "data.dataset", "stored",
            "observation"} <= reached
    assert not reached & {"models.many", "data.sets", "data.sources", "metrics", "recorded",
                          "plots", "claims", "tools.plan", "tools.record"}
    assert {name for name in reached if name.startswith("attacks")} == {
        "attacks", "attacks.statistics"}  # for the logits that shadows give as references
