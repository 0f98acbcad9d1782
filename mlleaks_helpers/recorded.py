"""The paper's experiments on the paper's data, as the adversary saw them.

Posteriors of targets and shadows that `make results` trained come with the
package (or lie in the folder `$MLLEAKS_RECORDINGS`). Reading them takes NumPy only: every attack
runs on them in milliseconds.
"""

import hashlib
import io
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mlleaks_helpers.observation import Observation

FOLDER = Path(os.environ.get("MLLEAKS_RECORDINGS") or Path(__file__).with_name("recordings"))


@dataclass(frozen=True)
class Recorded:
    """One experiment: a target, the adversary's shadows of it, and how both were made.

    target      the target's answers to members and non-members
    shadows     the shadow models' answers, one Observation each
    random      (1,000, classes) the target's answers to random records (Section V-B); None for
                text and mixed columns, of which nobody knows what a random record is
    part        (members,) for stacking: which of the three models saw each member; else None
    provenance  recipe, data, seed, accuracies, seconds, versions, the command that makes it anew
    """

    target: Observation
    shadows: tuple[Observation, ...]
    random: np.ndarray | None
    part: np.ndarray | None
    provenance: dict

    @property
    def shadow(self) -> Observation:
        """The one shadow model of adversary 1."""
        return self.shadows[0]


def recorded(name: str, recipe: str = "plain", *, seed: int = 0) -> Recorded:
    """The recorded experiment on data set `name`: `measured()` lists what there is.

    Posteriors are as the models gave them to about three digits, and more where they are close
    to 1; their rows sum to 1 to about three digits. Large sets hold a random part of each model's
    records; `provenance` gives both numbers.

    Raises ValueError for an experiment that is not recorded, and OSError for a file that is
    damaged.
    """
    entry = _entries().get((name, recipe, seed))
    if entry is None or entry["sha256"] is None:
        raise ValueError(_what_there_is(name, recipe, seed))
    path = file_of(name, recipe, seed)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise OSError(f"{path} is damaged: its SHA-256 is not the one in {path.stem}.json. "
                      f"Get the file anew, or make it: {entry['command']}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _from_arrays(arrays, entry)


def measured(name: str | None = None, recipe: str | None = None) -> list[dict]:
    """Provenance and metrics of the experiments, also of seeds whose posteriors are not kept.

    All of them, or those on data set `name` or with that `recipe`, in the order of their seeds; an
    empty list where there is none.
    """
    return [entry for entry in _entries().values()
            if name in (None, entry["set"]) and recipe in (None, entry["recipe"])]


def to_arrays(target: Observation, shadows, random, part) -> dict[str, np.ndarray]:
    """What a recording file holds: log-posteriors in float16, labels and membership.

    Next to 1 a float16 posterior moves in steps of 0.0005 and would tie all confident answers;
    next to 0, where the logarithm puts them, float16 is finest.
    """
    arrays = {
        "target": _log16(target.posteriors),
        "labels": _small(target.labels),
        "member": target.member,
        "shadows": np.stack([_log16(shadow.posteriors) for shadow in shadows]),
        "shadow_labels": _small(np.stack([shadow.labels for shadow in shadows])),
        "shadow_member": np.stack([shadow.member for shadow in shadows]),
    }
    if random is not None:
        arrays["random"] = _log16(random)
    if part is not None:
        arrays["part"] = _small(part)
    return arrays


def file_of(name: str, recipe: str, seed: int) -> Path:
    """Where the posteriors of an experiment lie; its provenance is beside it, as .json."""
    return FOLDER / name / f"{recipe}-{seed}.npz"


def _from_arrays(arrays, provenance) -> Recorded:
    shadows = zip(arrays["shadows"], arrays["shadow_labels"], arrays["shadow_member"], strict=True)
    return Recorded(
        Observation(_posteriors(arrays["target"]), _labels(arrays["labels"]), arrays["member"]),
        tuple(Observation(_posteriors(logs), _labels(y), member) for logs, y, member in shadows),
        _posteriors(arrays["random"]) if "random" in arrays else None,
        arrays.get("part"),
        provenance,
    )


def _log16(posteriors):
    with np.errstate(divide="ignore"):  # log 0 is -inf, and comes back as 0
        return np.log(posteriors.astype(np.float32)).astype(np.float16)


def _posteriors(logs):
    values = np.exp(logs.astype(np.float64))
    total = values.sum(axis=1, keepdims=True)
    return np.where(np.abs(total - 1) > 1e-3, values / total, values)  # equal ones round alike


def _small(labels):
    return labels.astype(np.uint8)


def _labels(labels):
    return labels.astype(np.int64)


@cache
def _entries():
    entries = {}
    for path in sorted(FOLDER.glob("*/*.json")):
        try:
            entry = json.loads(path.read_text())
            entries[entry["set"], entry["recipe"], entry["seed"]] = entry
        except (ValueError, KeyError) as error:
            raise OSError(f"{path} is damaged: {error}") from error
    return entries


def _what_there_is(name, recipe, seed):
    kept = [key for key, entry in _entries().items() if entry["sha256"]]
    names = sorted({key[0] for key in kept})
    if name not in names:
        return f"name is {name!r}: recorded are {', '.join(names)}"
    recipes = sorted({key[1] for key in kept if key[0] == name})
    if recipe not in recipes:
        return f"recipe is {recipe!r}: recorded for {name} are {', '.join(recipes)}"
    seeds = sorted(key[2] for key in kept if key[:2] == (name, recipe))
    return f"seed is {seed}: the posteriors of {name}, {recipe} are kept for {seeds}"
