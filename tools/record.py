"""Train the paper's targets and shadows on the paper's data, and record what an adversary sees.

    python -m tools.record [--set NAME] [--recipe NAME] [--seed N] [--jobs N] [--adopt]

Makes what is missing or stale in `mlleaks_helpers/recordings`, one process a core, and can be
killed at any moment: an entry appears whole or not at all. The data must be in the cache that
`mlleaks_helpers.data` describes, or within reach of the network.

Where only the code that measures has changed, kept posteriors are measured again and nothing is
trained. With --adopt, where the code that trains has changed, a few of the quick experiments are
trained to see that it still gives the same, and the others are kept as they are.
"""

import argparse
import os
import shutil
import sys
import time
from contextlib import suppress

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from mlleaks_helpers import recorded
from mlleaks_helpers.data import DataUnavailable, load
from tools import again, entries
from tools.experiments import experiment
from tools.plan import OURS, SIZES, keeps_posteriors, plan, records_kept, settings

DAY = 86_400  # seconds


def make(name: str, recipe: str, seed: int) -> None:
    """Train, ask, measure and record one experiment."""
    how, dataset = settings(name, recipe, seed), load(name)
    digests = entries.digests(name, recipe, seed, dataset)
    answers = experiment(dataset, how, seed=seed)
    kept = records_kept(how["size"], len(dataset.classes))
    entry = entries.provenance((name, recipe, seed), answers, kept) | digests
    arrays = answers.first(kept).arrays() if keeps_posteriors(name, recipe, seed) else None
    entries.write(entry, arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--set", choices=SIZES)
    parser.add_argument("--recipe")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, help="default: one a core; with a GPU, one")
    parser.add_argument("--adopt", action="store_true",
                        help="train only to see that changed code gives the same")
    asked = parser.parse_args()
    jobs = [job for job in plan((asked.set,) if asked.set else OURS)
            if asked.recipe in (None, job[1]) and asked.seed in (None, job[2])]
    if not jobs:
        parser.error("no experiment has that set, recipe and seed")
    for name in {job[0] for job in jobs}:
        sweep(name)
    try:
        todo = entries.stale(jobs)
        print(f"{len(jobs) - len(todo)} of {len(jobs)} experiments are up to date", flush=True)
        if asked.adopt:
            again.adopt([job for job in todo if todo[job] == "train"], in_parallel(asked.jobs))
            todo = entries.stale(jobs)
    except DataUnavailable as error:
        sys.exit(str(error))
    train = [job for job in todo if todo[job] == "train"]
    train += again.measure([job for job in todo if todo[job] == "measure"], adopt=asked.adopt)
    if asked.adopt and train:
        sys.exit(f"To be trained, by make results without ADOPT: {again.names(train)}")
    for job in in_parallel(asked.jobs)(_made, train):
        tqdm.write(" ".join(map(str, job)))


def sweep(name: str) -> None:
    """Away with what a killed run was writing; what is younger than a day may be another's."""
    for left in (recorded.folder() / name).glob(".*.*.*"):
        with suppress(FileNotFoundError):  # it has just been finished
            if time.time() - left.stat().st_mtime > DAY:
                shutil.rmtree(left, ignore_errors=True)


def in_parallel(jobs: int | None):
    """Calls a function with each of some experiments, one process a core, and gives the results.

    One thread a model: the same bits however many models train at a time.
    """
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
                   "TQDM_DISABLE": "1"}

    def call(function, todo):
        with parallel_config("loky", n_jobs=jobs or _default_jobs(), inner_max_num_threads=1):
            done = Parallel(return_as="generator_unordered")(
                delayed(function)(*job) for job in todo)
            yield from tqdm(done, total=len(todo), desc="experiments", disable=False)

    return call


def _made(*job):
    if entries.to_do(job, load(job[0])):  # another run may have made it meanwhile
        make(*job)
    return job


def _default_jobs() -> int:
    import tensorflow

    return 1 if tensorflow.config.list_physical_devices("GPU") else os.cpu_count()


if __name__ == "__main__":
    from tools import record  # the workers get the module, not a copy of this script

    record.main()
