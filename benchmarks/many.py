"""What a shadow model costs: Keras `fit`, ART, scikit-learn, and `train_many`.

Everything runs on the same records for the same epochs on this machine, each line in a process
of its own. Seconds include everything but the start of the process: compilation, and the answers
for all records. `fit`, scikit-learn and the matrix product run before and after the others,
because machines have moods. scikit-learn's network has the same architecture, batches and
optimizer, and stops early no more than ours.

    python -m benchmarks.many --set location --models 1 4 16 64 256
"""

import argparse
import resource
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from scipy.stats import sem

from mlleaks_helpers.data import Dataset, load

EPOCHS, BATCH = 50, 100
LEARNING_RATE = {"location": 0.01, "shoppers-100": 0.001}
GROUP = 16  # models of each line that compares defenses


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


def builder(name, defense="plain"):
    from mlleaks_helpers import models as m

    rate = LEARNING_RATE[name]
    plain = m.mlp(128, learning_rate=rate)
    linear = m.softmax_regression(learning_rate=rate)
    return {"plain": plain, "dropout": m.dropout(plain), "L2": m.l2(plain, 1e-3),
            "label smoothing": m.label_smoothing(plain), "mix-up": m.mixup(plain),
            "softmax": linear, "softmax, L2": m.l2(linear, 1e-3),
            "softmax, smoothing": m.label_smoothing(linear)}[defense]


# ---------------------------------------------------------------- ways to train


def fit(name, dataset, models, defense):
    from mlleaks_helpers.models import train

    return np.stack([train(builder(name), dataset.take(row), seed=k).posteriors(dataset.x)
                     for k, row in enumerate(halves(models, len(dataset)))])


def many(name, dataset, models, defense):
    from mlleaks_helpers.models import train_many

    return train_many(builder(name, defense), dataset, halves(models, len(dataset)), query=dataset)


def scikit_learn(name, dataset, models, kind):
    """One model in this process, or one thread a process and as many processes as cores."""
    from sklearn.neural_network import MLPClassifier

    x = dataset.x.astype(np.float32) if kind == "float32" else dataset.x

    def one(row, seed):
        warnings.simplefilter("ignore")
        model = MLPClassifier(128, activation="tanh", alpha=1e-7, batch_size=BATCH, tol=0,
                              learning_rate_init=LEARNING_RATE[name], max_iter=EPOCHS,
                              n_iter_no_change=10**9, random_state=seed)
        return model.fit(x[row], dataset.y[row]).predict_proba(x)

    rows = halves(models, len(dataset))
    if models == 1:
        return lambda: np.stack([one(rows[0], 0)])
    workers = joblib.Parallel(n_jobs=joblib.cpu_count())
    few = np.arange(len(dataset)) < 200
    workers(joblib.delayed(one)(few, 0) for _ in range(4 * joblib.cpu_count()))  # to import
    return lambda: np.stack(workers(joblib.delayed(one)(*it) for it in zip(rows, range(models),
                                                                          strict=True)))


def art(name, dataset, models, defense):
    from benchmarks.art_shadows import art_shadows

    return art_shadows(name, dataset, models, None)


def measure(how, name, records, models, kind):
    """Seconds a model, peak memory in MB, and each model's train and test accuracy."""
    if how is not scikit_learn:
        import mlleaks_helpers.models  # noqa: F401  importing is not training

    dataset = data(name, records)
    run = how(name, dataset, models, kind) if how is scikit_learn else (
        lambda: how(name, dataset, models, kind))
    started = time.perf_counter()
    posteriors = run()
    seconds = (time.perf_counter() - started) / models
    get_reusable_executor().shutdown()
    right = posteriors.argmax(axis=2) == dataset.y
    inside = halves(models, len(dataset))
    accuracy = [[r[i].mean(), r[~i].mean()] for r, i in zip(right, inside, strict=True)]
    return seconds, peak_memory(), np.array(accuracy)


def peak_memory() -> float:
    """The most that this process or one of those it started has held, in MB."""
    kilo = 1 if sys.platform == "linux" else 1024  # Linux counts kilobytes, macOS bytes
    people = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return max(resource.getrusage(who).ru_maxrss for who in people) / kilo / 1024


def matmul_peak():
    """float32 operations a second of the best product of two large matrices, on all cores."""
    best = 0
    for size in (1024, 2048):
        a = np.random.default_rng(0).random((size, size), np.float32)
        for _ in range(30):
            started = time.perf_counter()
            np.matmul(a, a)
            best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def operations(dataset, hidden=128) -> int:
    """Of one model's matrix products; the gradient with respect to the records is not needed."""
    width, classes, n = dataset.x.shape[1], len(dataset.classes), len(dataset) // 2
    products = 2 * width * hidden + 3 * hidden * classes if hidden else 2 * width * classes
    return EPOCHS * n * 2 * products


def alone(function, *arguments):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


# ---------------------------------------------------------------- where a step's time goes


def profile(name, records):
    """Seconds of one model on one thread, by what they were spent on; what calls is not counted."""
    from threadpoolctl import threadpool_limits

    from mlleaks_helpers.data import fit_prepare
    from mlleaks_helpers.models import network, optimizers
    from mlleaks_helpers.models.recipes import recipe

    dataset = data(name, records).take(slice(0, records))
    spent, within = {}, []

    def timed(owner, method, what):
        real = getattr(owner, method)

        def call(*arguments):
            within.append(0.0)
            started = time.perf_counter()
            answer = real(*arguments)
            seconds = time.perf_counter() - started
            spent[what] = spent.get(what, 0) + seconds - within.pop()
            if within:
                within[-1] += seconds
            return answer

        setattr(owner, method, call)

    for method in ("forward", "learn", "backward"):
        timed(network.Dense, method, "products, biases and penalties")
    timed(optimizers.Adam, "__call__", "Adam")
    timed(network, "_slope", "softmax and loss")
    for method in ("forward", "backward"):
        timed(network.Activation, method, "tanh")
    _, x = fit_prepare(dataset.prepare, dataset.x)
    made = recipe(builder(name)(x.shape[1:], len(dataset.classes)), 0)
    with threadpool_limits(1):
        peak = matmul_peak()
        started = time.perf_counter()
        network.fit(made, x, dataset.y, seed=0, epochs=EPOCHS, batch_size=BATCH)
        total = time.perf_counter() - started
    spent["rows of the batches, and Python"] = total - sum(spent.values())
    print(f"one model on one core: {total:.3f} s; at the peak of {peak / 1e9:.0f} GFLOP/s its "
          f"products would take {operations(dataset.take(slice(0, records))) * 2 / peak:.3f} s")
    for what, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"    {what:34}{seconds:7.3f} s{100 * seconds / total:6.0f} %")


# ---------------------------------------------------------------- the table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", default=["location"], choices=LEARNING_RATE)
    parser.add_argument("--models", nargs="*", type=int, default=[1, 4, 16, 64, 256])
    parser.add_argument("--fits", type=int, default=4, help="models for the fit loop")
    parser.add_argument("--records", type=int, default=1_200, help="training records a model")
    parser.add_argument("--profile", action="store_true", help="where a step's time goes, only")
    options = parser.parse_args()
    for name in options.set:
        (profile if options.profile else compare)(name, options.records, *(
            () if options.profile else (options.models, options.fits)))


def compare(name, records, counts, fits):
    dataset = data(name, records)
    peak = alone(matmul_peak)
    print(f"\n{dataset}, {records:,} records a model, {EPOCHS} epochs, batch {BATCH}; "
          f"matmul peak {peak / 1e9:.0f} GFLOP/s")
    print(f"{'':34}{'s/model':>8}{'× fit':>7}{'× skl':>7}{'× own':>7}{'peak %':>8}{'MB':>7}"
          "   train and test accuracy", flush=True)
    known = {}

    def line(label, how, models, kind="plain", own=None):
        """Ratios say how many times faster than fit and scikit-learn, slower than its own."""
        seconds, memory, accuracy = alone(measure, how, name, records, models, kind)
        known[label] = seconds
        label = f"{label}, {models} model{'s' * (models > 1)}"
        ratios = "".join(
            f"{ratio:7.2f}" if ratio else " " * 7 for ratio in (
                known["fit"] / seconds,
                known[FLOATS] / seconds if FLOATS in known else None,
                seconds / known[own] if own else None))
        hidden = 0 if kind.startswith("softmax") else 128
        share = 100 * operations(dataset, hidden) / seconds / peak
        spread = "(halves of its own)" if how is art else "   ".join(
            f"{values.mean():.4f} ± {sem(values) if len(values) > 1 else np.nan:.4f}"
            for values in accuracy.T)
        print(f"{label:34}{seconds:8.3f}{ratios}{share:8.1f}{memory:7.0f}   {spread}", flush=True)

    def others():
        line("fit", fit, fits)
        line(FLOATS, scikit_learn, GROUP, "float32")
        line("scikit-learn, bytes", scikit_learn, GROUP, "uint8")

    others()
    before = dict(known)
    line("scikit-learn alone", scikit_learn, 1, "float32")
    try:
        import art as _  # noqa: F401
    except ImportError:
        print("ART: skipped, adversarial-robustness-toolbox is not installed")
    else:
        line("ART", art, fits)
    for models in counts:
        line("train_many", many, models)
    for first, *rest in (("plain", "dropout", "L2", "label smoothing", "mix-up"),
                         ("softmax", "softmax, L2", "softmax, smoothing")):
        line(first, many, GROUP, first)
        for defense in rest:
            line(defense, many, GROUP, defense, own=first)
        line(f"{first} again", many, GROUP, first, own=first)
    others()
    changes = ", ".join(f"{label} {known[label] / before[label]:.2f}" for label in before)
    print(f"(ratios are to the line above each; the second time took, times the first: {changes}; "
          f"the matmul peak is now {alone(matmul_peak) / 1e9:.0f} GFLOP/s; memory is that of the "
          "largest process)")


FLOATS = "scikit-learn, float32"

if __name__ == "__main__":
    main()
