"""What `network` needs to know of a Keras model, and why it could not train one like it."""

from functools import partial

import numpy as np

from mlleaks_helpers.data import fit_prepare
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.defenses import Mixup
from mlleaks_helpers.models.fresh import fresh
from mlleaks_helpers.models.losses import SmoothedCrossEntropy
from mlleaks_helpers.models.network import Activation, Dense, Dropout, Flatten, Recipe
from mlleaks_helpers.models.optimizers import Adam, Momentum

L = keras.layers
ELEMENTWISE = (L.Activation, L.ReLU, L.LeakyReLU)
PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
SETTINGS = {"name", "learning_rate", "beta_1", "beta_2", "epsilon", "momentum"}
SPARSE = "sparse_categorical_crossentropy"
TRY = 1_000  # records that are prepared to see the shape of what models take


class Recipes:
    """How to train what the builder makes, for each shape of prepared records.

    model    what it makes for the shape of the first records
    reason   why `train` must train such models, or None
    initial  its weights, if the builder sets them
    """

    def __init__(self, build, dataset, included, epochs, batch_size):
        self.build, self.classes = build, len(dataset.classes)
        self.steps = epochs * -(-int(included.sum(axis=1).max()) // batch_size)
        shape = fit_prepare(dataset.prepare, dataset.x[:TRY])[1].shape[1:]
        keras.utils.set_random_seed(0)
        self.model = fresh(build, shape, self.classes)
        self.reason, self.of, self.initial = obstacle(self.model), {}, []
        if self.reason:
            within = vars(self.model).values() if not isinstance(self.model, keras.Model) else ()
            self.initial = [one.get_weights() for one in (self.model, *within)
                            if isinstance(one, keras.Model)]
        else:
            self.add(shape)

    def add(self, shape):
        """Learn how to train models for records of another shape; give what stands in the way."""
        model = fresh(self.build, shape, self.classes)
        reason = obstacle(model)
        if not reason:
            self.of[shape] = recipe(model, self.steps)
        return reason


def recipe(model, steps: int) -> Recipe:
    """How to train networks like a model that has no `obstacle`, for at most so many steps."""
    alpha = None
    if type(model) is Mixup:
        model, alpha = model.network, model.alpha
    parts = [part for layer in model.layers for part in _parts(layer)]
    config, keras_rate = model.optimizer.get_config(), model.optimizer._learning_rate
    if isinstance(keras_rate, keras.optimizers.schedules.LearningRateSchedule):
        rates = [float(keras_rate(step)) for step in range(steps)]
    else:
        rates = [float(config["learning_rate"])]
    if isinstance(model.optimizer, keras.optimizers.Adam):
        optimizer = Adam(rates, config["beta_1"], config["beta_2"], config["epsilon"])
    else:
        optimizer = Momentum(rates, config["momentum"])
    smoothing = getattr(model.loss, "amount", 0.0)
    return Recipe(tuple(parts[:-1]), optimizer, smoothing, alpha, model.layers[-1].compute_dtype)


def _parts(layer):
    if isinstance(layer, L.Flatten):
        yield Flatten()
    elif isinstance(layer, L.Dropout):
        if layer.rate:
            yield Dropout(layer.rate)
    elif isinstance(layer, L.Dense):
        names = ("kernel", "bias")[: 1 + layer.use_bias]
        penalties = [getattr(layer, f"{name}_regularizer") for name in names]
        yield Dense([(getattr(layer, f"{name}_initializer"), tuple(getattr(layer, name).shape))
                     for name in names],
                    [(float(getattr(one, "l1", 0)), float(getattr(one, "l2", 0)))
                     for one in penalties])
    function = _function(layer)
    if function is not None and function is not keras.activations.linear:
        yield Activation(function)


def _function(layer):
    """The activation of a layer or after it, or None."""
    if isinstance(layer, L.LeakyReLU):
        return partial(keras.activations.leaky_relu, negative_slope=float(layer.negative_slope))
    if isinstance(layer, L.ReLU):
        config = layer.get_config()
        names = "max_value", "negative_slope", "threshold"
        return partial(keras.activations.relu, **{name: config[name] for name in names})
    return getattr(layer, "activation", None)


# ---------------------------------------------------------------- obstacles


def obstacle(model) -> str | None:
    """Why models like this one must be trained by Keras, or None."""
    loss = SPARSE
    if type(model) is Mixup:
        model, loss = model.network, "categorical_crossentropy"
    if type(model) is not keras.Sequential:
        return f"the builder gives a {type(model).__name__}, not a Sequential model"
    for layer in model.layers:
        if problem := _layer_problem(layer):
            return f"layer {layer.name} ({type(layer).__name__}) {problem}"
    if len({(layer.compute_dtype, layer.variable_dtype) for layer in model.layers}) > 1:
        return "layers differ in their type"
    if not any(isinstance(layer, L.Dense) for layer in model.layers):
        return "no layer has weights"
    if _function(model.layers[-1]) is not keras.activations.softmax:
        return "the model does not end in a softmax"
    return _weights_problem(model) or _loss_problem(model, loss) or _optimizer_problem(model)


def _layer_problem(layer):
    kind = type(layer)
    if kind not in (L.Dense, L.Flatten, L.Dropout, *ELEMENTWISE):
        return "is left to Keras"
    types = {layer.compute_dtype, layer.variable_dtype}
    if layer.activity_regularizer or types not in ({"float32"}, {"float64"}):
        return "has an activity regularizer or another type than float32 or float64"
    activation = getattr(layer, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", type(activation).__name__)
    if getattr(keras.activations, name, None) is not activation:
        return f"has an activation of its own, {name}"
    if kind is L.Dropout and layer.noise_shape is not None:
        return "has a noise_shape"
    if kind is L.Dense:
        if len(layer.input.shape) != 2:
            return "has an input that is not flat"
        if layer.kernel_constraint or layer.bias_constraint or not layer.trainable:
            return "has constrained or frozen weights"
        if layer.lora_rank or layer.quantization_mode:
            return "has weights beside its kernel and bias"
        for regularizer in (layer.kernel_regularizer, layer.bias_regularizer):
            if regularizer is not None and type(regularizer) not in PENALTIES:
                return f"has the penalty {type(regularizer).__name__}"
    return None


def _weights_problem(model):
    for layer in model.layers:
        for name in ("kernel", "bias")[: 1 + layer.use_bias] if isinstance(layer, L.Dense) else ():
            variable, initializer = getattr(layer, name), getattr(layer, f"{name}_initializer")
            if not type(initializer).__module__.startswith("keras."):
                return "the builder has an initializer of its own"
            if not np.array_equal(variable, initializer(variable.shape, variable.dtype)):
                return "the builder sets weights itself"
    return None


def _loss_problem(model, name):
    config = model.get_compile_config() or {}
    if config.get("loss_weights") is not None:
        return "the loss is weighted"
    loss, known = model.loss, keras.losses.SparseCategoricalCrossentropy
    if name == SPARSE:
        if type(loss) is SmoothedCrossEntropy:
            plain = SmoothedCrossEntropy(loss.amount)
            right = _settings(loss) == _settings(plain)
        elif isinstance(loss, known):
            right = type(loss) is known and _settings(loss) == _settings(known())
        else:
            right = loss in (name, keras.losses.sparse_categorical_crossentropy)
    else:
        right = loss == name
    said = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return None if right else f"the loss {said} is not {name} on posteriors"


def _settings(loss):
    return {key: value for key, value in loss.get_config().items() if key != "name"}


def _optimizer_problem(model):
    optimizer = model.optimizer
    plain = type(optimizer)().get_config()
    changed = {k for k, v in optimizer.get_config().items() if v != plain.get(k)} - SETTINGS
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.SGD) or changed:
        return " ".join(["the optimizer is not a plain Adam or SGD:", type(optimizer).__name__,
                         *sorted(changed)])
    return None
