"""The law of the assignments' models: the book's own helpers agree, and the band is where it is."""

import numpy as np
import pytest

from course import law
from mlleaks_helpers import attacks
from mlleaks_helpers.metrics import auc, tpr_at_fpr


@pytest.fixture(scope="module")
def made():
    """People, who is a member, a model trained on those, and one on nobody."""
    rng = law.generator(3, 9)
    people, member = law.records(rng, 4_000), law.halves(rng, 4_000)
    return (people, member, law.answers(rng, people, member),
            law.answers(rng, people, law.nobody(people)))


def test_a_purpose_and_a_seed_have_their_own_numbers():
    drawn = {law.generator(*who).random() for who in ((1, 1), (1, 2), (2, 1), (1, 1, 0), (1, 1, 1))}
    assert len(drawn) == 4      # NumPy takes (1, 1, 0) for (1, 1)
    assert law.generator(5, 1, 2).random() == law.generator(5, 1, 2).random()


def test_half_are_members_in_some_order():
    rng = law.generator(0, 1)
    first, second = law.halves(rng, 11), law.halves(rng, 11)
    assert first.sum() == second.sum() == 5 and first.dtype == bool
    assert not np.array_equal(first, second)


def test_answers_are_posteriors_with_the_logit_of_the_law(made):
    people, _, own, hers = made
    for said in (own, hers):
        assert np.allclose(said.sum(axis=1), 1) and said.min() >= 0
    apart = attacks.logit(hers, people.labels) - people.ease
    assert abs(np.mean(apart)) < 0.06 and abs(np.std(apart) - 1) < 0.05


def test_members_stand_just_below_certainty_and_easy_non_members_above(made):
    people, member, own, _ = made
    score = attacks.logit(own, people.labels)
    assert 2 < np.quantile(score[member], 0.01) < 3 < np.median(score[member]) < 4
    assert np.quantile(score[~member], 0.99) > np.quantile(score[member], 0.95)
    assert 0.87 < auc(score, member).value < 0.94
    assert tpr_at_fpr(score, member, 0.01).value < 0.05


def test_her_model_tells_members_apart_and_the_leak_grows_with_what_is_learned(made):
    people, member, own, hers = made
    reference = attacks.logit(hers, people.labels)
    assert tpr_at_fpr(attacks.logit(own, people.labels) - reference, member, 0.01).value > 0.4
    areas = []
    for learned in (0, 0.3, 0.6, 1):
        said = law.answers(law.generator(4, 9), people, member, learned=learned)
        areas.append(auc(attacks.logit(said, people.labels) - reference, member).value)
    assert 0.47 < areas[0] < 0.53 and areas == sorted(areas) and areas[-1] > 0.85


def test_noise_is_how_far_two_models_differ(made):
    people = made[0]
    for noise in (0, 0.5, 2):
        said = law.answers(law.generator(5, 9), people, law.nobody(people), noise=noise)
        assert abs(np.std(attacks.logit(said, people.labels) - people.ease) - noise) < 0.06


def test_a_guarded_answer_keeps_its_label_and_stands_at_the_cut(made):
    own = made[2]
    moved = law.guarded(own, 0.93)
    assert np.allclose(moved.sum(axis=1), 1)
    assert np.array_equal(moved.argmax(axis=1), own.argmax(axis=1))
    at_cut = np.isclose(moved.max(axis=1), 0.93)
    assert np.all(at_cut | np.all(moved == own, axis=1)) and at_cut.mean() > 0.9
    assert np.allclose(law.guarded(np.array([[0.6, 0.3, 0.1]]), 0.8), [[0.8, 0.15, 0.05]])
    assert np.allclose(law.guarded(np.array([[0.6, 0.35, 0.05]]), 0.4), [[0.6, 0.35, 0.05]])
