"""The paper's own numbers, figure by figure, and what it calls the data sets.

Read off its figures and tables (arXiv 1806.01246, version 2). Precision and recall are averaged
over the two classes in Figs. 1 to 7 and 13, and the member class's in Figs. 10 and 14.
"""

import json
import re
from pathlib import Path

NUMBERS = json.loads(Path(__file__).with_name("paper_numbers.json").read_text(
    encoding="utf-8"))

# `retail-k` stands in for Purchase-k, which could not be downloaded where the book was recorded.
NAMES = {
    "adult": "Adult", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "lfw": "Face",
    "location": "Location", "mnist": "MNIST", "news": "News",
    **{f"{family}-{k}": f"Purchase-{k}" for k in (2, 10, 20, 50, 100)
       for family in ("purchase", "retail")},
}

# A stand-in keeps a name of its own: what is measured on it is not measured on the paper's set.
TITLES = {name: title for name, title in NAMES.items() if "retail" not in name} | {
    "olivetti": "Olivetti"}
CODE_NAMES = re.compile(rf"(?<![\w`#/-])({'|'.join(TITLES)})(?![\w`-])")


def titled(text: str) -> str:
    """A text with the sets called as the book's pages call them, Face for lfw; code stays code."""
    return CODE_NAMES.sub(lambda found: TITLES[found[1]], text)
