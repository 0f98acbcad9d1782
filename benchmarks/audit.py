"""What an audit costs, in trainings: 128 references and a target, all scored, and `lira` alone.

The models are Location's in shape, on simulated records. The same model is trained by Keras `fit`,
before and after, in the same run: an audit should cost no more than 10 of those, with dropout 20.
Scoring 50,000 records against 128 references should take a second and 200 MB beside its input.

    python -m benchmarks.audit --fits 4
"""

import argparse
import time
import tracemalloc

import numpy as np

from benchmarks.many import alone, builder, data, halves
from mlleaks_helpers.attacks import References, lira, references

RECORDS = 1_252  # that each model learns, as in the paper's Location
MODELS = 129
ALLOWED = {"plain": 10, "dropout": 20}


def seconds_of_fits(kind: str, fits: int) -> float:
    """Of one Keras `fit` and its answers to all records, the mean of some."""
    from mlleaks_helpers.models import train

    dataset = data("location", RECORDS)
    rows = halves(fits, len(dataset))
    started = time.perf_counter()
    for k, row in enumerate(rows):
        train(builder("location", kind), dataset.take(row), seed=k).posteriors(dataset.x)
    return (time.perf_counter() - started) / fits


def seconds_of_audit(kind: str) -> tuple[float, float]:
    """Of training all models, and of scoring one of them as the target against the others."""
    from mlleaks_helpers.models import train_many

    dataset = data("location", RECORDS)
    included = halves(MODELS, len(dataset))
    started = time.perf_counter()
    answers = train_many(builder("location", kind), dataset, included, query=dataset)
    trained = time.perf_counter()
    target, _, others = references(answers, dataset.y, included).without(0)
    lira(target, others)
    return trained - started, time.perf_counter() - trained


def scoring(records: int, models: int, online: bool) -> tuple[float, float]:
    """Seconds that `lira` takes, and its peak memory beyond its input in MB.

    Records differ in their variance, as real ones do: that is the slower case.
    """
    rng = np.random.default_rng(0)
    spread = np.sqrt(5 / rng.chisquare(5, records))

    def asked():
        return References(spread * rng.normal(size=(models, records)),
                          rng.random((models, records)) < 0.5)

    target, first, second = rng.normal(size=records), asked(), asked()
    started = time.perf_counter()
    lira(target, first, online=online)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    lira(target, second, online=online)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=4, help="Keras fits before, and after")
    options = parser.parse_args()
    print(f"{MODELS} models of {RECORDS:,} records; one of them against the others")
    for kind, allowed in ALLOWED.items():
        before = alone(seconds_of_fits, kind, options.fits)
        training, scored = alone(seconds_of_audit, kind)
        after = alone(seconds_of_fits, kind, options.fits)
        fit = (before + after) / 2
        print(f"{kind:8} a fit {before:.2f} s before and {after:.2f} s after; audit {training:.1f} "
              f"s and {scored:.2f} s scoring: {(training + scored) / fit:.1f} fits, at most "
              f"{allowed} wanted", flush=True)
    for online in (True, False):
        seconds, memory = alone(scoring, 50_000, MODELS - 1, online)
        print(f"lira {'online' if online else 'offline':8} 50,000 records, {MODELS - 1} "
              f"references: {seconds:.2f} s, at most 1 wanted, and {memory:.0f} MB beyond its "
              "input, at most 200 wanted")


if __name__ == "__main__":
    main()
