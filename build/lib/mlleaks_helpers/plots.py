"""The book's figures: members are orange, non-members are blue, in every chapter.

`use_style()` sets matplotlib up; `show(fig, alt=…)` shows a plotly figure in JupyterLab and in
the published book, where `_static/figures.js` draws it. Both take NumPy arrays and know nothing
of models or attacks.
"""

import json
from html import escape

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import display

MEMBER = "#d55e00"  # Okabe and Ito's palette: told apart with every kind of colour vision
NON_MEMBER = "#0072b2"
OTHERS = ["#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b"]
COLORS = [NON_MEMBER, MEMBER, *OTHERS]

# plotly, from the bottom up: slider, axis, curves, legend, buttons. Nothing meets on a phone.
_AXIS = {"automargin": True, "gridcolor": "#e4e4e4", "zerolinecolor": "#e4e4e4"}
TEMPLATE = {"layout": {
    "colorway": COLORS,
    "font": {"size": 14},
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 16, "r": 16, "t": 24, "b": 16},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "sliderdefaults": {"pad": {"t": 48}},
    "updatemenudefaults": {"type": "buttons", "direction": "right", "pad": {"b": 52},
                           "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}}


def use_style() -> None:
    """Set matplotlib's defaults: a white sheet that reads in light and in dark mode."""
    mpl.rcParams.update({
        "figure.figsize": (6.4, 3.8),
        "figure.dpi": 144,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "white",
        "axes.prop_cycle": cycler(color=COLORS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 12,
        "axes.labelsize": 11,
        "grid.color": "#e4e4e4",
        "font.size": 11,
        "legend.frameon": False,
        "lines.linewidth": 2,
    })


def score_histogram(scores, member, ax=None, *, bins=40, label="attack score"):
    """Draw the scores of members over those of non-members, on one grid; return the axes."""
    ax = ax or plt.gca()
    scores, member = np.asarray(scores), np.asarray(member, bool)
    edges = np.histogram_bin_edges(scores, bins)
    for who, color, name in [(~member, NON_MEMBER, "non-members"), (member, MEMBER, "members")]:
        ax.hist(scores[who], edges, color=color, alpha=0.55, label=f"{name} ({who.sum():,})")
    ax.set(xlabel=label, ylabel="records")
    ax.legend()
    return ax


def roc_curves(curves, log=False, ax=None, *, floor=1e-3):
    """Draw `{name: (fpr, tpr)}` beside the diagonal of guessing; return the axes.

    With `log` both axes are logarithmic and begin at `floor`: what counts for an attack that may
    accuse few people wrongly.
    """
    ax = ax or plt.gca()
    for name, (fpr, tpr) in curves.items():
        ax.plot(fpr, tpr, label=name)
    guess = np.geomspace(floor, 1) if log else np.array([0, 1])
    ax.plot(guess, guess, color="#767676", linewidth=1, linestyle="--", label="guessing")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    if log:
        ax.set(xscale="log", yscale="log")
    ax.set(xlim=(floor if log else 0, 1), ylim=(floor if log else 0, 1.01))
    ax.legend(loc="best" if log else "lower right")
    return ax


def show(fig, *, alt: str, height: int = 440) -> None:
    """Show a plotly figure, with `alt` for whoever cannot see it.

    JupyterLab draws plotly's own JSON. The book gets HTML without a script to run, the same at
    every execution: the figure as data, and `alt` as the text where there is no JavaScript.
    Sliders, buttons and legends have their places: give them content, not positions.
    """
    if not alt.strip():
        raise ValueError("alt must say what the figure shows, got an empty text")
    fig.update_layout(height=height, template=TEMPLATE)
    figure = fig.to_json()
    payload = figure.replace("</", "<\\/")
    html = (f'<div class="plotly-figure" role="img" aria-label="{escape(alt)}" '
            f'style="min-height: {height}px"><p>{escape(alt)}</p>'
            f'<script type="application/json">{payload}</script></div>')
    display({"application/vnd.plotly.v1+json": json.loads(figure), "text/html": html,
             "text/plain": f"Figure: {alt}"}, raw=True)
