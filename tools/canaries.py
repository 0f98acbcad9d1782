"""Models with canaries among their members, defended in several ways: what they say of everybody.

    python -m tools.canaries

Makes `mlleaks_helpers/canaries.npz`. What each model says is kept as soon as it is trained, so that
a run that was killed goes on where it was.
"""

import shutil

import numpy as np

from mlleaks_helpers.attacks import flipped, logit, right_answers, robustness
from mlleaks_helpers.canaries import FILE, PROVENANCE, Planted, halves, plant
from mlleaks_helpers.data import load
from mlleaks_helpers.files import load_arrays, replacing, sha256
from mlleaks_helpers.models import Trained, best_epochs, selena, train, train_numpy
from tools.entries import digest, put, versions
from tools.experiments import builder
from tools.plan import SIZES, settings
from tools.references import waiting_room

NAME, MODELS = "location", 17
CANARIES, HELD_OUT = 100, 500  # the ordinary records are two parts, as in the paper's experiments
COPIES, LOSE = 64, 0.3
DEFENDED = ("dropout", "stacking")  # those that have settings of their own
RECIPES = ("plain", "early", "dropout", "stacking", "selena", "plain-twins", "selena-twins",
           "labels")


def planted() -> Planted:
    """The records that all models are asked about."""
    return plant(load(NAME), ordinary=2 * SIZES[NAME], canaries=CANARIES)


def recipe_of(recipe: str) -> dict:
    """Keywords of `train`: the book's own for the set, and the defense."""
    base = recipe.partition("-")[0]
    how = settings(NAME, base if base in DEFENDED else "plain")["target"]
    build = builder(how, SIZES[NAME])
    return {"build": selena(build) if base == "selena" else build,
            "epochs": how["epochs"], "batch_size": how["batch_size"]}


def stop() -> int:
    """How many epochs the owner of model 0 would train: she holds out people whom nobody has."""
    more = plant(load(NAME), ordinary=2 * SIZES[NAME] + HELD_OUT, canaries=CANARIES).people
    held_out = more.take(slice(len(more) - HELD_OUT, None))
    mine = np.flatnonzero(halves(planted(), MODELS)[0])
    how = recipe_of("plain")
    return best_epochs(how["build"], more.take(mine), held_out, most=how["epochs"],
                       batch_size=how["batch_size"])


def one(recipe: str, k: int, **options) -> Trained:
    """Train model k of a recipe."""
    here = planted()
    base, _, more = recipe.partition("-")
    members = np.flatnonzero(halves(here, MODELS, twins=more == "twins")[k])
    learn = train if base in ("stacking", "selena") else train_numpy
    return learn(dataset=here.people.take(members), seed=k, **recipe_of(recipe) | options)


def told(recipe: str, k: int, model) -> dict[str, np.ndarray]:
    """What is kept of model k, or of any function from records to posteriors.

    logits    (n,) of what is asked; of labels alone, their log-odds over changed copies
    accuracy  on ordinary records that the model did not learn
    part      (n,) where a stack dealt its members, −1 for others; of stacks only
    """
    here = planted()
    included = halves(here, MODELS)[k]
    answers = model(here.people.x)
    right = (answers.argmax(axis=1) == here.asked)[here.ordinary]
    if recipe == "labels":
        copies = flipped(here.people.x, COPIES, lose=LOSE, gain=0)
        logits = robustness(right_answers(model, copies, here.asked))
    else:
        logits = logit(answers, here.asked)
    kept = {"logits": logits, "accuracy": right[~included[here.ordinary]].mean()}
    if recipe == "stacking":
        kept["part"] = np.full(len(included), -1, np.int8)
        kept["part"][included] = model.model.part_
    return kept


def main() -> None:
    data = digest(planted().people)
    shorter = {"early": {"epochs": stop()}}
    how = {base: settings(NAME, base)["target"] for base in ("plain", *DEFENDED)}
    room = waiting_room(FILE, {"data": data, "early": shorter, "settings": how,
                               "copies": (COPIES, LOSE)})
    room.mkdir(exist_ok=True)
    arrays, recipes = {"included": np.packbits(halves(planted(), MODELS), axis=1)}, {}
    for recipe in RECIPES:
        options = shorter.get(recipe, {})
        for k in range(MODELS):
            path = room / f"{recipe}-{k}.npz"
            if not path.exists():
                kept = told(recipe, k, one(recipe, k, **options))
                with replacing(path) as part:
                    np.savez(part, **kept)
        models = [load_arrays(room / f"{recipe}-{k}.npz") for k in range(MODELS)]
        arrays[recipe] = np.array([model["logits"] for model in models], np.float16)
        if "part" in models[0]:
            arrays["part"] = np.array([model["part"] for model in models])
        recipes[recipe] = {"epochs": (recipe_of(recipe) | options)["epochs"],
                           "accuracy": [round(float(model["accuracy"]), 4) for model in models]}
        print(recipe, np.mean(recipes[recipe]["accuracy"]), flush=True)
    with replacing(FILE) as part:
        np.savez_compressed(part, **arrays)
    put({"set": NAME, "canaries": CANARIES, "ordinary": 2 * SIZES[NAME], "models": MODELS,
         "copies": COPIES, "lose": LOSE, "settings": how["plain"], "recipes": recipes,
         "data": data, "command": "make canaries",
         "sha256": sha256(FILE.read_bytes()), "versions": versions()}, PROVENANCE)
    shutil.rmtree(room)


if __name__ == "__main__":
    main()
