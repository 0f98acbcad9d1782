"""What the answers of a cached model depend on, as one digest; what it cannot see is refused."""

import json
import pickle
import re
import warnings
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn

from mlleaks_helpers.data import dataset as records
from mlleaks_helpers.data import prepare
from mlleaks_helpers.models.backend import keras, tensorflow
from mlleaks_helpers.models.builders import Classical
from mlleaks_helpers.models.defenses import Mixup, Stack
from mlleaks_helpers.observation import check_posteriors

SEEN = {"keras", "mlleaks_helpers", "sklearn", "numpy", "scipy", "builtins", "copyreg",
        "functools", "collections", "_codecs", "operator"}
METRICS = {"metrics", "weighted_metrics"}  # they are told while training, and change nothing


def common_key(model, dataset, query: np.ndarray, epochs: int, batch_size: int,
               initial: list) -> str:
    """A digest of all that changes what models answer, but for their own rows and seed.

    model    one that the builder gave
    initial  its weights, where the builder sets them

    Raises ValueError where code that it cannot see would have a say: functions and classes of
    the reader's own in the model or in `prepare`.
    """
    _check_seen(dataset.prepare, "prepare")
    return joblib.hash((
        _code(), [one.__version__ for one in (keras, tensorflow, np, scipy, sklearn)],
        _described(model), keras.config.floatx(), initial, dataset.x, dataset.y,
        len(dataset.classes), dataset.prepare, query, epochs, batch_size,
    ))


def model_key(common: str, included: np.ndarray, seed: int) -> str:
    return joblib.hash((common, included, seed))


def _code():
    """The source of everything that trains and asks: this folder, and what prepares records."""
    files = [*Path(__file__).parent.glob("*.py"), Path(records.__file__), Path(prepare.__file__),
             Path(check_posteriors.__code__.co_filename)]
    return [file.read_bytes() for file in sorted(files)]


def _described(model):
    """Architecture and compilation, without the numbers that Keras counts up in names."""
    if type(model) is Classical:
        _check_seen(model.estimator, "the classifier")
        return ["classical", model.classes, model.estimator]
    if type(model) is Stack:
        return ["stack", *map(_described, (model.network, model.forest, model.top))]
    if type(model) is Mixup:
        return ["mixup", model.alpha, model.classes, _described(model.network)]
    if not isinstance(model, keras.Model):
        raise _unseen("build", type(model).__name__)
    with warnings.catch_warnings(action="ignore"):  # of lambdas, which are refused below
        config = json.loads(model.to_json())
    compiled = config.get("compile_config") or {}
    config["compile_config"] = {k: v for k, v in compiled.items() if k not in METRICS}
    _check_config(config)
    return re.sub(r'("name": "\w+?)(_\d+)?"', r'\1"', json.dumps(config))


def _check_config(config):
    """Keras writes of a function no more than its name, and of a class of one's own no code."""
    if isinstance(config, list):
        for one in config:
            _check_config(one)
    elif isinstance(config, dict):
        name = config.get("class_name", "")
        inside = name.startswith("__") and name != "__lambda__"  # Keras's own way with tensors
        own = name and not inside and (config.get("module") or "").split(".")[0] not in SEEN
        if own or name == "function" or _is_lambda(config):
            said = config.get("config") if name == "function" else name
            raise _unseen("build", said or "a lambda")
        for one in config.values():
            _check_config(one)


def _is_lambda(config):
    return config.keys() == {"value"} and isinstance(config["value"], list)


def _check_seen(thing, who):
    class Walk(pickle.Pickler):
        def persistent_id(self, part):
            module = getattr(part, "__module__", None) or "builtins"
            is_code = isinstance(part, type) or (callable(part) and hasattr(part, "__qualname__"))
            if is_code and (module.split(".")[0] not in SEEN or "<lambda>" in part.__qualname__):
                raise _unseen(who, part.__qualname__)

    try:
        Walk(BytesIO()).dump(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _unseen(who, error) from error


def _unseen(who, what):
    return ValueError(f"cache must be None where {who} uses code that the cache's key cannot see: "
                      f"{what}")
