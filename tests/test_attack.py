"""What every attack keeps: it never peeks, needs a shadow, and is not marked on its own data."""

import numpy as np
import pytest
from made_up import leaky
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlleaks_helpers.attacks import (
    STATISTICS,
    PerClass,
    Threshold,
    TopPosteriors,
    attack_regression,
    keep_top,
    label_only,
    round_to,
)
from mlleaks_helpers.metrics import auc, decisions, evaluate
from mlleaks_helpers.observation import Observation, pool
from mlleaks_helpers.recorded import recorded

LEARNED = {
    "top posteriors, network": lambda: TopPosteriors(),
    "top posteriors, regression": lambda: TopPosteriors(3, attack_regression()),
    "top posteriors, forest": lambda: TopPosteriors(3, RandomForestClassifier(10, random_state=0)),
    "per class": lambda: PerClass(LogisticRegression()),
}
ATTACKS = LEARNED | {f"threshold, {name}": lambda name=name: Threshold(name) for name in STATISTICS}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_can_be_fitted_again(name):
    attack, shadow, target = ATTACKS[name](), leaky(0, n=100), leaky(1)
    first = decisions(attack.fit(leaky(2, n=100)), target)
    once = decisions(attack.fit(shadow), target)
    np.testing.assert_array_equal(decisions(ATTACKS[name]().fit(shadow), target), once)
    np.testing.assert_array_equal(decisions(attack.fit(leaky(2, n=100)), target), first)


@pytest.mark.parametrize("name", LEARNED)
def test_an_attack_that_has_learned_nothing_says_so(name):
    with pytest.raises(ValueError, match="has learned nothing yet: fit it on a shadow"):
        LEARNED[name]().score_samples(leaky(1))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_shadow_needs_both_kinds(name):
    for rows, members in ((slice(600), 600), (slice(600, None), 0)):
        with pytest.raises(ValueError, match=f"members and non-members, got {members} members"):
            ATTACKS[name]().fit(leaky(0).take(rows))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_peeks_at_membership(name):
    attack, target = ATTACKS[name]().fit(leaky(0, n=100)), leaky(1)
    opposite = Observation(target.posteriors, target.labels, ~target.member)
    for other in (target.shuffled(7), opposite):
        np.testing.assert_array_equal(attack.score_samples(target), attack.score_samples(other))
        np.testing.assert_array_equal(decisions(attack, target), decisions(attack, other))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_record_is_scored_alike_alone_and_in_company(name):
    attack, target = ATTACKS[name]().fit(leaky(0, n=100)), leaky(1)
    scores, rows = attack.score_samples(target), [1100, 3, 77]
    np.testing.assert_allclose(attack.score_samples(target.take(rows)), scores[rows], rtol=1e-12)


@pytest.mark.parametrize("name", ATTACKS)
def test_on_a_null_observation_every_attack_falls_to_chance(name):
    """Of 100 intervals of 95 %, about five miss one half: not many."""
    attack = ATTACKS[name]().fit(leaky(0, n=100))
    missed = 0
    for seed in range(100):
        null = leaky(1000 + seed, n=100, gap=0)
        got = auc(attack.score_samples(null), null.member)
        missed += not got.low <= 0.5 <= got.high
    assert missed <= stats.binom.ppf(0.9995, 100, 0.05)


# ---------------------------------------------------------------- the same answers on both sides

FITTED_ON = {
    "itself": lambda t: t,
    "a copy": lambda t: Observation(t.posteriors.copy(), t.labels.copy(), t.member.copy()),
    "in 32 bits": lambda t: Observation(t.posteriors.astype(np.float32), t.labels, t.member),
    "in another batch": lambda t: Observation(
        t.posteriors * (1 + 1e-7 * np.random.default_rng(0).normal(size=t.posteriors.shape)),
        t.labels, t.member),
    "other membership": lambda t: t.shuffled(3),
    "pooled with a shadow": lambda t: pool([leaky(0), t]),
    "pooled with ten": lambda t: pool([*(leaky(k) for k in range(2, 12)), t]),
    "pooled twice": lambda t: pool([t, t]),
    "in another order": lambda t: t.take(np.random.default_rng(0).permutation(len(t))),
    "rows of a mask": lambda t: t.take(np.random.default_rng(0).random(len(t)) < 0.7),
    "drawn with replacement": lambda t: t.take(np.random.default_rng(0).integers(1200, size=1200)),
}


@pytest.mark.parametrize("same", FITTED_ON)
def test_an_attack_fitted_on_the_target_is_refused(same):
    """The trap of the paper's released code: an attack that has seen the answers."""
    target = leaky(1)
    attack = Threshold().fit(FITTED_ON[same](target))
    for judge in (attack.score_samples, lambda seen: evaluate(attack, seen)):
        with pytest.raises(ValueError, match="target is the observation .* fitted on, or shares"):
            judge(target)


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_is_marked_on_a_copy_of_what_it_was_fitted_on(name):
    shadow = leaky(0, n=100)
    with pytest.raises(ValueError, match="was fitted on, or shares"):
        ATTACKS[name]().fit(shadow).score_samples(FITTED_ON["a copy"](shadow))


@pytest.mark.parametrize("part", [
    lambda t: t.take(t.member), lambda t: t.take(~t.member), lambda t: t.strangers(),
    lambda t: t.take(slice(None, None, 7)), lambda t: t.take([5, 9, 700, 800]),
    lambda t: pool([t, leaky(5, n=200)]), lambda t: Observation(t.posteriors, t.labels, ~t.member),
])
def test_a_part_of_what_it_was_fitted_on_is_refused(part):
    shadow = leaky(0)
    with pytest.raises(ValueError, match="was fitted on, or shares"):
        Threshold().fit(shadow).score_samples(part(shadow))


@pytest.mark.parametrize("name", ["location", "cifar100", "retail-2", "adult"])
def test_a_recorded_target_is_known_again_and_its_shadow_is_not(name):
    seen = recorded(name)
    twin = Observation(seen.target.posteriors.copy(), seen.target.labels, seen.target.member)
    with pytest.raises(ValueError, match="was fitted on"):
        Threshold().fit(twin).score_samples(seen.target)
    Threshold().fit(seen.shadow).score_samples(seen.target)


def constant(seen):
    return np.tile([[0.7, 0.2, 0.1, *[0] * 7]], (len(seen), 1))


ALIKE = {
    "one answer for all": constant,
    "the label alone": lambda seen: label_only(seen.posteriors),
    "one digit": lambda seen: round_to(seen.posteriors, 1),
    "one posterior of one digit": lambda seen: keep_top(round_to(seen.posteriors, 1), 1),
    "float16 of certainty": lambda seen: (seen.posteriors ** 40 / (seen.posteriors ** 40).sum(
        axis=1, keepdims=True)).round(2),
}


@pytest.mark.parametrize("rows", [slice(None), slice(None, None, 30), slice(5), slice(590, 611)])
@pytest.mark.parametrize("answers", ALIKE)
def test_two_models_that_answer_alike_by_rights_are_not_refused(answers, rows):
    shadow, target = (Observation(ALIKE[answers](seen), seen.labels, seen.member)
                      for seen in (leaky(0), leaky(1)))
    attack = Threshold().fit(shadow)
    assert np.isfinite(attack.score_samples(target.take(rows))).all()


def test_one_record_a_class_and_the_label_alone_are_no_reason():
    """Every answer occurs once on both sides, as any good model's would."""
    member = np.arange(100) % 2 == 0
    shadow, target = (Observation(np.eye(100), np.arange(100), who) for who in (member, ~member))
    Threshold().fit(shadow).score_samples(target)


def test_two_halves_of_one_shadow_are_two_observations():
    for mask in (np.copy, label_only, lambda p: round_to(p, 1), lambda p: keep_top(p, 1)):
        shadow = recorded("retail-100").shadow
        shadow = Observation(mask(shadow.posteriors), shadow.labels, shadow.member)
        attack = Threshold().fit(shadow.take(slice(0, None, 2)))
        attack.score_samples(shadow.take(slice(1, None, 2)))


def test_a_few_equal_records_are_no_reason():
    """Of 1,200 answers 400 are those of the shadow: data hold the same record more than once."""
    shadow, target = leaky(0), leaky(1)
    rows = np.arange(1200) < 400
    mixed = Observation(np.where(rows[:, None], shadow.posteriors, target.posteriors),
                        np.where(rows, shadow.labels, target.labels), target.member)
    Threshold().fit(shadow).score_samples(mixed)
