"""Membership inference for Keras models, as the ML-Leaks book teaches it.

One noun a file, in the order in which a record travels:

    data         Dataset, load, split               records and the paper's four parts
    shoppers     baskets, labels                    simulated purchases
    models       mlp, cnn, softmax_regression       builders of fresh Keras models
    defenses     dropout, stacking, memguard, …     builders, or posteriors, that leak less
    training     train, observe                     one loop for targets and shadows
    many         train_many                         many small models in one compiled step
    observation  Observation, pool                  what an adversary sees
    recorded     recorded, measured                 the paper's data as an adversary sees it
    results      (a command: make results)          how that was recorded
    attacks      TopPosteriors, PerClass, Threshold higher score = more likely a member
    metrics      evaluate, Report, Interval         always with a 95 % interval
    paper        NUMBERS, NAMES                     what the paper reports
    claims       check                              the paper's number beside ours
    plots        show, roc_curves, …                the book's figures
    backend      keras                              imported once, and quietly

Only `models`, `defenses`, `training`, `many` and `results` need TensorFlow; everything after an
`Observation` is NumPy.
"""
