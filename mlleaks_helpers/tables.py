"""Tables for pages that show many numbers, in Markdown."""

import re

import numpy as np
from IPython.display import Markdown

from mlleaks_helpers.paper import titled
from mlleaks_helpers.recorded import measured, over_seeds

GAP_ATTACKS = {"adversary 1": "macro_recall", "tuned": "macro_recall_tuned",
               "adversary 3": "macro_recall_noise_10"}
ROUNDING = 5e-4


def table(head, rows, words: int = 1) -> Markdown:
    """A table as a notebook shows it: the first `words` columns left, numbers right-aligned.

    Sets are called as readers know them: `lfw` is Face.
    """
    return Markdown("\n".join(lines(head, rows, ["---"] * words + ["--:"] * (len(head) - words))))


def lines(head, rows, align) -> list[str]:
    """The lines of a table: its head, how each column is aligned, and the rows."""
    cells = [titled(f"| {' | '.join(map(str, row))} |") for row in (head, *rows)]
    return [cells[0], f"|{'|'.join(align)}|", *cells[1:]]


def short(value: float, digits: int = 2) -> str:
    """A number without the 0 before its point; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}").replace("-", "−")


def gap_table(experiments, attacks: dict[str, str] = GAP_ATTACKS) -> list[str]:
    """The lines of a table of attacks beside the gap attack, a row for each experiment.

    The gap attack calls members those whom the target answers rightly (Yeom et al. 2018): its
    balanced accuracy is half the gap above one half.

    experiments  (set, recipe) of recordings
    attacks      {name of the column: metric of `over_seeds`}
    """
    rows = [(name, recipe, f"{0.5 + over_seeds(name, recipe, 'gap').mean() / 2:.3f}",
             *(beside_the_gap(name, recipe, metric) for metric in attacks.values()))
            for name, recipe in experiments]
    return lines(["set", "defense", "gap attack", *attacks], rows,
                 ["---", "---", "--:", *["---"] * len(attacks)])


def beside_the_gap(name: str, recipe: str, metric: str) -> str:
    """An attack's mean balanced accuracy, and on how many targets the gap attack is better.

    A dash where the attack was not run. Both on the same records: `macro_recall` is measured on
    all of them, later metrics on those that are kept.
    """
    both = [(one["metrics"][metric], 0.5 + (one["target"]["train"] - one["target"]["test"]) / 2
             if metric == "macro_recall" else one["metrics"]["macro_recall_gap"])
            for one in measured(name, recipe) if metric in one["metrics"]]
    if not both:
        return "–"
    below = sum(found < gap - ROUNDING for found, gap in both)
    mean = f"{sum(found for found, _ in both) / len(both):.3f}"
    return f"{mean}, **below the gap {below} of {len(both)}**" if below else mean
