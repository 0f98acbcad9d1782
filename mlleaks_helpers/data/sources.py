"""Where the sets that need a download come from: one fetcher a source, which writes `part`."""

import gzip
import json
import tarfile
from pathlib import Path

import numpy as np
from sklearn.datasets import (
    fetch_20newsgroups,
    fetch_lfw_people,
    fetch_olivetti_faces,
    fetch_openml,
)

from mlleaks_helpers.data.cache import LFW_MIN_IMAGES, pooch

LOCATION_URL = "https://github.com/privacytrustlab/datasets/raw/master/dataset_location.tgz"
LOCATION_SHA256 = "927203f85a868f8ee17a0ded1dc61699efe602167beabe34fbf45b4b1de94b33"


def fetch_keras(part: Path, name: str) -> None:
    """MNIST and Fashion-MNIST whole; of the CIFARs the training images, as the paper's code."""
    from mlleaks_helpers.models.backend import keras

    train, test = getattr(keras.datasets, name).load_data()
    used = [train] if name.startswith("cifar") else [train, test]
    x, y = (np.concatenate(arrays) for arrays in zip(*used, strict=True))
    x = x.reshape(len(x), *x.shape[1:3], -1)
    np.savez(part, x=x, y=y.ravel(), classes=np.arange(y.max() + 1).astype(str))


def fetch_news(part: Path) -> None:
    """All posts, as they were written."""
    bunch = fetch_20newsgroups(subset="all", shuffle=False)
    with gzip.open(part, "wt", encoding="utf-8") as lines:
        for text, label in zip(bunch.data, bunch.target, strict=True):
            print(json.dumps({"target_name": bunch.target_names[label], "text": text}), file=lines)


def fetch_lfw(part: Path) -> None:
    """The middle 128×128 pixels of each photograph at half size; people get numbers as names."""
    middle = slice(61, 189)
    bunch = fetch_lfw_people(
        min_faces_per_person=LFW_MIN_IMAGES, color=True, slice_=(middle, middle), resize=0.5
    )
    people = [f"person {i:02d}" for i in range(len(bunch.target_names))]
    np.savez(part, x=np.rint(255 * bunch.images).astype(np.uint8), y=bunch.target, classes=people)


def fetch_olivetti(part: Path) -> None:
    """Ten photographs each of 40 people."""
    bunch = fetch_olivetti_faces()
    images = np.rint(255 * bunch.images[..., None]).astype(np.uint8)
    np.savez(part, x=images, y=bunch.target, classes=[f"person {i:02d}" for i in range(40)])


def fetch_adult(part: Path) -> None:
    """The 14 columns, categories as numbers, and which columns these are."""
    bunch = fetch_openml("adult", version=2, as_frame=True, parser="pandas")
    columns = [_coded(bunch.data[column]) for column in bunch.data]
    classes, y = np.unique(bunch.target.astype(str), return_inverse=True)
    np.savez(
        part,
        x=np.column_stack([codes for codes, _ in columns]),
        y=y,
        classes=classes.astype(str),
        is_categorical=np.array([categorical for _, categorical in columns]),
    )


def _coded(column) -> tuple[np.ndarray, bool]:
    """A pandas column as int32, categories numbered by name, and whether it was categorical."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(np.int32), False
    values = column.astype(object).fillna("?").astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.int32), True


def fetch_location(part: Path) -> None:
    """The authors' archive, checked: a class in quotes and 446 bits a line."""
    archive = pooch.retrieve(
        LOCATION_URL, f"sha256:{LOCATION_SHA256}", fname="location.tgz", path=part.parent
    )
    with tarfile.open(archive) as members:
        table = np.loadtxt(members.extractfile("bangkok"), np.uint8, delimiter=",", quotechar='"')
    classes = np.arange(1, table[:, 0].max() + 1).astype(str)
    np.savez(part, x=table[:, 1:], y=table[:, 0].astype(np.int64) - 1, classes=classes)
