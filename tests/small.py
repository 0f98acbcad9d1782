"""Commands of `tools` on a Location of eight bits, in one process."""

import sys

import numpy as np

from tools import plan


def small_location(folder, monkeypatch):
    """In place of Location: eight bits, 60 records a part."""
    rng = np.random.default_rng(0)
    (folder / "data").mkdir()
    np.savez(folder / "data/location.npz", x=rng.integers(2, size=(250, 8), dtype=np.uint8),
             y=rng.integers(3, size=250), classes=["a", "b", "c"])
    monkeypatch.setenv("MLLEAKS_DATA", str(folder / "data"))
    monkeypatch.setitem(plan.SIZES, "location", 60)


def run_here(module, monkeypatch, *arguments):
    """Run a module's `main` on it, one job after the other: the jobs that were done."""
    made = []

    def in_parallel(jobs):
        return lambda function, todo: [made.append(job) or function(*job) for job in todo]

    monkeypatch.setattr(module, "in_parallel", in_parallel)
    monkeypatch.setattr(sys, "argv", [module.__name__, "--set", "location", *arguments])
    module.main()
    return made
