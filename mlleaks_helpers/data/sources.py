"""Where the sets that need a download come from: one fetcher a source, which writes `part`."""

import gzip
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import (
    fetch_20newsgroups,
    fetch_lfw_people,
    fetch_olivetti_faces,
    fetch_openml,
)

from mlleaks_helpers.data.cache import LFW_MIN_IMAGES, folder, pooch, read_groups
from mlleaks_helpers.files import replacing


@dataclass(frozen=True)
class Archive:
    """A .tgz of text tables: its address, its git blob, and how many records of how many bits."""

    url: str
    blob: str
    records: int
    bits: int
    classes: int = 100

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.url.rpartition("/")[2]


# Shokri et al., Membership inference attacks against machine learning models, 2017, VI-A.
SHOKRI = "https://github.com/privacytrustlab/datasets/raw/master"
LOCATION_URL = f"{SHOKRI}/dataset_location.tgz"
LOCATION_SHA256 = "927203f85a868f8ee17a0ded1dc61699efe602167beabe34fbf45b4b1de94b33"
PURCHASE = Archive(f"{SHOKRI}/dataset_purchase.tgz", "3efa7476ad5ed7ac3e558d28585a186b38fc5f19",
                   records=197_324, bits=600)
TEXAS = Archive(f"{SHOKRI}/dataset_texas.tgz", "966f7ff40b24cf5912ff84759aab9adb8c25f30e",
                records=67_330, bits=6_169)  # 6,170 in the text, 6,169 for those who read the file


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
        table = _table(members.extractfile("bangkok"))
    classes = _numbers(table[:, 0].max())
    np.savez(part, x=table[:, 1:], y=table[:, 0].astype(np.int64) - 1, classes=classes)


def fetch_purchase(part: Path) -> None:
    """The archive's table, checked: a class from 1 to 100 and 600 bits a line."""
    with tarfile.open(_download(PURCHASE, part.parent)) as members:
        table = _table(_largest(members))
    _write(part, table[:, 1:], table[:, 0], PURCHASE)


def fetch_purchase_groups(part: Path, k: int) -> None:
    """The rows of purchase-100, from the cache or fetched into it, in k groups by k-means.

    scikit-learn's KMeans from one k-means++ start with seed 0, until it converges. The paper
    (Section II-B) names k-means and no more.
    """
    whole = folder() / "purchase-100.npz"
    if not whole.exists():
        with replacing(whole) as other:
            fetch_purchase(other)
    x = read_groups(whole, PURCHASE.classes)["x"]
    kmeans = KMeans(k, n_init=1, random_state=0, copy_x=False)
    y = kmeans.fit_predict(x.astype(np.float32)).astype(np.int64)
    np.savez_compressed(part, x=x, y=y, classes=_numbers(k))


def fetch_texas(part: Path) -> None:
    """The archive's two tables, checked: 6,169 bits a line, and a class from 1 to 100 a line."""
    with tarfile.open(_download(TEXAS, part.parent)) as members:
        x, y = (_table(_largest(members, stem)) for stem in ("feats", "labels"))
    _write(part, x, y[:, 0], TEXAS)


def git_blob(path: Path) -> str:
    """The SHA-1 under which git keeps a file's content, read piece by piece."""
    header = b"blob %d\0" % path.stat().st_size
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()


def _download(archive: Archive, into: Path) -> Path:
    path = into / archive.name
    pooch.HTTPDownloader()(archive.url, str(path), None)
    got = git_blob(path)
    if got != archive.blob:
        raise ValueError(f"{archive.name} has the git blob hash {got}, and wanted is "
                         f"{archive.blob}")
    return path


def _largest(members: tarfile.TarFile, stem: str | None = None):
    """The largest file of an archive, or the largest of those called `stem`, in any folder."""
    files = [member for member in members if member.isfile()]
    wanted = [file for file in files if stem in (None, PurePosixPath(file.name).stem)]
    if not wanted:
        raise ValueError(f"{Path(members.name).name} holds {[file.name for file in files]}, and "
                         f"wanted is {stem or 'a file'}")
    return members.extractfile(max(wanted, key=lambda file: file.size))


def _table(lines) -> np.ndarray:
    """Small whole numbers, one record a line, as uint8 and never as anything larger."""
    return np.loadtxt(lines, np.uint8, delimiter=",", quotechar='"', ndmin=2)


def _write(part: Path, x: np.ndarray, y: np.ndarray, archive: Archive) -> None:
    if x.shape != (archive.records, archive.bits) or len(y) != archive.records:
        raise ValueError(f"{archive.name} holds {len(x)} records of {x.shape[1]} bits and {len(y)} "
                         f"labels, and wanted are {archive.records} of {archive.bits}, a label "
                         "each")
    if x.max() > 1 or y.min() < 1 or y.max() != archive.classes:
        raise ValueError(f"{archive.name} holds values up to {x.max()} and labels from {y.min()} "
                         f"to {y.max()}, and wanted are bits and labels from 1 to "
                         f"{archive.classes}")
    np.savez_compressed(part, x=x, y=y, classes=_numbers(archive.classes))


def _numbers(k: int) -> np.ndarray:
    return np.arange(1, k + 1).astype(str)
