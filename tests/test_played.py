"""Each model in turn as the target, and intervals of ratios and differences."""

import numpy as np
import pytest
from made_up import planted
from scipy import stats

from mlleaks_helpers import played
from mlleaks_helpers.attacks import lira
from mlleaks_helpers.interval import mean_interval
from mlleaks_helpers.metrics import auc, tpr_at_fpr
from mlleaks_helpers.played import (
    area,
    difference_interval,
    dropout_change,
    found,
    gap_attack,
    ratio_interval,
    reached,
    turns,
)
from mlleaks_helpers.recorded import over_seeds, recorded_references


@pytest.mark.parametrize("models, count, targets", [(17, 2, 8), (17, 16, 8), (9, 8, 8), (9, 3, 99),
                                                    (5, 2, 2)])
def test_each_target_meets_so_many_others(models, count, targets):
    kept = planted(0, models=models, n=10, by_model=True).references
    rows = list(turns(kept, count, targets))
    assert len(rows) == min(models, targets)
    stride = max((models - 1) // targets, 1)
    for k, (logits, member, others) in enumerate(rows):
        np.testing.assert_array_equal(logits, kept.logits[k])
        np.testing.assert_array_equal(member, kept.included[k])
        rest = [i for i in range(models) if i != k]
        chosen = [rest[(stride * k + i) % (models - 1)] for i in range(count)]
        np.testing.assert_array_equal(others.logits, kept.logits[chosen])
        np.testing.assert_array_equal(others.included, kept.included[chosen])
        assert len(set(chosen)) == count and k not in chosen


def test_with_few_references_no_two_targets_meet_the_same():
    kept = planted(0, models=129, n=4, by_model=True).references
    first = [others.logits[:, 0].tolist() for _, _, others in turns(kept, 16)]
    assert len(first) == 8 == played.TARGETS and len({x for row in first for x in row}) == 8 * 16


def test_more_references_than_there_are_is_refused():
    with pytest.raises(ValueError, match="count is 5, and beside a target there are 4"):
        list(turns(planted(0, models=5, n=4).references, 5))


def test_what_is_reached_is_asked_target_by_target():
    kept = planted(0, models=9, n=2_400, by_model=True).references
    attacks = {"LiRA": lira, "loss": lambda target, references: target}
    rows = reached(attacks, kept, 4, targets=3)
    assert [*rows] == ["LiRA", "loss"]
    for name, attack in attacks.items():
        for row, (logits, member, others) in zip(rows[name], turns(kept, 4, 3), strict=True):
            scores = attack(logits, others)
            assert row.tolist() == pytest.approx([auc(scores, member).value,
                                                  tpr_at_fpr(scores, member, 0.01).value])
    assert len({*rows["LiRA"][:, 0]}) == 3 and len(reached(attacks, kept, 4)["loss"]) == 8


@pytest.mark.parametrize("members, others, kinds", [(30, 1_000, 7), (999, 1_001, 50),
                                                    (2_000, 1_099, 10**9), (500, 4_000, 1)])
def test_what_is_found_without_an_interval_is_what_is_found_with_one(members, others, kinds):
    rng = np.random.default_rng(0)
    member = rng.permutation(np.arange(members + others) < members)
    scores = rng.integers(kinds, size=len(member)) + (kinds > 1) * member
    assert area(scores, member) == pytest.approx(auc(scores, member).value, abs=1e-12)
    assert found(scores, member) == tpr_at_fpr(scores, member, 0.01).value


@pytest.mark.parametrize("count", [area, found])
def test_what_cannot_be_counted_is_refused(count):
    member = np.arange(2_000) < 900
    with pytest.raises(ValueError, match="finite"):
        count(np.r_[np.nan, np.arange(1_999.0)], member)
    with pytest.raises(ValueError, match="bool"):
        count(np.arange(2_000.0), member.astype(int))


def test_one_per_cent_of_few_is_not_resolved():
    member = np.arange(1_999) < 1_000
    assert np.isnan(found(np.arange(1_999.0), member))
    assert found(-np.arange(2_000.0), np.arange(2_000) < 1_000) == 1


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize("seed", range(10))
def test_a_ratio_holds_all_that_a_t_test_does_not_refuse(seed):
    rng = np.random.default_rng(seed)
    above, below = rng.normal(7, 1, 8), rng.normal(1, 0.3, 8)
    got = ratio_interval(above, below)
    assert got.value == pytest.approx(above.mean() / below.mean())
    grid = np.linspace(0, 40, 8_001)
    kept = [c for c in grid if stats.ttest_1samp(above - c * below, 0).pvalue >= 0.05]
    assert got.low == pytest.approx(min(kept), abs=0.006)
    assert got.high == pytest.approx(max(kept), abs=0.006)


def test_a_ratio_to_what_may_be_nothing_has_no_upper_end():
    above, below = np.array([7.0, 8, 9, 8]), np.array([0.0, 0.4, -0.1, 0.5])
    got = ratio_interval(above, below)
    kept = [c for c in np.linspace(0, 100, 20_001)
            if stats.ttest_1samp(above - c * below, 0).pvalue >= 0.05]
    assert got.high == np.inf and got.low == pytest.approx(min(kept), abs=0.006)


def test_a_ratio_of_two_that_may_both_be_nothing_says_nothing():
    got = ratio_interval([1.0, 0, 0.5], [0.0, 0.4, -0.1])
    assert (got.low, got.high) == (-np.inf, np.inf)


def test_a_ratio_without_spread_is_a_point():
    got = ratio_interval([0.6, 0.6], [0.2, 0.2])
    assert got.low == pytest.approx(3) and got.high == pytest.approx(3)


@pytest.mark.parametrize("above, below, message", [
    ([1.0], [1.0], r"at least 2, got shapes \(1,\) and \(1,\)"),
    ([1.0, 2], [1.0, 2, 3], "one length"),
    ([1.0, 2], [0.0, 0], "that of below positive, got 1.5 and 0"),
    ([-1.0, 0], [1.0, 1], "above must be at least 0"),
])
def test_what_makes_no_ratio_is_refused(above, below, message):
    with pytest.raises(ValueError, match=message):
        ratio_interval(above, below)


def test_a_difference_is_welchs():
    one, other = [0.5, 0.6, 0.55, 0.7], [0.2, 0.4, 0.1, 0.3, 0.35, 0.2]
    got = difference_interval(one, other)
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert got.value == pytest.approx(np.mean(one) - np.mean(other))
    assert (got.low, got.high) == pytest.approx((known.low, known.high))


# ---------------------------------------------------------------- claims on two pages


def test_dropout_is_compared_target_by_target_on_the_same_halves():
    plain, dropout = (recorded_references("location", recipe).references
                      for recipe in ("plain", "dropout"))
    assert (plain.included[:65] == dropout.included[:65]).all()
    got, rows = dropout_change(count=4, targets=3), []
    for one in (dropout, plain):
        rows.append([tpr_at_fpr(lira(logits, others), member, 0.01).value
                     for logits, member, others in turns(one.models(slice(5)), 4, 3)])
    assert got == mean_interval(np.subtract(*rows))


def test_the_gap_attack_is_half_the_gap_above_one_half():
    np.testing.assert_allclose(gap_attack("news"), 0.5 + over_seeds("news", "dropout", "gap") / 2)
    assert gap_attack("adult").mean() < gap_attack("adult", "plain").mean() < 0.52
