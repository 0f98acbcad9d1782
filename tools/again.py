"""Entries brought up to date without training them all: measured again, or adopted.

An entry is adopted, that is, kept as it is though code that it was made with has changed, where
quick experiments of its kind, trained with today's code, give what is recorded of them.
"""

import math

import numpy as np

from mlleaks_helpers.data import load
from mlleaks_helpers.recorded import recorded
from tools import entries, measuring
from tools.experiments import experiment
from tools.plan import has_factor_table, records_kept, runs_every_attack, settings

# What storing posteriors in float16 may move: logistic regression stops where the last digits let
# it, and the threshold for a true positive rate is one record's score (Adult's moves by 0.011).
HALF_PRECISION = {"auc": 0.001, "macro": 0.005, "precision": 0.005, "recall": 0.005,
                  "fpr": 0.005, "tpr": 0.02}
OF_TREES = 8  # times as much: a last digit moves their splits, and where a network stops
BY_TREES = ("trees", "tuned", "network", "per_class")


def measure(jobs, *, adopt: bool = False) -> list[tuple]:
    """Measure `jobs` again on their kept posteriors, and say which numbers move.

    A number stays as it is where it moves by no more than storing it in float16 may have moved
    it: it was measured on all digits. Gives the experiments that have to be trained to be
    measured: those whose posteriors are not kept, and those where only a part is kept and a number
    has moved. With `adopt` one experiment of each set and recipe is measured, and where none of a
    set's numbers moves, its others stay as they are, unless they lack one. Numbers that were not
    measured before come from what is kept, and where that is a part, `of_kept` lists them.
    """
    to_train = []
    for name in dict.fromkeys(job[0] for job in jobs):
        here = {job: entries.read(*job) for job in jobs if job[0] == name}
        kept = [job for job, entry in here.items() if entry["sha256"]]
        anew = {job: _measured(job) for job in (_first_of_each_recipe(kept) if adopt else kept)}
        moved = {job: _moved(here[job]["metrics_of_kept"], now) for job, now in anew.items()}
        settled = adopt and moved and not any(moved.values())
        for job in kept:
            if job not in anew and not (settled and _complete(job, here[job], anew)):
                anew[job] = _measured(job)
                moved[job] = _moved(here[job]["metrics_of_kept"], anew[job])
        for job, entry in here.items():
            for metric, (before, now) in moved.get(job, {}).items():
                print(f"{names([job])}: {metric} {before} -> {now}")
            whole = entry["records_kept"] == entry["settings"]["size"]
            vouched_for = settled and _complete(job, entry, anew)
            if (whole or not moved[job]) if job in moved else vouched_for:
                _bring_up_to_date(entry, moved.get(job, {}), anew.get(job, {}), whole)
                if job in anew and has_factor_table(*job[1:]):
                    entry["factors"] = measuring.factor_table(recorded(*job[:2], seed=job[2]))
                entries.write_provenance(entry)
            else:
                to_train.append(job)
    if jobs:
        print(f"{len(jobs) - len(to_train)} of {len(jobs)} experiments measured again; "
              f"{len(to_train)} have to be trained for it")
    return to_train


def _first_of_each_recipe(jobs) -> list[tuple]:
    return list({job[1]: job for job in reversed(jobs)}.values())


def _measured(job) -> dict:
    return measuring.measure(recorded(*job[:2], seed=job[2]),
                             every_attack=runs_every_attack(*job))


def _moved(before: dict, now: dict) -> dict[str, tuple]:
    """{metric: before and now} on the kept posteriors, where float16 does not explain it."""
    return {metric: (before[metric], now[metric]) for metric in before.keys() & now.keys()
            if not _alike(before[metric], now[metric], _slack(metric))}


def _slack(metric) -> float:
    slack = HALF_PRECISION.get(metric.split("_")[0], 0)
    return slack * OF_TREES if metric.endswith(BY_TREES) else slack


def _complete(job, entry, anew) -> bool:
    """Whether an experiment whose posteriors are not kept has all metrics of those like it."""
    wanted = {metric for (_, recipe, _), now in anew.items() if recipe == job[1] for metric in now}
    return not runs_every_attack(*job) or wanted <= entry["metrics"].keys()


def _bring_up_to_date(entry, moved, anew, whole) -> None:
    for measured in ("metrics", "metrics_of_kept"):
        new = {metric: value for metric, value in anew.items() if metric not in entry[measured]}
        entry[measured] |= {metric: now for metric, (_, now) in moved.items()} | new
        if new and not whole:
            entry["of_kept"] = sorted({*entry.get("of_kept", ()), *new})
    entry["measured_with"] = entries.code_of("tools.measuring")


def _alike(one, other, slack) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= slack + 1e-9


def adopt(jobs, in_parallel) -> None:
    """Take `jobs` for trained with today's code, where it gives the same on some like them.

    Only experiments with today's settings, seed and data. Of each kind (model, defense, how
    records are prepared, how shadows differ) the quickest is trained. Its arrays may be the same
    bit for bit; on another processor they are not, and its numbers must lie in a band.
    """
    kinds = {}
    for name in dict.fromkeys(job[0] for job in jobs):
        dataset = load(name)
        for job in (job for job in jobs if job[0] == name):
            entry, digests = entries.read(*job), entries.digests(*job, dataset)
            if entry and entry["settings"] == settings(*job) and (
                    entry.get("data") == digests["data"]):
                entry["trained_with"] = digests["trained_with"]
                kinds.setdefault(_kind(entry, dataset), {})[job] = entry
    quickest = {min(members, key=lambda job: (members[job]["sha256"] is None,
                                              _seconds(members[job]))): kind
                for kind, members in kinds.items()}  # of those whose posteriors are kept
    failed = set()
    for job, agrees, words in in_parallel(trial, list(quickest)):
        print(f"{names([job])}: {words}", flush=True)
        if not agrees:
            failed.add(quickest[job])
    for kind, members in kinds.items():
        if kind not in failed:
            for entry in members.values():
                entries.write_provenance(entry)


def _kind(entry, dataset) -> tuple:
    how = entry["settings"]
    return (how["target"]["model"], how["target"]["defense"], how["shadow"] == how["target"],
            how["shadows"] == 1, str(entries.described(dataset.prepare)))


def _seconds(entry) -> float:
    return entry["seconds_a_model"] * (1 + entry["settings"]["shadows"])


def trial(*job) -> tuple[tuple, bool, str]:
    """Train an experiment and compare it with its entry: the job, whether they agree, and how."""
    before, dataset = entries.read(*job), load(job[0])
    kept = records_kept(before["settings"]["size"], len(dataset.classes))
    answers = experiment(dataset, before["settings"], seed=job[2])
    if before["sha256"] and _same_arrays(answers.first(kept).arrays(), job):
        return job, True, "the same bit for bit"
    now = entries.provenance(job, answers, kept)
    apart = {f"{what} {name}": abs(now[what][name] - before[what][name])
             for what, named in (("target", ("train", "test")), ("shadow", ("train", "test")),
                                 ("metrics", ("macro_precision", "macro_recall", "auc_maximum")))
             for name in named}
    most = max(apart, key=apart.get)
    band = 0.04 + 0.5 / math.sqrt(before["settings"]["size"])
    agrees = apart[most] <= band
    return job, agrees, (f"not bit for bit; the largest difference is {apart[most]:.4f}, of "
                         f"{most}, {'within' if agrees else 'OUTSIDE'} the band of {band:.3f}")


def _same_arrays(arrays, job) -> bool:
    with np.load(entries.file_of(*job), allow_pickle=False) as stored:
        return set(stored) == set(arrays) and all(
            stored[name].dtype == array.dtype and np.array_equal(stored[name], array)
            for name, array in arrays.items())


def names(jobs) -> str:
    """Some experiments in words."""
    return ", ".join(" ".join(map(str, job)) for job in jobs)
