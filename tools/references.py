"""Many models of one data set, asked about the same records: what later attacks know.

    python -m tools.references [--set NAME] [--recipe NAME] [--design NAME] [--jobs N]

Makes what is missing or stale in `mlleaks_helpers/references`. Each model's logits are kept as soon
as it is trained, so that a run that was killed goes on where it was.
"""

import argparse
import json
import shutil
import time

import numpy as np

from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.data import Dataset, deal, load
from mlleaks_helpers.files import replacing, sha256
from mlleaks_helpers.models import train_many
from mlleaks_helpers.models.worlds import who_trains
from mlleaks_helpers.recorded import references_file
from tools.entries import code_of, described, digest, put, versions
from tools.experiments import builder, trained
from tools.plan import POOLED, SIZES, STRICT, reference_plan, settings
from tools.record import in_parallel


def make(name: str, recipe: str, design: str, jobs: int | None = None) -> None:
    """Train what is not there yet, and put it all in one file."""
    dataset = load(name)
    records, included = drawn(name, recipe, design, dataset)
    path, begun = references_file(name, recipe, design), time.perf_counter()
    waiting = waiting_room(path, facts(name, recipe, design, dataset))
    arrays = {"included": np.packbits(included, axis=1),
              "labels": records.y.astype(np.min_scalar_type(int(records.y.max())))}
    how = settings(name, recipe)["target"]
    if how["model"] == "mlp" and recipe != "stacking":
        answers = train_many(builder(how, SIZES[name]), records, included, query=records,
                             epochs=how["epochs"], batch_size=how["batch_size"], n_jobs=jobs,
                             seed=[seed_of(design, k) for k in range(len(included))], cache=waiting)
        arrays["logits"] = np.stack([logit(answer, records.y) for answer in answers])
    else:
        todo = [(name, recipe, design, k) for k in range(len(included))
                if not (waiting / f"{k}.npz").exists()]
        list(in_parallel(jobs)(one, todo))
        parts = [np.load(waiting / f"{k}.npz") for k in range(len(included))]
        arrays["logits"] = np.stack([part["logits"] for part in parts])
        if recipe == "stacking":
            arrays["part"] = np.stack([part["part"] for part in parts])
    arrays["logits"] = arrays["logits"].astype(np.float16)
    with replacing(path) as part:
        np.savez_compressed(part, **arrays)
    entry = facts(name, recipe, design, dataset) | {
        "models": len(included), "records": len(records),
        "seconds": round(time.perf_counter() - begun, 1),
        "command": f"make references SET={name} RECIPE={recipe} DESIGN={design}",
        "sha256": sha256(path.read_bytes()),
        "versions": versions(),
    }
    put(entry, path.with_suffix(".json"))
    shutil.rmtree(waiting)


def drawn(name: str, recipe: str, design: str, dataset: Dataset) -> tuple[Dataset, np.ndarray]:
    """The records that all models are asked about, and on which each is trained, (models, n)."""
    size = SIZES[name]
    seed = 0 if design == "pooled" else int(design.removeprefix("strict-"))
    four = deal(dataset, size=size, seed=seed)
    rng = np.random.default_rng((seed, 2))
    if design == "pooled":
        included = np.zeros((POOLED[name, recipe] + 1, 2 * size), bool)
        for row in included:
            row[rng.permutation(2 * size)[:size]] = True
        return dataset.take(four[:2].ravel()), included
    return dataset.take(four.ravel()), who_trains(size, STRICT[name, recipe], rng)


def one(name: str, recipe: str, design: str, k: int) -> tuple:
    """Train one model, and keep its logits of all records."""
    dataset = load(name)
    records, included = drawn(name, recipe, design, dataset)
    how = settings(name, recipe)["target"]
    here = trained(how, records.take(included[k]), seed_of(design, k))
    part = np.full(len(records), -1, np.int8)
    if recipe == "stacking":
        part[included[k]] = here.model.part_
    path = references_file(name, recipe, design)
    waiting = waiting_room(path, facts(name, recipe, design, dataset))
    with replacing(waiting / f"{k}.npz") as file:
        np.savez(file, logits=logit(here(records.x), records.y), part=part)
    return name, recipe, design, k


def seed_of(design: str, k: int) -> int:
    """Model k's own, in every design another."""
    world = 0 if design == "pooled" else 1 + int(design.removeprefix("strict-"))
    return 1_000 * world + k


def waiting_room(path, made_of: dict):
    """Where finished models wait for the others; those of other data or settings lie elsewhere."""
    return path.parent / f".{path.stem}.{sha256(json.dumps(made_of).encode())[:12]}"


def facts(name: str, recipe: str, design: str, dataset: Dataset) -> dict:
    """What references made today depend on."""
    records, included = drawn(name, recipe, design, dataset)
    code = [described(dataset.prepare), code_of("tools.experiments"), digest(records),
            sha256(included.tobytes()), [seed_of(design, k) for k in range(len(included))]]
    return {"set": name, "recipe": recipe, "design": design,
            "settings": settings(name, recipe)["target"],
            "data": digest(dataset), "trained_with": sha256(json.dumps(code).encode())}


def stale(jobs) -> list[tuple]:
    """Those of `jobs` that are missing or were made otherwise than they would be today."""
    found = []
    for job in jobs:
        path = references_file(*job)
        entry = json.loads(path.with_suffix(".json").read_text()) if path.exists() else {}
        if not facts(*job, load(job[0])).items() <= entry.items():
            found.append(job)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("set", "recipe", "design"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--jobs", type=int, help="default: one a core; with a GPU, one")
    asked = parser.parse_args()
    wanted = (asked.set, asked.recipe, asked.design)
    jobs = [job for job in reference_plan()
            if all(want in (None, have) for want, have in zip(wanted, job, strict=True))]
    if not jobs:
        parser.error("no references have that set, recipe and design")
    for job in stale(jobs):
        make(*job, jobs=asked.jobs)
        print(*job, flush=True)


if __name__ == "__main__":
    from tools import references  # the workers get the module, not a copy of this script

    references.main()
