"""What a shadow model costs: Keras `fit` one after the other, ART, and `train_many`.

Everything runs on the same records for the same epochs on this machine, each line in a process
of its own, so that seconds include compilation and memory is that line's peak. `fit` runs
before and after the others, because machines have moods.

    python -m benchmarks.many --set location --models 1 4 16 64 256
"""

import argparse
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from joblib.externals.loky import get_reusable_executor
from scipy.stats import sem

from mlleaks_helpers.data import Dataset, load

EPOCHS, BATCH = 50, 100
LEARNING_RATE = {"location": 0.01, "shoppers-100": 0.001}


def data(name: str, records: int) -> Dataset:
    """`2 * records` records, half of them for each model; the first set is simulated here."""
    rng = np.random.default_rng(0)
    if name != "location":
        full = load(name)
        return full.take(rng.permutation(len(full))[: 2 * records])
    taste = rng.random((30, 446)) ** 6
    y = rng.integers(0, 30, 2 * records)
    x = (rng.random((len(y), 446)) < 0.05 + 0.3 * taste[y]).astype(np.uint8)
    return Dataset("location-shaped", x, y, range(30), simulated=True)


def halves(models: int, n: int) -> np.ndarray:
    return np.random.default_rng(1).permuted(np.tile(np.arange(n) < n // 2, (models, 1)), axis=1)


def builder(name):
    from mlleaks_helpers.models import mlp

    return mlp(128, learning_rate=LEARNING_RATE[name])


def fit(name, dataset, models, n_jobs):
    from mlleaks_helpers.models import train

    return np.stack([train(builder(name), dataset.take(row), seed=k).posteriors(dataset.x)
                     for k, row in enumerate(halves(models, len(dataset)))])


def many(name, dataset, models, n_jobs):
    from mlleaks_helpers.models import train_many

    return train_many(builder(name), dataset, halves(models, len(dataset)), query=dataset,
                      n_jobs=n_jobs)


def measure(how, name, records, models, n_jobs):
    """Seconds a model, peak memory in MB, and each model's train and test accuracy."""
    from mlleaks_helpers import many as _many  # noqa: F401  importing is not training

    dataset = data(name, records)
    started = time.perf_counter()
    posteriors = how(name, dataset, models, n_jobs)
    seconds = (time.perf_counter() - started) / models
    if n_jobs:
        get_reusable_executor().shutdown()
    right = posteriors.argmax(axis=2) == dataset.y
    inside = halves(models, len(dataset))
    accuracy = [[r[i].mean(), r[~i].mean()] for r, i in zip(right, inside, strict=True)]
    kilo = 1 if sys.platform == "linux" else 1024  # Linux counts kilobytes, macOS bytes
    people = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    peak = max(resource.getrusage(who).ru_maxrss for who in people)
    return seconds, peak / kilo / 1024, np.array(accuracy)


def matmul_peak(name, records, models, n_jobs):
    """float32 operations a second on the best product of two large matrices."""
    from mlleaks_helpers.models import keras

    a = keras.random.normal((2048, 2048))
    times = []
    for _ in range(30):
        started = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.matmul(a, a))
        times.append(time.perf_counter() - started)
    return 2 * 2048**3 / min(times)


def operations(dataset) -> int:
    """Of one model's matrix products; the gradient with respect to the records is not needed."""
    width, classes, n = dataset.x.shape[1], len(dataset.classes), len(dataset) // 2
    return EPOCHS * n * 2 * (2 * width * 128 + 3 * 128 * classes)


def alone(function, *arguments):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", default=list(LEARNING_RATE), choices=LEARNING_RATE)
    parser.add_argument("--models", nargs="+", type=int, default=[1, 4, 16, 64, 256])
    parser.add_argument("--fits", type=int, default=8, help="models for the fit loop")
    parser.add_argument("--records", type=int, default=1_200, help="training records a model")
    parser.add_argument("--n-jobs", type=int, default=None, help="groups trained at a time")
    options = parser.parse_args()
    for name in options.set:
        compare(name, options)


def compare(name, options):
    dataset = data(name, options.records)
    peak = alone(matmul_peak, name, 0, 0, 0)
    print(f"\n{dataset}, {options.records:,} records a model, {EPOCHS} epochs, batch {BATCH}; "
          f"matmul peak {peak / 1e9:.0f} GFLOP/s", flush=True)
    print(f"{'':24}{'s/model':>9}{'ratio':>7}{'peak %':>8}{'MB':>7}   train and test accuracy")

    def run(how, models):
        return alone(measure, how, name, options.records, models, options.n_jobs)

    def show(label, result):
        seconds, memory, accuracy = result
        share = 100 * operations(dataset) / seconds / peak
        spread = "(halves of its own)" if "ART" in label else "   ".join(
            f"{values.mean():.4f} ± {sem(values) if len(values) > 1 else np.nan:.4f}"
            for values in accuracy.T)
        print(f"{label:24}{seconds:9.3f}{reference / seconds:7.1f}{share:8.1f}{memory:7.0f}   "
              f"{spread}", flush=True)

    before = run(fit, options.fits)
    reference = before[0]
    show(f"fit, {options.fits} models", before)
    try:
        from benchmarks.art_shadows import art_shadows
    except ImportError:
        print("ART: skipped, adversarial-robustness-toolbox is not installed")
    else:
        show(f"ART, {options.fits} models", run(art_shadows, options.fits))
    for models in options.models:
        show(f"train_many, {models} models", run(many, models))
    after = run(fit, options.fits)
    show(f"fit again, {options.fits} models", after)
    print(f"(ratios are to the first line; the last is {after[0] / before[0]:.2f} times it)")


if __name__ == "__main__":
    main()
