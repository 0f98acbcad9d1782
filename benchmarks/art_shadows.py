"""The same shadow models through ART, for comparison: `pip install adversarial-robustness-toolbox`.

ART splits the records itself, so its models train on other halves than ours.
"""

import numpy as np
from art.attacks.inference.membership_inference import ShadowModels
from art.estimators.classification import TensorFlowV2Classifier


def art_shadows(name, dataset, models, n_jobs):
    """Posteriors (models, records, classes) of ART's shadow models on all records."""
    import tensorflow as tf

    from benchmarks.many import BATCH, EPOCHS, builder

    classes, x = len(dataset.classes), dataset.x.astype(np.float32)
    template = builder(name)(x.shape[1:], classes)

    class Template(TensorFlowV2Classifier):
        """Starts each shadow anew and trains it with Keras, for the book's number of epochs."""

        def clone_for_refitting(self):
            return wrap(builder(name)(x.shape[1:], classes))

        def fit(self, x, y, **_):
            self.model.fit(x, y.argmax(axis=1), batch_size=BATCH, epochs=EPOCHS, verbose=0)

    def wrap(model):
        return Template(model=model, nb_classes=classes, input_shape=x.shape[1:],
                        loss_object=tf.keras.losses.CategoricalCrossentropy())

    shadows = ShadowModels(wrap(template), num_shadow_models=models)
    shadows.generate_shadow_dataset(x, np.eye(classes)[dataset.y], member_ratio=0.5)
    return np.stack([one.predict(x) for one in shadows.get_shadow_models()])
