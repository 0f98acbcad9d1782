"""RMIA against a slow version that looks at pairs, and its order against the ratio's."""

import numpy as np
import pytest
from made_up import mean_area, planted, ragged
from scipy import stats

from mlleaks_helpers.attacks import References, log_ratio, rmia
from mlleaks_helpers.metrics import auc


def posterior(logit):
    return 1 / (1 + np.exp(-logit))


def slow_log_ratio(target, references, online, a):
    scores = []
    for record, t in enumerate(target):
        p = {inside: [posterior(logit) for logit, was in zip(
                 references.logits[:, record], references.included[:, record], strict=True)
                 if was == inside] for inside in (True, False)}
        if online and p[True] and p[False]:
            prior = (np.mean(p[True]) + np.mean(p[False])) / 2
        elif online and not p[False]:
            prior = np.mean(p[True])
        else:
            prior = ((1 + a) * np.mean(p[False]) + (1 - a)) / 2
        scores.append(np.log(posterior(t)) - np.log(prior))
    return np.array(scores)


@pytest.mark.parametrize("a", [0, 0.3, 1])
@pytest.mark.parametrize("online", [True, False])
def test_the_ratio_is_a_loop_over_records_that_are_in_some_models_in_none_and_in_all(online, a):
    references, target = ragged()
    if not online:
        references, target = references.records(slice(5)), target[:5]
    np.testing.assert_allclose(log_ratio(target, references, online=online, a=a),
                               slow_log_ratio(target, references, online, a), rtol=1e-10)


def test_by_hand():
    """Posteriors 1/2 without, 3/4 and 1/4 + 1/4 with; the target says 4/5."""
    references = References(np.log([[1.0], [3], [1 / 3], [1 / 3]]),
                            np.array([[0], [1], [1], [1]], bool))
    target = np.log([4.0])
    with_it = (3 / 4 + 1 / 4 + 1 / 4) / 3
    assert log_ratio(target, references) == pytest.approx(np.log(0.8 / ((with_it + 0.5) / 2)))
    offline = {0: (0.5 + 1) / 2, 0.3: (1.3 * 0.5 + 0.7) / 2, 1: 0.5}
    for a, prior in offline.items():
        assert log_ratio(target, references, online=False, a=a) == pytest.approx(
            np.log(0.8 / prior))
    assert log_ratio(target, references, online=False) == pytest.approx(np.log(0.8 / offline[0.3]))


@pytest.mark.parametrize("online", [True, False])
def test_answers_that_round_to_one_or_zero_are_finite(online):
    references = References([[106.0, -106, -106, 106], [-106, -106, 106, 106]],
                            np.array([[1, 1, 0, 0], [0, 0, 1, 0]], bool))
    for target in (np.full(4, 106.0), np.full(4, -106.0), np.full(4, -800.0)):
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(log_ratio(target, references, online=online, a=1)).all()


@pytest.mark.parametrize("options, message", [
    ({"a": -0.1}, "a must lie between 0 and 1, got -0.1"),
    ({"a": 1.1}, "a must lie between 0 and 1, got 1.1"),
    ({"target": [1.0]}, "references' 6 records"),
    ({"target": [np.nan] * 6}, "target must be finite, got 6"),
    ({"online": False}, "references were all trained on record 5: nobody can say"),
])
def test_the_ratio_refuses(options, message):
    references, target = ragged()
    with pytest.raises(ValueError, match=message):
        log_ratio(**{"target": target, "references": references} | options)


# ---------------------------------------------------------------- rmia


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_share_of_pairs_that_are_outdone(gamma):
    rng = np.random.default_rng(0)
    ratios, population = rng.normal(0, 1, 40), rng.normal(0, 1, 25)
    expected = [np.mean([np.exp(x - z) >= gamma for z in population]) for x in ratios]
    np.testing.assert_array_equal(rmia(ratios, population, gamma=gamma), expected)
    assert len(set(expected)) > 10


def test_an_equal_is_outdone_once_over():
    np.testing.assert_array_equal(rmia([0.0, 1, 2, 3], [1.0, 1, 2, 2.5]), [0, 0.5, 0.75, 1])
    np.testing.assert_array_equal(rmia(np.log([4.0, 5, 6.1]), np.log([1.0, 3]), gamma=2),
                                  [0.5, 0.5, 1])


@pytest.mark.parametrize("gamma", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("online", [True, False])
def test_it_keeps_the_order_of_the_ratio_but_for_ties(gamma, online):
    one = planted(0, models=6, n=600)
    strangers = planted(1, models=6, n=300)
    ratios = log_ratio(one.target, one.references, online=online)
    population = log_ratio(strangers.target - 2 * strangers.member, strangers.references,
                           online=online)
    scores = rmia(ratios, population, gamma=gamma)
    assert (np.diff(scores[np.argsort(ratios)]) >= 0).all() and len(np.unique(scores)) > 50
    assert stats.spearmanr(scores, ratios).statistic > 0.9


@pytest.mark.parametrize("ratios, population, gamma, message", [
    ([1.0], [], 1, r"population must be a list of at least one number, got shape \(0,\)"),
    ([1.0], [[1.0]], 1, r"population must be a list .* got shape \(1, 1\)"),
    ([1.0, np.nan], [1.0], 1, "ratios must be finite, got 1 that are not"),
    ([1.0], [np.nan, np.nan], 1, "population must be finite, got 2 that are not"),
    ([1.0], [1.0], 0, "gamma must be positive, got 0"),
    ([1.0], [1.0], np.inf, "gamma must be positive, got inf"),
])
def test_rmia_refuses(ratios, population, gamma, message):
    with pytest.raises(ValueError, match=message):
        rmia(ratios, population, gamma=gamma)


# ---------------------------------------------------------------- members and strangers


@pytest.mark.parametrize("online", [True, False])
def test_members_are_found_beside_records_of_their_own_difficulty(online):
    one = planted(2, models=16, n=2_000)
    found = auc(log_ratio(one.target, one.references, online=online, a=1), one.member)
    assert found.low > max(0.7, auc(one.target, one.member).high)


@pytest.mark.parametrize("online", [True, False])
def test_there_is_nothing_to_find_among_strangers(online):
    one = planted(3, models=6, n=20_000)
    ratios = log_ratio(one.target - 2 * one.member, one.references, online=online)
    for scores in (ratios, rmia(ratios, ratios[:500])):
        assert mean_area(scores, one.member, groups=200) == pytest.approx(0.5, abs=0.012)
