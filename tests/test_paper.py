"""The paper's numbers: every figure about the sets it names, and what ours are called there."""

import pytest

from mlleaks_helpers.data import BESIDE, PAPER
from mlleaks_helpers.paper import NAMES, NUMBERS, titled

TWELVE = {"Adult", "CIFAR-10", "CIFAR-100", "Face", "Location", "MNIST", "News",
          *(f"Purchase-{k}" for k in (2, 10, 20, 50, 100))}


def test_every_name_is_one_of_the_papers_twelve():
    assert set(NAMES.values()) == TWELVE
    assert set(NAMES) <= {*PAPER, *BESIDE}


@pytest.mark.parametrize("name, called", [
    ("lfw", "Face"), ("cifar100", "CIFAR-100"), ("cifar10", "CIFAR-10"), ("news", "News"),
    ("retail-2", "Purchase-2"), ("purchase-2", "Purchase-2"), ("retail-100", "Purchase-100")])
def test_each_set_has_its_own_name(name, called):
    assert NAMES[name] == called


@pytest.mark.parametrize("text, shown", [
    *((name, called) for name, called in NAMES.items() if "retail" not in name),
    ("retail-100", "retail-100"), ("retail (stand-in)", "retail (stand-in)"),
    ("olivetti", "Olivetti"), ("mnist5k", "mnist5k"), ("shoppers-100", "shoppers-100"),
    ("news → cifar100, 200 epochs", "News → CIFAR-100, 200 epochs"), ("lfw", "Face"),
    ("| cifar10, plain | adult |", "| CIFAR-10, plain | Adult |"), ("newsgroup", "newsgroup"),
    ("`lfw` [a](#sheet-location)", "`lfw` [a](#sheet-location)"), ("Location", "Location")])
def test_pages_call_the_sets_by_one_name(text, shown):
    assert titled(text) == shown


def test_figures_of_all_sets_have_all_sets():
    for by_metric in NUMBERS["fig1"].values():
        assert all(set(values) == TWELVE for values in by_metric.values())
    for figure in ("fig2_overfitting_level", "fig16_dropout_overfitting_reduction"):
        assert set(NUMBERS[figure]) == TWELVE
    for metric in ("precision", "recall"):
        table = NUMBERS["fig7_rows_shadow_cols_target"][metric]
        assert set(table) == TWELVE and all(set(row) == TWELVE for row in table.values())


def test_figures_say_the_same_where_they_show_the_same():
    """Adversary 1 without a defense is in Figures 1, 7 (the diagonal) and 13."""
    for metric in ("precision", "recall"):
        transfer = NUMBERS["fig7_rows_shadow_cols_target"][metric]
        for name in TWELVE:
            values = [NUMBERS["fig1"]["adv1"][metric][name], transfer[name][name],
                      NUMBERS["fig13_adv1"]["original"][metric][name]]
            assert max(values) - min(values) <= 0.06, (metric, name, values)


def _numbers(node):
    if isinstance(node, dict):
        return [one for name, child in node.items() if name not in ("k", "epochs", "t", "n_shadow",
                "slide_table") for one in _numbers(child)]
    if isinstance(node, list):
        return [one for child in node for one in _numbers(child)]
    return [] if isinstance(node, str) else [node]


def test_every_number_is_a_share():
    found = _numbers(NUMBERS)
    assert len(found) > 800 and all(-0.1 <= number <= 1 for number in found)
