"""ART's attack model on shadow models, for `benchmarks.beside`.

ART has no attack that compares a record with itself. Its documented way to a score for each record
is that of Shokri et al. (2017): shadow models on records of the adversary's own, and a classifier
that learns from their posteriors and labels what a member looks like. Boosted trees are better at
that here than its random forest, and as good as its network, which takes three times as long.
"""

from copy import deepcopy

import numpy as np
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox, ShadowModels
from art.estimators.classification import SklearnClassifier


def scores(case, models: int, threads: int) -> np.ndarray:
    """The attack model's chance that each record of the pool was a member."""
    classes, own = np.eye(len(case.pool.classes), dtype=np.float32), case.elsewhere
    np.random.seed(case.seed)  # noqa: NPY002  its trees draw from there
    template = deepcopy(case.target).set_params(random_state=case.seed)
    shadows = ShadowModels(SklearnClassifier(template), models, random_state=case.seed)
    members, others = shadows.generate_shadow_dataset(
        own.x.astype(np.float32), classes[own.y], member_ratio=0.5)
    attack = MembershipInferenceBlackBox(SklearnClassifier(case.target), attack_model_type="gb")
    attack.fit(*members[:2], *others[:2], members[2], others[2])
    return attack.infer(case.pool.x.astype(np.float32), classes[case.pool.y],
                        probabilities=True).ravel()
