"""The figures' contract with the page: the same at every run, never without words."""

import re
from html import unescape

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlleaks_helpers import plots

matplotlib.use("Agg")


@pytest.fixture
def shown(monkeypatch):
    """What is handed to the notebook."""
    bundles = []
    monkeypatch.setattr(plots, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_histograms_of_both_groups_share_one_grid():
    ax = matplotlib.figure.Figure().subplots()
    plots.score_histogram([0, 1, 2, 3], [False, False, True, True], ax, bins=6)
    members, non_members = (patch.get_xy() for patch in ax.patches[::-1])
    assert set(members[:, 0]) == set(non_members[:, 0]) == set(np.arange(0, 3.5, 0.5))
    assert [members[:, 1].max(), non_members[:, 1].max()] == [1, 1]
    assert members[members[:, 1] > 0, 0].min() == 2 > non_members[non_members[:, 1] > 0, 0].max()
    assert ax.get_legend_handles_labels()[1] == ["non-members (2)", "members (2)"]


@pytest.mark.parametrize("log", [False, True])
def test_roc_curves_have_the_diagonal_and_the_axes_asked_for(log):
    ax = matplotlib.figure.Figure().subplots()
    plots.roc_curves({"attack": ([0, 0.2, 1], [0, 0.7, 1])}, log, ax)
    assert [line.get_label() for line in ax.lines] == ["attack", "guessing"]
    assert ax.get_xscale() == ax.get_yscale() == ("log" if log else "linear")


# ---------------------------------------------------------------- flipbooks


def level(value):
    plt.plot([0, 1], [len(str(value)), 2], marker="o")
    plt.title(f"at {value}")


def flip(values=(0.1, 0.5, 0.9), draw=level, **changed):
    given = {"control": "threshold", "readout": lambda value: f"at <{value}>", "alt": 'a "line"'}
    plots.flipbook(draw, values, **given | changed)


def frames(html):
    return re.findall(r'<div role="img" aria-label="(.*?)" data-readout="(.*?)"( hidden)?>(.*?)'
                      "</div>", html, re.S)


@pytest.mark.parametrize("start, first", [(None, 0), (0.5, 1), (0.9, 2)])
def test_a_flipbook_has_one_frame_a_value_and_shows_the_start(shown, start, first):
    flip(start=start)
    html = shown[0]["text/html"]
    found = frames(html)
    assert [hidden == "" for *_, hidden, _ in found] == [i == first for i in range(3)]
    assert [unescape(text) for _, text, *_ in found] == ["at <0.1>", "at <0.5>", "at <0.9>"]
    assert {unescape(alt) for alt, *_ in found} == {'a "line"'}
    assert [re.findall(r">(at [\d.]+)<", svg) for *_, svg in found] == [
        ["at 0.1"], ["at 0.5"], ["at 0.9"]]
    words = f"at &lt;{[0.1, 0.5, 0.9][first]}&gt;"
    assert f'min="0" max="2" value="{first}" aria-valuetext="{words}"' in html
    assert f'<output aria-live="polite" style="display: block">{words}</output>' in html
    assert shown[0]["text/plain"] == 'Figure: a "line"'
    assert re.findall("<li>(.*?)</li>", html[html.index("<noscript>"):]) == [
        f"at &lt;{value}&gt;" for value in (0.1, 0.5, 0.9)]


def test_words_are_chosen_by_buttons_and_numbers_by_a_slider(shown):
    flip(["recall", "A < B"], start="A < B", control="mea<sure")
    html = shown[0]["text/html"]
    assert re.findall(r'value="(\d)" autocomplete="off"( checked)?> (.*?)</label>', html) == [
        ("0", "", "recall"), ("1", " checked", "A &lt; B")]
    assert len(set(re.findall(r'name="(\w+)"', html))) == 1
    assert '<fieldset' in html and 'width: auto">mea&lt;sure</legend>' in html
    assert "type=\"range\"" not in html
    flip(np.array([1, 2]), control="n<ow")
    assert '">n&lt;ow <input type="range"' in shown[1]["text/html"]
    assert "radio" not in shown[1]["text/html"]


def test_jupyterlab_leaves_the_arrow_keys_to_the_control(shown):
    flip()
    assert '<figure class="flipbook" data-lm-suppress-shortcuts="true" ' in shown[0]["text/html"]


def test_a_caption_is_a_figcaption(shown):
    flip()
    flip(caption="Look < here.")
    assert "figcaption" not in shown[0]["text/html"]
    assert "<figcaption>Look &lt; here.</figcaption>\n</figure>" in shown[1]["text/html"]


def test_a_flipbook_is_the_same_at_every_run_and_small(shown):
    flip(range(12))
    matplotlib.rcParams["svg.hashsalt"] = "another"
    try:
        flip(range(12))
    finally:
        matplotlib.rcParams["svg.hashsalt"] = None
    assert shown[0] == shown[1]
    html = shown[0]["text/html"]
    assert len(html) < 12 * 10_000
    assert not any(word in html for word in ("<?xml", "DOCTYPE", "<metadata", "<dc:", "DejaVu"))
    assert not re.search(r' d="[^"]*\.\d{3}', html)
    assert "<style" not in html[:html.index("<noscript>")]


@pytest.mark.parametrize("changed", [{"control": "b"}, {"alt": "b"}, {"readout": str}])
def test_the_ids_of_all_frames_and_flipbooks_differ_and_are_used(shown, changed):
    flip()
    flip(**changed)
    html = shown[0]["text/html"] + shown[1]["text/html"]
    ids = re.findall(r'\bid="(.*?)"', html)
    assert len(ids) == len(set(ids)) > 6
    assert set(ids) == set(re.findall(r"[\"(]#(\w+)", html))
    flip(["a", "b"])
    flip(["a", "b"], **changed)
    names = [re.search(r'name="(\w+)"', made["text/html"])[1] for made in shown[2:]]
    assert len(set(names)) == 2


def test_a_flipbook_leaves_no_figure_open_and_takes_the_size_asked_for(shown):
    flip(figsize=(7, 3))
    html = shown[0]["text/html"]
    assert not plt.get_fignums()
    assert html.count('viewBox="0 0 504 216"') == 3
    flip()
    assert ' tabindex="0"' in html and " tabindex" not in shown[1]["text/html"]
    assert "max-width: 770px" in html and "min-width: 427px" in html
    with pytest.raises(ZeroDivisionError):
        flip(draw=lambda value: plt.plot([1 / 0]))
    assert not plt.get_fignums()


@pytest.mark.parametrize("changed, message", [
    ({"values": []}, "values must hold at least one value to draw, got none"),
    ({"start": 0.4}, "start must be one of the values [0.1, 0.5, 0.9], got 0.4"),
    ({"alt": " "}, "alt must say what the figure shows, got ' '"),
    ({"control": ""}, "control must say what the figure shows, got ''"),
    ({"readout": lambda value: value}, "readout must return a text, got 0.1 for the value 0.1"),
    ({"readout": lambda value: " "}, "readout must return a text, got ' ' for the value 0.1"),
    ({"draw": lambda value: None}, "draw must draw on plt.gca(), and drew nothing for 0.1"),
])
def test_a_flipbook_says_what_is_wrong(shown, changed, message):
    with pytest.raises(ValueError) as raised:
        flip(**changed)
    assert str(raised.value) == message
    assert not shown and not plt.get_fignums()
