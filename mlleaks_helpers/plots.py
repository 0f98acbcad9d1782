"""The book's figures: members are orange, non-members are blue, in every chapter.

`use_style()` sets matplotlib up; `flipbook(draw, values, …)` shows one drawing for each value,
with a slider or buttons to turn the pages. Nothing here knows of models or attacks.
"""

import re
from hashlib import sha256
from html import escape
from io import StringIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import display
from matplotlib.backends.backend_svg import FigureCanvasSVG

MEMBER = "#d55e00"  # Okabe and Ito's palette: told apart with every kind of colour vision
NON_MEMBER = "#0072b2"
OTHERS = ["#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b5b5b"]
COLORS = [NON_MEMBER, MEMBER, *OTHERS]


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
        ax.hist(scores[who], edges, color=color, alpha=0.55, histtype="stepfilled",
                label=f"{name} ({who.sum():,})")
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


# What the control of a flipbook does. It stands in the page, so that JupyterLab, Colab and the
# published book need no script of their own.
_TURN = """
const control = event.target, readout = this.querySelector('output');
this.querySelectorAll('[role=img]').forEach((frame, i) => {
  frame.hidden = i != control.value;
  if (!frame.hidden) readout.value = frame.dataset.readout;
});
if (control.type == 'range') control.setAttribute('aria-valuetext', readout.value);"""
_PHONE = 5.6     # inches that need not scroll there
_WIDEST = 110    # pixels an inch of the drawing: 11-point labels are then as large as the text
_SMALLEST = 61   # and no smaller than 9 pixels on a phone, where a wider drawing scrolls


def flipbook(draw, values, *, control: str, readout, alt: str, start=None, caption: str = "",
             figsize: tuple[float, float] = (_PHONE, 3.6)) -> None:
    """Show the drawing of each value, one at a time, with a control that turns the pages.

    `draw(value)` draws with matplotlib on `plt.gca()`, in `figsize` inches; 5.6 fit a phone.
    `values` are numbers, for a slider, or words, for buttons, in the order of the control; at
    most fifteen or so. They are evenly spaced on the slider: `readout(value)`, a text, says which
    it is and what it does ("threshold 0.9: finds 100 %, accuses 31 %"). It stands under the
    drawing and is read aloud. `control` names the control ("threshold"), `alt` says what all
    drawings show, for whoever cannot see them, `caption` what to look for. The first value, or
    `start`, is shown at first; without JavaScript it stays, and the readouts follow in a list.

    The output is HTML with one SVG a value, the same at every run. Raises ValueError where there
    are no values, `start` is none of them, a text is empty or `draw` drew nothing.
    """
    values = list(values)
    if not values:
        raise ValueError("values must hold at least one value to draw, got none")
    start = values[0] if start is None else start
    if start not in values:
        raise ValueError(f"start must be one of the values {values}, got {start!r}")
    for name, text in {"control": control, "alt": alt}.items():
        if not text.strip():
            raise ValueError(f"{name} must say what the figure shows, got {text!r}")
    readouts = [readout(value) for value in values]
    for value, text in zip(values, readouts, strict=True):
        if not (isinstance(text, str) and text.strip()):
            raise ValueError(f"readout must return a text, got {text!r} for the value {value!r}")
    key = sha256("\n".join([control, alt, *readouts]).encode()).hexdigest()[:10]
    frames = [_frame(draw, value, figsize, f"{key}-{i}") for i, value in enumerate(values)]
    html = _book(values, frames, readouts, values.index(start), control, alt, caption, key,
                 figsize[0])
    display({"text/html": html, "text/plain": f"Figure: {alt}"}, raw=True)


def _frame(draw, value, figsize, salt) -> str:
    """The drawing of one value as a small SVG, whose ids no other frame has."""
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        fig = plt.figure(figsize=figsize)
        try:
            draw(value)
            if not fig.axes:
                raise ValueError(f"draw must draw on plt.gca(), and drew nothing for {value!r}")
            FigureCanvasSVG(fig).print_svg(file := StringIO(), metadata={"Date": None})
        finally:
            plt.close(fig)
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg"):],
                 flags=re.S)
    used = set(re.findall(r"#(\w+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda it: it[0] if it[1] in used else "", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^"]*"', "", svg)
    svg = re.sub(r' (?:d|x|y)="[^"]*"', lambda it: re.sub(r"(\.\d\d)\d+", r"\1", it[0]), svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "sans-serif", svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    style = (f"display: block; width: 100%; min-width: {_SMALLEST * figsize[0]:.0f}px; "
             "stroke-linejoin: round; stroke-linecap: butt")
    return re.sub(r"\s*\n\s*", " ", svg).replace("<svg", f'<svg style="{style}"', 1)


def _book(values, frames, readouts, start, control, alt, caption, key, width) -> str:
    """The frames, all but one hidden, and what turns them."""
    words = all(isinstance(value, str) for value in values)
    turn = (_buttons(values, start, control, key) if words
            else _slider(readouts, start, control))
    pages = "\n".join(
        f'<div role="img" aria-label="{escape(alt)}" data-readout="{escape(text)}"'
        f"{' hidden' * (i != start)}>{frame}</div>"
        for i, (frame, text) in enumerate(zip(frames, readouts, strict=True)))
    scrolls = ' tabindex="0"' * (width > _PHONE)   # else the keyboard could not
    listed = "".join(f"<li>{escape(text)}</li>" for text in readouts)
    return "\n".join([
        # JupyterLab would take the arrow keys for itself.
        '<figure class="flipbook" data-lm-suppress-shortcuts="true" '
        f'style="margin: 1em 0; max-width: {_WIDEST * width:.0f}px" oninput="{escape(_TURN)}">',
        f'<div style="background: white; overflow-x: auto"{scrolls}>\n{pages}\n</div>', turn,
        f'<output aria-live="polite" style="display: block">{escape(readouts[start])}</output>',
        "<noscript><style>.flipbook-control { display: none !important }</style>",
        f"<details><summary>{escape(control)}, one by one</summary><ul>{listed}</ul></details>",
        "</noscript>", f"<figcaption>{escape(caption)}</figcaption>" * bool(caption), "</figure>"])


def _slider(readouts, start, control) -> str:
    return (f'<label class="flipbook-control" style="display: flex; gap: 1em">{escape(control)} '
            f'<input type="range" min="0" max="{len(readouts) - 1}" value="{start}" '
            f'aria-valuetext="{escape(readouts[start])}" autocomplete="off" '
            'style="flex: 1; min-width: 8em; min-height: 24px"></label>')


def _buttons(words, start, control, key) -> str:
    choices = "".join(
        '<label style="display: inline-block; padding: 0.3em 1em 0.3em 0">'
        f'<input type="radio" name="{key}" value="{i}" autocomplete="off"'
        f"{' checked' * (i == start)}> {escape(word)}</label>" for i, word in enumerate(words))
    return ('<fieldset class="flipbook-control" style="border: 0; margin: 0; padding: 0">'
            '<legend style="float: none; font-size: inherit; margin: 0; width: auto">'
            f"{escape(control)}</legend>{choices}</fieldset>")
