"""A loss with a number of its own, kept where a saved model and a digest of it find it."""

from mlleaks_helpers.models.backend import keras
from mlleaks_helpers.validate import share


@keras.saving.register_keras_serializable("mlleaks_helpers")
class SmoothedCrossEntropy(keras.losses.Loss):
    """The cross-entropy towards 1 - amount for the true class, the amount shared by all classes.

    Takes integer labels (…, n) or (…, n, 1) and posteriors (…, n, classes); `call` gives one loss a
    record, (…, n), for any leading axes, such as one for each model of a stack. Targets after
    Szegedy et al. (2016, Section 7). Raises ValueError for an amount outside [0, 1).
    """

    def __init__(self, amount: float = 0.1, name: str = "smoothed_cross_entropy", **options):
        share(amount=amount)
        super().__init__(name=name, **options)
        self.amount = float(amount)

    def call(self, y_true, y_pred):
        if len(y_true.shape) == len(y_pred.shape):
            y_true = keras.ops.squeeze(y_true, -1)
        one_hot = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(
            keras.ops.cast(one_hot, y_pred.dtype), y_pred, label_smoothing=self.amount)

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}
