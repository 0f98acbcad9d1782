"""SACRO-ML's LiRA, for `benchmarks.beside`: scikit-learn's network once more for each shadow."""

import logging
from tempfile import TemporaryDirectory

import numpy as np
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.target import Target

logging.getLogger("sacroml").setLevel(logging.WARNING)


def scores(case, models: int, threads: int) -> np.ndarray:
    """Its likelihood ratio of every record, with a variance of each record's own.

    Records have 32 bits, with which scikit-learn takes two thirds of the time. The folder is a new
    one each time, since shadow models that lie there already are taken as they are, whatever they
    learned.
    """
    x, y, inside = case.pool.x.astype(np.float32), case.pool.y, case.member
    target = Target(model=case.target, X_train=x[inside], y_train=y[inside],
                    X_test=x[~inside], y_test=y[~inside])
    with TemporaryDirectory() as folder:
        attack = LIRAAttack(output_dir=folder, write_report=False, n_shadow_models=models,
                            mode="online-carlini", report_individual=True)
        attack.attack(target)
    return np.array(attack.attack_metrics[0]["individual"]["member_prob"])
