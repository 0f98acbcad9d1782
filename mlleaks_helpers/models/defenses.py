"""Defenses that are trained: a Builder becomes another Builder, so that a defended model is
trained, queried and attacked with the same lines as any other. The paper's two (Section VI)
come first, then rivals."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlleaks_helpers.models.answers import as_posteriors, batch_size, in_batches
from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.builders import Builder, Classical, classical, needs_posteriors
from mlleaks_helpers.models.losses import SmoothedCrossEntropy
from mlleaks_helpers.validate import not_negative, positive, share


def dropout(build: Builder, *, inputs: float = 0.5, hidden: float = 0.5,
            pixels: bool = False) -> Builder:
    """Drop a share of the inputs, and of the units before the softmax, at random in training.

    The paper's first defense, at both places with ratio 0.5 (Section VI-A). The inputs are those
    of the fully connected layers: the record, or what convolutions hand on of it. With `pixels` it
    is the record also before convolutions. The paper's words allow both; only the first comes near
    its training accuracies on CIFAR.

    Works on a Builder of `keras.Sequential` models; a model that is asked, not trained, drops
    nothing. Where only the softmax comes after the inputs, they are dropped once, by `inputs`.
    Raises ValueError for a ratio outside [0, 1), and for a model that is not sequential.
    """
    share(inputs=inputs, hidden=hidden)

    def build_with_dropout(input_shape, classes):
        plain = build(input_shape, classes)
        if not isinstance(plain, keras.Sequential):
            raise ValueError("dropout needs a Builder of keras.Sequential models, got "
                             f"{type(plain).__name__}: put Dropout layers into your model")
        if not plain.built:
            plain.build((None, *input_shape))
        *below, last = plain.layers
        start = 0 if pixels else _fully_connected(below)
        drop = keras.layers.Dropout
        layers = [keras.Input(input_shape), *below[:start], drop(inputs), *below[start:]]
        if any(layer.weights for layer in below[start:]):
            layers.append(drop(hidden))
        model = keras.Sequential([*layers, last])
        model.compile(plain.optimizer, plain.loss, metrics=["accuracy"])
        return model

    return build_with_dropout


def _fully_connected(layers) -> int:
    """Where the fully connected layers of a network start; 0 if no layer with weights is below."""
    start = next((number for number, layer in enumerate(layers)
                  if isinstance(layer, keras.layers.Dense)), len(layers))
    return start if any(layer.weights for layer in layers[:start]) else 0


def stacking(build: Builder, *, forest=None, top=None) -> Builder:
    """Model stacking: three models, each trained on a third of the records that no other sees.

    The paper's second defense (Section VI-B, Fig. 18). A network and a random forest look at the
    record; a logistic regression looks at their two posteriors and answers.

    forest, top   other scikit-learn classifiers for the second and third place

    Raises ValueError for classifiers without `predict_proba`.
    """
    forest = RandomForestClassifier() if forest is None else forest
    top = LogisticRegression(max_iter=1_000) if top is None else top
    needs_posteriors(forest=forest, top=top)

    def build_stack(input_shape, classes):
        return Stack(build(input_shape, classes), classical(forest)(input_shape, classes),
                     classical(top)((2 * classes,), classes))

    return build_stack


class Stack:
    """Network and forest below, logistic regression on top of their posteriors.

    part_   (n,) after `fit`: which model each training record went to, 0 the network, 1 the
            forest, 2 the logistic regression
    """

    def __init__(self, network: keras.Model, forest: Classical, top: Classical):
        self.network, self.forest, self.top = network, forest, top

    def fit(self, x, y, **options):
        """Deal the records into three parts at random, and train each model on its own.

        Raises ValueError for fewer than three records, and where one of the scikit-learn
        classifiers cannot learn from its part, such as from one class only.
        """
        if len(x) < 3:
            raise ValueError("stacking deals the records to three models, and needs at least one "
                             f"for each, got {len(x)}")
        self.part_ = np.random.permutation(np.arange(len(x)) % 3)  # noqa: NPY002 (train's seed)
        mine = [self.part_ == place for place in range(3)]
        fitted = self.network.fit(x[mine[0]], y[mine[0]], **options)
        _learn(self.forest, x[mine[1]], y[mine[1]])
        _learn(self.top, self._below(x[mine[2]]), y[mine[2]])
        return fitted

    def __call__(self, x, training=False) -> np.ndarray:
        return self.top(self._below(x))

    def _below(self, x):
        def network(batch):
            return as_posteriors(self.network(batch, training=False), len(batch))

        size = batch_size(self.network, x.shape[1:])
        return np.hstack([in_batches(network, x, size), self.forest(x)])


def _learn(model, x, y):
    try:
        model.fit(x, y)
    except ValueError as error:
        raise ValueError(f"stacking dealt {len(y)} records of {len(np.unique(y))} classes to its "
                         f"{model.estimator.__class__.__name__}, which learns nothing from them: "
                         f"{error}") from error


# ---------------------------------------------------------------- rivals

KERNELS = {"kernel_regularizer", "depthwise_regularizer", "pointwise_regularizer"}

def l2(build: Builder, strength: float) -> Builder:
    """Put a penalty on the squared weights of every Dense and convolutional layer.

    Among the mitigations of Shokri et al. (2017, Section VIII). The penalty takes the place of
    the layer's own, and weights are drawn anew. Raises ValueError for a negative strength, and
    for what is not a Keras model.
    """
    not_negative(strength=strength)

    def with_penalty(layer):
        config = layer.get_config()
        for name in KERNELS & config.keys():
            config[name] = keras.regularizers.L2(strength)
        return type(layer).from_config(config)

    def build_with_penalty(input_shape, classes):
        plain = _network(build, input_shape, classes, "l2")
        model = keras.models.clone_model(plain, clone_function=with_penalty, recursive=True)
        model.compile(plain.optimizer, plain.loss, metrics=["accuracy"])
        return model

    return build_with_penalty


def label_smoothing(build: Builder, amount: float = 0.1) -> Builder:
    """Train towards 1 - amount for the true class, the amount being shared by all classes.

    From Szegedy et al. (2016), meant for accuracy; Kaya et al. (2020) test it as a defense. The
    cross-entropy with these targets takes the place of the model's loss. Raises ValueError for an
    amount outside [0, 1), and for what is not a Keras model.
    """
    share(amount=amount)

    def build_with_soft_labels(input_shape, classes):
        model = _network(build, input_shape, classes, "label_smoothing")
        model.compile(model.optimizer, SmoothedCrossEntropy(amount), metrics=["accuracy"])
        return model

    return build_with_soft_labels


def mixup(build: Builder, alpha: float = 1.0) -> Builder:
    """Train on mixtures of two records, and of their labels, by shares that are drawn anew.

    From Zhang et al. (2018), meant for accuracy: hardly a record is shown as it is. The share is
    Beta(alpha, alpha): with 1 every share is equally likely, near 0 a mixture is nearly one of
    the two. The cross-entropy with mixed labels takes the place of the model's loss. Raises
    ValueError unless alpha is positive, and for what is not a Keras model.
    """
    positive(alpha=alpha)

    def build_for_mixtures(input_shape, classes):
        model = _network(build, input_shape, classes, "mixup")
        model.compile(model.optimizer, "categorical_crossentropy", metrics=["accuracy"])
        return Mixup(model, classes, alpha)

    return build_for_mixtures


class Mixup:
    """A Keras model that is trained on mixtures, and answers for records as any other."""

    def __init__(self, network: keras.Model, classes: int, alpha: float):
        self.network, self.classes, self.alpha = network, classes, alpha

    def fit(self, x, y, *, batch_size=32, **options):
        """As Keras's, of records and labels; the mixtures of an epoch are drawn as it begins."""
        mixtures = Mixtures(x, np.eye(self.classes, dtype=np.float32)[y], self.alpha, batch_size)
        return self.network.fit(mixtures, shuffle=False, **options)

    def __call__(self, x, training=False):
        return self.network(x, training=training)


class Mixtures(keras.utils.PyDataset):
    """An epoch's batches: each record once, mixed with another that is drawn at random."""

    def __init__(self, x, y, alpha, batch_size):
        super().__init__()
        self.x, self.y, self.alpha, self.batch_size = x, y, alpha, batch_size
        self.rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002 (train's seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        n = len(self.x)
        self.pairs = np.stack([self.rng.permutation(n), self.rng.permutation(n)])
        self.shares = self.rng.beta(self.alpha, self.alpha, n).astype(np.float32)

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, number):
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return self._mix(self.x, rows), self._mix(self.y, rows)

    def _mix(self, values, rows):
        one, other = values[self.pairs[:, rows]]
        share = self.shares[rows].reshape(-1, *[1] * (values.ndim - 1))
        return share * one + (1 - share) * other


def _network(build, input_shape, classes, who):
    model = build(input_shape, classes)
    if not isinstance(model, keras.Model):
        raise ValueError(f"{who} needs a Builder of Keras models, got {type(model).__name__}")
    return model
