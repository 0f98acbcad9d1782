"""The paper's experiments on the paper's data, as the adversary saw them.

Posteriors of targets and shadows that `make results` trained come with the package, or lie in the
folder that `$MLLEAKS_RECORDINGS` names. Reading them takes NumPy only: every attack runs on them
within seconds.
"""

import copy
import io
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mlleaks_helpers.attacks.references import References
from mlleaks_helpers.files import sha256
from mlleaks_helpers.observation import Observation
from mlleaks_helpers.stored import from_arrays


def folder() -> Path:
    """Where recordings lie."""
    return _named_by("MLLEAKS_RECORDINGS", "recordings")


def _named_by(variable, beside):
    """The folder that an environment variable names, or one beside this file."""
    named = os.environ.get(variable)
    return Path(named).expanduser() if named else Path(__file__).with_name(beside)


@dataclass(frozen=True, eq=False)
class Recorded:
    """One experiment: a target, the adversary's shadows of it, and how both were made.

    target      the target's answers to members and non-members
    shadows     the shadow models' answers, one Observation each
    random      (1,000, classes) the target's answers to random records (Section V-B); None for
                text and mixed columns, of which nobody knows what a random record is
    part        (members,) for stacking: which of the three models saw each member; else None
    references  (shadows, n) what each shadow, which saw none of the target's records, says of them:
                the `logit` of their true class, to three digits; None where it was not recorded
    provenance  recipe, data, seed, accuracies, seconds, versions, the command that makes it anew
    """

    target: Observation
    shadows: tuple[Observation, ...]
    random: np.ndarray | None
    part: np.ndarray | None
    references: np.ndarray | None
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
        kept = [key for key, entry in _entries().items() if entry["sha256"]]
        raise ValueError(_what_there_is(kept, name, recipe, seed))
    with _arrays(file_of(name, recipe, seed), entry) as arrays:
        return Recorded(*from_arrays(arrays), copy.deepcopy(entry))


@dataclass(frozen=True, eq=False)
class RecordedReferences:
    """Many models of one data set, and what each says of every record.

    references  the models' logits, and who was trained on what. Pooled: every model on a random
                half of the same records, and any of them may play the target (`without`). Strict:
                the records are the paper's four parts, one after the other; model 0 is the target,
                trained on the first, model 1 adversary 1's shadow, trained on the third, and all
                others on random halves of the third and fourth
    labels      (n,) int
    part        (models, n) for stacking: which of the three models saw each member, −1 for who is
                none; else None
    provenance  data, settings, seconds, versions, the command that makes it anew
    """

    references: References
    labels: np.ndarray
    part: np.ndarray | None
    provenance: dict


def recorded_references(name: str, recipe: str = "plain",
                        design: str = "pooled") -> RecordedReferences:
    """The recorded references on data set `name`.

    design  "pooled", or "strict-0", "strict-1", …: four worlds with the adversary's own records

    Logits are kept to three digits. Raises ValueError for what is not recorded, and OSError for a
    file that is damaged.
    """
    path = references_file(name, recipe, design)
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in path.parent.glob("*.npz"))) or "none"
        raise ValueError(f"{path.stem} is not recorded: of references there are {there}")
    entry = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with _arrays(path, entry) as arrays:
        shape = arrays["logits"].shape
        included = np.unpackbits(arrays["included"], axis=1, count=shape[1]).astype(bool)
        return RecordedReferences(
            References(arrays["logits"], included), arrays["labels"].astype(np.int64),
            arrays["part"].astype(np.int64) if "part" in arrays else None, entry)


def references_file(name: str, recipe: str, design: str) -> Path:
    """Where logits of references lie; their provenance is beside them, as .json."""
    return _named_by("MLLEAKS_REFERENCES", "references") / f"{name}-{recipe}-{design}.npz"


def _arrays(path, entry):
    """The arrays of a file, if it is the one that its entry vouches for."""
    content = path.read_bytes()
    if sha256(content) != entry["sha256"]:
        raise OSError(f"{path} is damaged: its SHA-256 is not the one in {path.stem}.json. "
                      f"Get the file anew, or make it: {entry['command']}")
    return np.load(io.BytesIO(content), allow_pickle=False)


def measured(name: str | None = None, recipe: str | None = None) -> list[dict]:
    """Provenance and metrics of the experiments, also of seeds whose posteriors are not kept.

    All of them, or those on data set `name` or with that `recipe`, in the order of their seeds; an
    empty list where there is none. They are copies, to do with as you like.
    """
    return [copy.deepcopy(entry) for entry in _entries().values()
            if name in (None, entry["set"]) and recipe in (None, entry["recipe"])]


def over_seeds(name: str, recipe: str = "plain", metric: str = "macro_recall") -> np.ndarray:
    """One number from each seed of an experiment, in the order of the seeds: (seeds,).

    metric  one of those that `measured` lists under "metrics", or the target's accuracy on its
            members, "train", on its non-members, "test", or the former less the latter, "gap"

    NaN where a metric could not be resolved. Seeds whose posteriors are not kept may lack the
    later metrics, and are left out then. Raises ValueError for an experiment that was not
    measured, and for an unknown metric.
    """
    entries = [entry for entry in _entries().values()
               if (name, recipe) == (entry["set"], entry["recipe"])]
    if not entries:
        raise ValueError(_what_there_is(list(_entries()), name, recipe))
    numbers = [entry["target"] | entry["metrics"]
               | {"gap": entry["target"]["train"] - entry["target"]["test"]} for entry in entries]
    known = dict.fromkeys(key for one in numbers for key in one)
    if metric not in known:
        raise ValueError(f"metric is {metric!r}: measured are {', '.join(known)}")
    return np.array([one[metric] for one in numbers if metric in one], dtype=float)


def factor_table(name: str, recipe: str = "plain") -> list[dict]:
    """What shadows, label, posteriors and attack model are worth to adversary 1, one by one.

    A row for each combination: `shadows` 1 or 10, `label` none, predicted (the class that the
    target predicts) or true, `posteriors` 1, 3 or "all", `model` line, line on logs, network or
    trees; and what the attack reached with it: `balanced_accuracy`, `auc` and `tpr_at_1_percent`,
    (seeds,) each, NaN where that could not be resolved. Of seeds with many records the networks
    were not measured: their rows have fewer seeds.

    Raises ValueError for an experiment of which no such table was recorded.
    """
    tables = [entry["factors"] for entry in measured(name, recipe) if entry.get("factors")]
    if not tables:
        raise ValueError(f"name is {name!r} and recipe {recipe!r}, of which no factor table was "
                         "recorded: there is one of plain, and of shadows-10 where that is")
    reached = ("balanced_accuracy", "auc", "tpr_at_1_percent")
    alike = {}
    for row in (row for rows in tables for row in rows):
        combination = tuple(value for column, value in row.items() if column not in reached)
        alike.setdefault(combination, []).append(row)
    return [rows[0] | {metric: np.array([row[metric] for row in rows], float)
                       for metric in reached} for rows in alike.values()]


def file_of(name: str, recipe: str, seed: int) -> Path:
    """Where the posteriors of an experiment lie; its provenance is beside it, as .json."""
    return folder() / name / f"{recipe}-{seed}.npz"


def _entries() -> dict:
    """The provenance of all experiments, read again where a file is new or has changed."""
    root = folder()
    files = [(one.path, one.stat().st_mtime_ns)
             for part in (os.scandir(root) if root.exists() else ()) if part.is_dir()
             for one in os.scandir(part) if one.name.endswith(".json")]
    return _read(tuple(sorted(files)))


@lru_cache(maxsize=1)
def _read(files):
    entries = {}
    for path, _ in files:
        try:
            entry = json.loads(Path(path).read_text(encoding="utf-8"))
            entries[entry["set"], entry["recipe"], entry["seed"]] = entry
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"{path} is damaged: {error}") from error
    return dict(sorted(entries.items()))


def _what_there_is(keys, name, recipe, seed=None):
    names = sorted({key[0] for key in keys})
    if not names:
        return f"name is {name!r}, and no recordings are in {folder()}: see MLLEAKS_RECORDINGS"
    if name not in names:
        return f"name is {name!r}: recorded are {', '.join(names)}"
    recipes = sorted({key[1] for key in keys if key[0] == name})
    if recipe not in recipes:
        return f"recipe is {recipe!r}: recorded for {name} are {', '.join(recipes)}"
    seeds = sorted(key[2] for key in keys if key[:2] == (name, recipe))
    return f"seed is {seed}: the posteriors of {name}, {recipe} are kept for {seeds}"
