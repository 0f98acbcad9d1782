"""What models answered, as the arrays of a file, and back.

Log-posteriors in float16: next to 1 a float16 posterior moves in steps of 0.0005 and would tie
all confident answers; next to 0, where the logarithm puts them, float16 is finest.
"""

import numpy as np

from mlleaks_helpers.observation import Observation


def to_arrays(target: Observation, shadows, random, part, references) -> dict[str, np.ndarray]:
    """The arrays of one experiment: log-posteriors in float16, labels and membership.

    shadows     Observations of equal size
    random      posteriors (records, classes), or None
    part        (members,) whole numbers, or None
    references  (shadows, records of the target) logits, or None
    """
    arrays = {
        "target": _log16(target.posteriors),
        "labels": _small(target.labels),
        "member": target.member,
        "shadows": np.stack([_log16(shadow.posteriors) for shadow in shadows]),
        "shadow_labels": _small(np.stack([shadow.labels for shadow in shadows])),
        "shadow_member": np.stack([shadow.member for shadow in shadows]),
    }
    if random is not None:
        arrays["random"] = _log16(random)
    if part is not None:
        arrays["part"] = _small(part)
    if references is not None:
        arrays["references"] = references.astype(np.float16)
    return arrays


def from_arrays(arrays) -> tuple:
    """Target, shadows, random, part and references, as `to_arrays` took them."""
    shadows = zip(arrays["shadows"], arrays["shadow_labels"], arrays["shadow_member"], strict=True)
    return (
        _observation(arrays["target"], arrays["labels"], arrays["member"]),
        tuple(_observation(*shadow) for shadow in shadows),
        posteriors(arrays["random"]) if "random" in arrays else None,
        arrays["part"].astype(np.int64) if "part" in arrays else None,
        arrays["references"].astype(np.float64) if "references" in arrays else None,
    )


def posteriors(logs: np.ndarray) -> np.ndarray:
    """Log-posteriors in float16 as posteriors in float64, each row a distribution."""
    values = np.exp(logs.astype(np.float64))
    total = values.sum(axis=1, keepdims=True)
    return np.where(np.abs(total - 1) > 1e-3, values / total, values)  # equal ones round alike


def _observation(logs, labels, member):
    return Observation(posteriors(logs), labels.astype(np.int64), member)


def _log16(posteriors):
    with np.errstate(divide="ignore"):  # log 0 is -inf, and comes back as 0
        return np.log(posteriors.astype(np.float32)).astype(np.float16)


def _small(numbers):
    """In the smallest type that holds them all, so that none wraps."""
    return numbers.astype(np.min_scalar_type(int(numbers.max())))
