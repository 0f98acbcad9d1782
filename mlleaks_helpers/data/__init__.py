"""Records: one type, the paper's four-part split, and one way to load each set."""

from mlleaks_helpers.data.dataset import Dataset, Split, deal, join, random_records, split
from mlleaks_helpers.data.prepare import PerPixel, apply, fit_prepare
from mlleaks_helpers.data.sets import (
    BESIDE,
    BUILT_IN,
    IMAGES,
    KNOWN,
    PAPER,
    SETS,
    DataUnavailable,
    Source,
    load,
)

__all__ = ["BESIDE", "BUILT_IN", "IMAGES", "KNOWN", "PAPER", "SETS", "DataUnavailable", "Dataset",
           "PerPixel", "Source", "Split", "apply", "deal", "fit_prepare", "join", "load",
           "random_records", "split"]
