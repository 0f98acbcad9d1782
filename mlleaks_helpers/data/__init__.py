"""Records: one type, the paper's four-part split, and one way to load each set."""

from mlleaks_helpers.data.dataset import Dataset, Split, random_records, split
from mlleaks_helpers.data.prepare import PerPixel
from mlleaks_helpers.data.sets import BESIDE, BUILT_IN, IMAGES, KNOWN, PAPER, DataUnavailable, load

__all__ = ["BESIDE", "BUILT_IN", "IMAGES", "KNOWN", "PAPER", "DataUnavailable", "Dataset",
           "PerPixel", "Split", "load", "random_records", "split"]
