"""Models with canaries among their members, defended in several ways: what they say of everybody.

    python -m tools.canaries

Makes `mlleaks_helpers/canaries.npz`. Each model's answers are kept as soon as it is trained, so
that a run that was killed goes on where it was.
"""

import shutil
import warnings

import numpy as np

from mlleaks_helpers.attacks.statistics import logit
from mlleaks_helpers.canaries import FILE, PROVENANCE, halves, plant
from mlleaks_helpers.data import load
from mlleaks_helpers.files import replacing, sha256
from mlleaks_helpers.models import best_epochs, dropout, mlp, selena, stacking, train_many
from tools.entries import digest, put, versions
from tools.references import waiting_room

NAME, ORDINARY, CANARIES, HELD_OUT = "shoppers-20", 2_000, 100, 500
MODELS, EPOCHS = 17, 50
BUILDERS = {"plain": mlp(), "early": mlp(), "dropout": dropout(mlp()), "stacking": stacking(mlp()),
            "selena": selena(mlp())}
RECIPES = (*BUILDERS, "plain-twins", "selena-twins")


def planted():
    """The records that all models are asked about."""
    return plant(load(NAME), ordinary=ORDINARY, canaries=CANARIES)


def stop() -> int:
    """How many epochs the owner of model 0 would train: she holds out people whom nobody has."""
    more = plant(load(NAME), ordinary=ORDINARY + HELD_OUT, canaries=CANARIES).people
    held_out = more.take(slice(len(more) - HELD_OUT, None))
    mine = halves(planted(), MODELS)[0]
    return best_epochs(BUILDERS["plain"], more.take(np.flatnonzero(mine)), held_out, most=EPOCHS)


def one(recipe: str, k: int, epochs: int = EPOCHS) -> np.ndarray:
    """Train model k of a recipe: its posteriors for everybody, (n, classes)."""
    here = planted()
    base, _, twins = recipe.partition("-")
    included = halves(here, MODELS, twins=bool(twins))[[k]]
    with warnings.catch_warnings(action="ignore"):  # stacks and SELENA are trained one by one
        return train_many(BUILDERS[base], here.people, included, query=here.people, epochs=epochs,
                          seed=[(0, k)])[0]


def told(answers: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """What is kept of a model's answers: logits of what is asked, (n,), and its accuracy."""
    here = planted()
    right = (answers.argmax(axis=1) == here.asked)[here.ordinary]
    return logit(answers, here.asked), right[~halves(here, MODELS)[k, here.ordinary]].mean()


def main() -> None:
    epochs = dict.fromkeys(RECIPES, EPOCHS) | {"early": stop()}
    room = waiting_room(FILE, {"data": digest(planted().people), "epochs": epochs})
    room.mkdir(exist_ok=True)
    arrays, entries = {"included": np.packbits(halves(planted(), MODELS), axis=1)}, {}
    for recipe in RECIPES:
        kept = []
        for k in range(MODELS):
            path = room / f"{recipe}-{k}.npy"
            if not path.exists():
                answers = one(recipe, k, epochs[recipe])
                with replacing(path) as part:
                    np.save(part, answers)
            kept.append(told(np.load(path), k))
        arrays[recipe] = np.array([logits for logits, _ in kept], np.float16)
        entries[recipe] = {"epochs": epochs[recipe],
                           "accuracy": [round(float(accuracy), 4) for _, accuracy in kept]}
        print(recipe, np.mean(entries[recipe]["accuracy"]), flush=True)
    with replacing(FILE) as part:
        np.savez_compressed(part, **arrays)
    put({"set": NAME, "canaries": CANARIES, "ordinary": ORDINARY, "models": MODELS,
         "recipes": entries, "data": digest(planted().people), "command": "make canaries",
         "sha256": sha256(FILE.read_bytes()), "versions": versions()}, PROVENANCE)
    shutil.rmtree(room)


if __name__ == "__main__":
    main()
