"""Membership inference for Keras models, as the ML-Leaks book teaches it.

One noun a file, in the order in which a record travels:

    data         Dataset, load, split            records and the paper's four parts
    models       mlp, cnn, softmax_regression    builders of fresh Keras models
    training     train, observe                  one loop for targets and shadows
    many         train_many                      many small models in one compiled step
    observation  Observation                     what an adversary sees
    attacks      TopPosteriors, PerClass         higher score = more likely a member
    metrics      evaluate, Report, Interval      always with a 95 % interval
    claims       check                           the paper's number beside ours
    plots        the book's figures

Only `models`, `training` and `many` need TensorFlow; everything after an `Observation` is NumPy.
"""
