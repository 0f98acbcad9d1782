"""Everything that needs Keras and TensorFlow: what leaves this folder are posteriors."""

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.models.builders import (
    Builder,
    Classical,
    classical,
    cnn,
    mlp,
    softmax_regression,
)
from mlleaks_helpers.models.defenses import (
    Mixtures,
    Mixup,
    Stack,
    dropout,
    l2,
    label_smoothing,
    mixup,
    stacking,
)
from mlleaks_helpers.models.early import best_epochs
from mlleaks_helpers.models.kept import train_numpy
from mlleaks_helpers.models.losses import SmoothedCrossEntropy
from mlleaks_helpers.models.many import train_many
from mlleaks_helpers.models.selena import selena
from mlleaks_helpers.models.training import Trained, train
from mlleaks_helpers.models.worlds import World, worlds

__all__ = ["Builder", "Classical", "Mixtures", "Mixup", "SmoothedCrossEntropy", "Stack", "Trained",
           "World", "best_epochs", "classical", "cnn", "dropout", "keras", "l2", "label_smoothing",
           "mixup", "mlp", "selena", "softmax_regression", "stacking", "train", "train_many",
           "train_numpy", "worlds"]
