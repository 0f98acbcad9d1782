"""The same question to three tools: which of these records was this model trained on?

LiRA with 64 references of this book and with fewer, SACRO-ML's with 64 shadow models, and ART's
attack model that learns from 64 of them. SACRO-ML and ART are optional, and left out where they are
missing; `benchmarks/requirements.txt` has them, and says how to install them.

All ask the same targets: scikit-learn's network, of the paper's width, epochs and batches. Those
two train scikit-learn's for their shadow models as well, the book Keras's. For LiRA each model
learns a random half of the very records asked about; ART's learn records of the adversary's own,
and it compares no record with itself.

Each attack runs in a process of its own, on as many threads as the others. Its seconds go from a
trained target to the scores of all records; what its tool takes to import, beyond NumPy and
scikit-learn, stands beside. Memory is the most the process ever held.

    python -m benchmarks.beside --targets 3 --threads 1
"""

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import product

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.many import BATCH, EPOCHS, alone, peak_memory
from mlleaks_helpers.data import Dataset, DataUnavailable, deal, load
from mlleaks_helpers.interval import Interval, mean_interval
from mlleaks_helpers.metrics import auc, tpr_at_fpr

RECORDS = 1_252
RATE = 0.01
OURS = "this book"
WANTED = {("SACRO-ML", OURS): 4}  # times our seconds
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
           "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Case:
    """One target, and what its adversaries have: their attacks are scored on `pool`.

    pool       the target's members and then as many others, (2n, …)
    elsewhere  as many records from the same source, none of them in `pool`
    """

    pool: Dataset
    elsewhere: Dataset
    target: MLPClassifier
    seed: int

    @property
    def member(self) -> np.ndarray:
        return np.arange(len(self.pool)) < len(self.pool) // 2


@dataclass(frozen=True)
class Measured:
    """What one attack on one target took, and found: seconds, MB and shares."""

    seconds: float
    cpu: float
    start: float
    memory: float
    auc: Interval
    tpr: Interval

    @property
    def area(self) -> float:
        return self.auc.value

    @property
    def found(self) -> float:
        return self.tpr.value


def records() -> Dataset:
    """Location where it can be had, else simulated shoppers."""
    try:
        return load("location")
    except DataUnavailable:
        return load("shoppers-20")


def case(seed: int, full: Dataset, size: int = RECORDS) -> Case:
    """Other people are members of each seed's target. Its initial weights no shadow model has.

    scikit-learn divides its penalty by twice the batch: this is the paper's.
    """
    parts = deal(full, size=size, seed=seed)
    pool, elsewhere = full.take(parts[:2].ravel()), full.take(parts[2:].ravel())
    network = MLPClassifier(128, activation="tanh", alpha=2 * BATCH * 1e-7, batch_size=BATCH, tol=0,
                            max_iter=EPOCHS, n_iter_no_change=10**9, random_state=10_000 + seed)
    target = network.fit(pool.x[:size].astype(np.float32), pool.y[:size])
    return Case(pool, elsewhere, target, seed)


def attacks(models: int, fewer: int) -> dict[str, tuple[str, int]]:
    """The lines of the table: which module attacks, with how many models."""
    return {OURS: ("book_lira", models), f"with {fewer}": ("book_lira", fewer),
            "SACRO-ML": ("sacro_lira", models), "ART": ("art_black_box", models)}


def measure(module: str, seed: int, models: int, threads: int) -> Measured:
    """One attack on one target, in this process. Raises ImportError where its tool is missing."""
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    attack = import_module(f"benchmarks.{module}")
    start = time.perf_counter() - started
    asked = case(seed, records())
    started, worked = time.perf_counter(), time.process_time()
    scores = attack.scores(asked, models, threads)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    return Measured(seconds, cpu, start, peak_memory(), auc(scores, asked.member),
                    tpr_at_fpr(scores, asked.member, RATE))


# ---------------------------------------------------------------- the table


def over_targets(values: list[Interval]) -> Interval:
    """The mean, with an interval over targets; of a single one, its own."""
    if len(values) == 1:
        return values[0]
    return mean_interval([one.value for one in values], within=(0, 1))


def each(what: str, how, theirs: list[Measured], ours: list[Measured]) -> str:
    """`how` of what the two took or found, target by target: the mean, with its interval."""
    def numbers(ones):
        return np.array([getattr(one, what) for one in ones])

    values = how(numbers(theirs), numbers(ours))
    return f"{values[0]:.3f}" if len(values) == 1 else str(mean_interval(values))


def beside(name: str, other: str, measured: dict[str, list[Measured]]) -> str:
    """What a tool takes and finds beside another one on the same targets."""
    pair = measured[name], measured[other]
    wanted = f" (at least {WANTED[name, other]} wanted)" if (name, other) in WANTED else ""
    return (f"{name} beside {other}: {each('seconds', np.divide, *pair)} times the seconds"
            f"{wanted}, {each('cpu', np.divide, *pair)} times the CPU seconds;\n"
            f"    AUC differs by {each('area', np.subtract, *pair)}, "
            f"TPR by {each('found', np.subtract, *pair)}")


def table(measured: dict[str, list[Measured]]) -> str:
    """A line an attack, of means over targets, but the largest memory; then tools beside ours."""
    lines = [f"{'':10}{'seconds':>9}{'CPU s':>8}{'to start':>10}{'MB':>7}   "
             f"{'AUC':23}TPR at {100 * RATE:g} % FPR"]
    for name, ones in measured.items():
        seconds, cpu, start = (np.mean([getattr(one, what) for one in ones])
                               for what in ("seconds", "cpu", "start"))
        lines.append(f"{name:10}{seconds:9.1f}{cpu:8.1f}{start:10.1f}"
                     f"{max(one.memory for one in ones):7.0f}   "
                     f"{over_targets([one.auc for one in ones])!s:23}"
                     f"{over_targets([one.tpr for one in ones])}")
    ours, others = list(measured)[:2], list(measured)[2:]
    return "\n".join(lines + [beside(*two, measured) for two in product(others, ours)])


def skipped(name: str, error: ImportError) -> str:
    return f"{name}: left out ({error}); benchmarks/requirements.txt says how to install it"


def compete(targets: int, models: int, fewer: int, threads: int) -> dict[str, list[Measured]]:
    """What every attack whose tool is installed takes and finds, by its name."""
    measured = {}
    waiting = attacks(models, fewer)
    for seed in range(targets):
        for name, (module, count) in list(waiting.items()):
            try:
                one = alone(measure, module, seed, count, threads)
            except ImportError as error:
                if module == "book_lira":
                    raise
                del waiting[name]
                print(skipped(name, error), flush=True)
            else:
                measured.setdefault(name, []).append(one)
                print(f"target {seed}, {name}: {one.seconds:.1f} s, {one.cpu:.1f} s of CPU; AUC "
                      f"{one.auc}, TPR {one.tpr}", flush=True)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=3)
    parser.add_argument("--models", type=int, default=64, help="references, or shadow models")
    parser.add_argument("--fewer", type=int, default=24, help="references of the second line")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(THREADS, str(options.threads)))
    print(f"{records()}, {RECORDS:,} members and as many others of each target; {options.models} "
          f"references or shadow models; threads: {options.threads}", flush=True)
    print(table(compete(**vars(options))))


if __name__ == "__main__":
    main()
