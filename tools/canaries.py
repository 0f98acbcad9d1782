"""Models with canaries among their members, one recipe a defense: what they say of everybody.

    python -m tools.canaries [--recipe NAME] [--models N]
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.canaries import plant
from mlleaks_helpers.data import load
from mlleaks_helpers.files import replacing
from mlleaks_helpers.models import dropout, mlp, stacking, train_many
from mlleaks_helpers.models.early import best_epochs
from mlleaks_helpers.models.selena import selena

RECIPES = {"plain": mlp(), "dropout": dropout(mlp()), "early": mlp(), "selena": selena(mlp()),
           "stacking": stacking(mlp())}
HELD = 500
EPOCHS = 50


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=17)
    parser.add_argument("recipes", nargs="*")
    asked = parser.parse_args()
    dataset = load("shoppers-20")
    planted = plant(dataset, ordinary=2_000 + HELD, canaries=100)
    held = slice(len(planted.people) - HELD, None)
    people = planted.people
    room = Path("/tmp/again_room"); room.mkdir(exist_ok=True)
    core = np.arange(len(people)) < len(people) - HELD
    from dataclasses import replace
    planted = replace(planted, people=people.take(core), asked=planted.asked[core], canary=planted.canary[core], twin=planted.twin[core])
    for name in asked.recipes:
        twins = name.endswith("-twins")
        base = name.removesuffix("-twins")
        inc = planted.halves(asked.models, twins=twins)
        epochs = EPOCHS
        if base == "early":
            epochs = best_epochs(RECIPES["plain"], planted.people.take(inc[0]), people.take(held))
            print("epochs", epochs)
        t=time.time(); c=time.process_time()
        todo=[k for k in range(asked.models) if not (room/f"{name}-{k}.npy").exists()]
        for k in todo:
            with warnings.catch_warnings(action="ignore"):
                a = train_many(RECIPES[base], planted.people, inc[[k]], query=planted.people, epochs=epochs, seed=[(0, k)])[0]
            with replacing(room/f"{name}-{k}.npy") as part:
                np.save(part, a)
        if todo: print(name, len(todo), "wall", time.time()-t, "cpu", time.process_time()-c, flush=True)

main()
