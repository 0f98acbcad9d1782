"""A model is taken as new only if nothing in it has been in a model before.

Else training one would change the other, and a shadow would know the target's members.
"""

import weakref

import numpy as np
from sklearn.base import BaseEstimator

from mlleaks_helpers.models.answers import as_posteriors, layers_of
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.builders import Builder

_seen = weakref.WeakValueDictionary()  # by id: everything of models that were given out,
_changed = weakref.WeakValueDictionary()  # and what of it their training changes


def fresh(build: Builder, shape: tuple[int, ...], classes: int):
    """The model that `build` makes for records of a shape, if it is new and answers as it should.

    Weights may be loaded in the builder, so that models start alike. A layer made outside may
    serve several models only if it is frozen (`trainable = False`) in all. Raises ValueError for
    a builder that is no function, gives no compiled model or one that answers with other than
    `classes` posteriors, and for a model with parts of one that was given out before.
    """
    if isinstance(build, keras.Model | BaseEstimator) or not callable(build):
        raise ValueError("build must be a function from the shape of a record and the number of "
                         f"classes to a new model, got {type(build).__name__}")
    model = build(shape, classes)
    if not (callable(model) and hasattr(model, "fit")):
        raise ValueError("build must give a Keras model, or one with fit and __call__ as it has, "
                         f"got {type(model).__name__}")
    changed, kept = _parts(model)
    for part, known in [(part, _seen) for part in changed] + [(part, _changed) for part in kept]:
        if known.get(id(part)) is part:
            raise ValueError("build must make model, layers and optimizer anew on each call, got "
                             f"{_name(part)} that was in a model before")
    _seen.update((id(part), part) for part in [*changed, *kept])
    _changed.update((id(part), part) for part in changed)
    _check_answer(model, shape, classes)
    return model


def _parts(model):
    """What training changes of a model, and what it leaves alone: two lists of objects."""
    if not isinstance(model, keras.Model):
        within = () if isinstance(model, BaseEstimator) else getattr(model, "__dict__", {}).values()
        inner = [_parts(part) for part in within if hasattr(part, "fit") and part is not model]
        return [model, *(p for parts, _ in inner for p in parts)], [
            p for _, parts in inner for p in parts]
    changed, kept = [model, *model.trainable_variables], []
    if model.compiled:
        changed.append(model.optimizer)
    for layer in layers_of(model):
        (changed if layer.trainable else kept).extend(layer.variables)
    return changed, kept


def _name(part):
    return getattr(part, "path", None) or type(part).__name__


def _check_answer(model, shape, classes):
    network = getattr(model, "network", model)
    if not isinstance(network, keras.Model):
        return
    if not network.compiled:
        raise ValueError(f"build must give a compiled model, got a {type(network).__name__} "
                         "without optimizer and loss")
    record = np.random.default_rng(0).random((1, *shape), np.float32)
    answer = network(record, training=False)
    got = getattr(answer, "shape", None)
    if got is not None and tuple(got) != (1, classes):
        raise ValueError(f"build must give models that answer with {classes} posteriors, one a "
                         f"class, got shape {tuple(got)} for one record")
    as_posteriors(answer, 1)
