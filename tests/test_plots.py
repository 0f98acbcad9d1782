"""The figures' contract with the page: the same at every run, never without words."""

import matplotlib
import numpy as np
import plotly.graph_objects as go
import pytest

from mlleaks_helpers import plots

matplotlib.use("Agg")


@pytest.fixture
def shown(monkeypatch):
    """What `show` hands to the notebook."""
    bundles = []
    monkeypatch.setattr(plots, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_show_says_the_same_twice_and_escapes(shown):
    for _ in range(2):
        plots.show(go.Figure(go.Scatter(y=np.arange(3), name="</script>")), alt='"a" < b')
    assert shown[0] == shown[1]
    html = shown[0]["text/html"]
    assert html.count("</script>") == 1
    assert 'aria-label="&quot;a&quot; &lt; b"' in html
    assert shown[0]["application/vnd.plotly.v1+json"]["data"][0]["name"] == "</script>"


def test_show_wants_words(shown):
    with pytest.raises(ValueError, match="alt must say"):
        plots.show(go.Figure(), alt=" ")
    assert not shown


def test_histograms_of_both_groups_share_one_grid():
    ax = matplotlib.figure.Figure().subplots()
    plots.score_histogram([0, 1, 2, 3], [False, False, True, True], ax, bins=6)
    non_members, members = ax.containers
    assert [bar.get_x() for bar in members] == [bar.get_x() for bar in non_members]
    assert ax.get_legend_handles_labels()[1] == ["non-members (2)", "members (2)"]


@pytest.mark.parametrize("log", [False, True])
def test_roc_curves_have_the_diagonal_and_the_axes_asked_for(log):
    ax = matplotlib.figure.Figure().subplots()
    plots.roc_curves({"attack": ([0, 0.2, 1], [0, 0.7, 1])}, log, ax)
    assert [line.get_label() for line in ax.lines] == ["attack", "guessing"]
    assert ax.get_xscale() == ax.get_yscale() == ("log" if log else "linear")
