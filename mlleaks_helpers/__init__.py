"""Membership inference for Keras models, as the ML-Leaks book teaches it.

In the order in which a record travels:

    data/         Dataset, split, load             records and the paper's four parts
    models/       mlp, train, train_many,          the only folder that starts Keras; what leaves
                  dropout, stacking, …             it are posteriors
    observation   Observation, observe, pool,      what an adversary sees
                  observations
    attacks/      TopPosteriors, PerClass,         higher score = more likely a member; and masks,
                  Threshold, label_only, …         what an owner does to the answers
    metrics       evaluate, decisions, Report,     always with a 95 % interval
                  Interval, mean_interval
    recorded      recorded, measured               the paper's data as an adversary sees it
    played        reached, turns                   recorded models as targets, one after the other
    paper         NUMBERS, NAMES                   what the paper reports
    claimed       CLAIMS                           what ML-Leaks and later papers claim
    claims        check                            the paper's number beside ours
    plots         show, roc_curves, …              the book's figures
    files, validate, overlap, progress             written whole, checked, and on the way

What readers use is imported from the folder: `from mlleaks_helpers.data import load, split`.
Everything but `models` is NumPy and never starts TensorFlow.
"""
