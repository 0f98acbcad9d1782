"""Entries of recordings: provenance beside posteriors, and whether both are up to date.

An entry holds two digests. `trained_with`: of settings, seed, data, and all code that the
training reaches by imports. `measured_with`: of all code that measuring reaches.
"""

import json
import platform
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mlleaks_helpers.data import Dataset, load
from mlleaks_helpers.files import replacing, sha256
from mlleaks_helpers.recorded import file_of
from tools import needs
from tools.experiments import Answers
from tools.measuring import accuracy, factor_table, measure
from tools.plan import (
    has_factor_table,
    keeps_posteriors,
    records_kept,
    runs_every_attack,
    settings,
)


def provenance(job: tuple, answers: Answers, kept: int) -> dict:
    """How an experiment was made, and what was measured on it and on what is kept of it."""
    name, recipe, seed = job
    metrics = measure(answers, every_attack=runs_every_attack(*job))
    whole = kept == len(answers.target) / 2
    return {
        "set": name, "recipe": recipe, "seed": seed,
        "command": f"make results SET={name} RECIPE={recipe} SEED={seed}",
        "settings": settings(*job), "records_kept": kept,
        "classes": answers.target.posteriors.shape[1],
        "target": accuracy(answers.target), "shadow": accuracy(answers.shadows[0]),
        "metrics": metrics,
        "metrics_of_kept": metrics if whole else measure(
            answers.first(kept), every_attack=runs_every_attack(*job)),
        "factors": factor_table(answers) if has_factor_table(recipe, seed) else [],
        "seconds_a_model": round(answers.seconds, 1),
        "versions": versions(),
    }


def write(entry: dict, arrays: dict | None) -> None:
    """Posteriors first, if they are kept, then the provenance that vouches for them."""
    path = file_of(entry["set"], entry["recipe"], entry["seed"])
    entry["sha256"] = None
    if arrays is not None:
        with replacing(path) as part:
            np.savez_compressed(part, **arrays)
        entry["sha256"] = sha256(path.read_bytes())
    write_provenance(entry)


def write_provenance(entry: dict) -> None:
    """Put an experiment's provenance in place of an earlier one."""
    put(entry, file_of(entry["set"], entry["recipe"], entry["seed"]).with_suffix(".json"))


def put(entry: dict, path: Path) -> None:
    """Write an entry, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Of what an entry is made with: Python, and the libraries that train and measure."""
    return {"python": platform.python_version()} | {
        package: version(package) for package in ("keras", "numpy", "scikit-learn")}


def read(name: str, recipe: str, seed: int) -> dict | None:
    """The provenance of an experiment that is on disk, whole; else None."""
    path = file_of(name, recipe, seed)
    try:
        entry = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        whole = entry["sha256"] is None or sha256(path.read_bytes()) == entry["sha256"]
    except (OSError, ValueError, KeyError):
        return None
    return entry if whole else None


def stale(jobs) -> dict[tuple, str]:
    """What is to be done for those of `jobs` that are not up to date: "train" or "measure"."""
    found = {}
    for name in dict.fromkeys(job[0] for job in jobs):
        dataset = load(name)
        found |= {job: todo for job in jobs
                  if job[0] == name and (todo := to_do(job, dataset))}
    return {job: found[job] for job in jobs if job in found}


def to_do(job: tuple, dataset: Dataset) -> str:
    """For one experiment: "train", "measure", or nothing."""
    entry, wanted = read(*job), digests(*job, dataset)
    if entry is None or entry.get("trained_with") != wanted["trained_with"]:
        return "train"
    return "" if entry.get("measured_with") == wanted["measured_with"] else "measure"


def digests(name: str, recipe: str, seed: int, dataset: Dataset) -> dict[str, str]:
    """What an entry made today says of its data, of its training and of its measuring."""
    how = settings(name, recipe, seed)
    kept = records_kept(how["size"], len(dataset.classes)), keeps_posteriors(name, recipe, seed)
    facts = [name, seed, how, kept, digest(dataset), described(dataset.prepare),
             code_of("tools.experiments")]
    return {"data": digest(dataset), "trained_with": sha256(json.dumps(facts).encode()),
            "measured_with": code_of("tools.measuring")}


@cache
def code_of(module: str) -> str:
    """A digest of a module and all that it reaches by imports, comments and docstrings aside."""
    code = needs.Code()
    reached = sorted(code.reached([module]))
    return sha256(json.dumps([(name, code.digest(name)) for name in reached]).encode())


@lru_cache(maxsize=1)  # of one data set at a time: it would keep them all
def digest(dataset: Dataset) -> str:
    """Of the records and their labels."""
    x = dataset.x
    content = "\0".join(x).encode() if x.dtype == object else np.ascontiguousarray(x).tobytes()
    return sha256(f"{x.dtype} {x.shape}".encode() + content + dataset.y.tobytes())


def described(step):
    """A transformer in words: its kind and settings, functions by their names."""
    if hasattr(step, "get_params"):
        chosen = step.get_params(deep=False)
        return [type(step).__name__, {name: described(chosen[name]) for name in sorted(chosen)}]
    if isinstance(step, list | tuple):
        return [described(part) for part in step]
    if callable(step):
        return step.__qualname__
    return step.tolist() if isinstance(step, np.ndarray) else repr(step)
