"""Worlds: who trains what and who is asked what, and that a seed is a world of its own."""

import sys

import numpy as np
import pytest

from mlleaks_helpers.data import Dataset, random_records, split
from mlleaks_helpers.models import mlp, worlds
from mlleaks_helpers.models.worlds import who_trains

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 90)
RECORDS = (RNG.random((90, 12)) < RNG.random((3, 12))[LABELS]).astype(np.uint8)
VOTES = Dataset("votes", RECORDS, LABELS, ("a", "b", "c"))
SMALL = {"size": 20, "epochs": 2, "batch_size": 8}


def rng(seed):
    """What draws the halves of the world of that seed."""
    return np.random.default_rng((seed, 1))


def test_a_world_has_the_paper_s_four_parts():
    """As `split` deals them: the target's two, and the adversary's two."""
    [world] = worlds(mlp(4), VOTES, seeds=[3], **SMALL)
    parts = split(VOTES, size=20, seed=3)
    for seen, inside, outside in ((world.target, parts.target_train, parts.target_out),
                                  (world.shadow, parts.shadow_train, parts.shadow_out)):
        np.testing.assert_array_equal(seen.labels, np.r_[inside.y, outside.y])
        np.testing.assert_array_equal(seen.member, np.arange(40) < 20)
    assert world.seed == 3 and len(world.shadows) == 1


def test_models_train_on_their_members_alone():
    """Trained for long, each is right about its members and not about the others."""
    for world in worlds(mlp(32, learning_rate=0.05), random_labels(), shadows=2, seeds=(0, 1),
                        size=20, epochs=60, batch_size=8):
        for seen in (world.target, *world.shadows):
            inside, outside = seen.accuracy
            assert inside > 0.9 > 0.75 > outside


def random_labels():
    """Nothing can be learned but by heart."""
    rng = np.random.default_rng(1)
    return Dataset("coins", rng.random((90, 12), np.float32), rng.integers(0, 2, 90), ("0", "1"))


def test_more_shadows_train_on_halves_of_the_adversary_s_records():
    trained = who_trains(20, 4, rng(5)).reshape(5, 4, 20)
    np.testing.assert_array_equal(trained.sum(axis=(1, 2)), 20)
    assert trained[0, 0].all() and trained[1, 2].all()
    assert not trained[1:, :2].any()
    assert len({rows.tobytes() for rows in trained}) == 5
    assert all(rows[2].any() and rows[3].any() for rows in trained[2:])
    assert not np.array_equal(who_trains(20, 4, rng(6))[2], who_trains(20, 4, rng(5))[2])


def test_every_shadow_is_asked_about_all_of_hers_and_told_apart_by_who_trained_it():
    [world] = worlds(mlp(4), VOTES, seeds=[5], shadows=3, **SMALL)
    parts = split(VOTES, size=20, seed=5)
    for shadow, inside in zip(world.shadows, who_trains(20, 3, rng(5))[1:], strict=True):
        np.testing.assert_array_equal(shadow.labels, np.r_[parts.shadow_train.y,
                                                           parts.shadow_out.y])
        np.testing.assert_array_equal(shadow.member, inside[40:])


def test_a_seed_is_the_same_world_whoever_is_trained_beside_it():
    alone, = worlds(mlp(4), VOTES, seeds=[1], shadows=2, **SMALL)
    zero, one = worlds(mlp(4), VOTES, seeds=[0, 1], shadows=2, **SMALL)
    for again, seen in zip((one.target, *one.shadows), (alone.target, *alone.shadows),
                           strict=True):
        np.testing.assert_array_equal(again.posteriors, seen.posteriors)
    assert not np.allclose(zero.target.posteriors, one.target.posteriors, atol=1e-3)


def test_every_model_of_every_world_has_a_seed_of_its_own(monkeypatch):
    """The records differ anyway, so the answers could not tell."""
    given = []

    def noting(build, dataset, included, *, query, seed, **options):
        given.extend(seed)
        return np.full((len(included), len(query), 3), 1 / 3, np.float32)

    monkeypatch.setattr(sys.modules["mlleaks_helpers.models.worlds"], "train_many", noting)
    worlds(mlp(4), VOTES, seeds=[0, 7], shadows=2, **SMALL)
    assert given == [(0, 0), (0, 1), (0, 2), (7, 0), (7, 1), (7, 2)]


def test_a_target_alone():
    [world] = worlds(mlp(4), VOTES, seeds=[0], shadows=0, **SMALL)
    assert world.shadows == () and len(world.target) == 40


def test_the_target_answers_the_extra_records_and_the_rest_stays_as_it_is():
    """Answers are the target's, in the order asked, whatever else is asked of whom."""
    alone, = worlds(mlp(4), VOTES, seeds=[1], shadows=2, **SMALL)
    extra = np.concatenate([random_records(VOTES, 7, seed=3), VOTES.x[:3]])
    [asked] = worlds(mlp(4), VOTES, seeds=[1], shadows=2, query=extra, **SMALL)
    assert alone.random is None and asked.random.shape == (10, 3)
    for again, seen in zip((asked.target, *asked.shadows), (alone.target, *alone.shadows),
                           strict=True):
        np.testing.assert_allclose(again.posteriors, seen.posteriors, atol=1e-6)
        np.testing.assert_array_equal(again.member, seen.member)
    parts = split(VOTES, size=20, seed=1)
    [own] = worlds(mlp(4), VOTES, seeds=[1], shadows=2, query=parts.target_out.x[::-1], **SMALL)
    np.testing.assert_allclose(own.random, own.target.posteriors[20:][::-1], atol=1e-6)


@pytest.mark.parametrize("change, message", [
    ({"size": 23}, "size is 23: votes has 90 records, .* from 1 to 22"),
    ({"shadows": -1}, "shadows must be at least 0, got -1"),
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"seeds": []}, "seeds must name at least one world"),
    ({"query": RECORDS[0]}, r"query must be at least one record of shape \(12,\) like those of "
                            r"votes, got shape \(12,\)"),
    ({"query": RECORDS[:0]}, r"query must be at least one record .*got shape \(0, 12\)"),
])
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        worlds(mlp(4), VOTES, **SMALL | {"seeds": [0]} | change)
