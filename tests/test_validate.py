"""Range checks name the argument and the value, and the ends are where they are said to be."""

import numpy as np
import pytest

from mlleaks_helpers import validate


@pytest.mark.parametrize("check", [
    lambda: validate.whole(1, epochs=1, k=np.int64(7)),
    lambda: validate.positive(t=1e-9, u=np.float32(2)),
    lambda: validate.not_negative(strength=0, other=1e9),
    lambda: validate.between(0, 2, budget=0, other=2),
    lambda: validate.inside(0, 100, top=1e-9, other=99.9),
    lambda: validate.share(ratio=0, other=0.999),
])
def test_what_is_in_range_passes(check):
    check()


@pytest.mark.parametrize("check, message", [
    (lambda: validate.whole(1, epochs=3, k=0), "^k must be at least 1, got 0"),
    (lambda: validate.whole(0, seed=1.5), "^seed must be a whole number, got 1.5"),
    (lambda: validate.whole(0, seed=True), "^seed must be a whole number, got True"),
    (lambda: validate.positive(t=0), "^t must be positive, got 0"),
    (lambda: validate.positive(t=float("inf")), "^t must be positive, got inf"),
    (lambda: validate.positive(t=float("nan")), "^t must be positive, got nan"),
    (lambda: validate.not_negative(l2=1, strength=-1e-9), "^strength must not be .* got -1e-09"),
    (lambda: validate.not_negative(l2=float("inf")), "^l2 must not be .* or infinite, got inf"),
    (lambda: validate.not_negative(l2=float("nan")), "^l2 must not be .* got nan"),
    (lambda: validate.between(0, 2, budget=2.001), "^budget must lie between 0 and 2, got 2.001"),
    (lambda: validate.between(0, 2, budget="1"), "^budget must lie between 0 and 2, got '1'"),
    (lambda: validate.inside(0, 100, top=0), "^top must lie above 0 and below 100, got 0"),
    (lambda: validate.inside(0, 100, top=100), "^top must lie above 0 and below 100, got 100"),
    (lambda: validate.inside(0, 100, top=None), "^top must lie above .* got None"),
    (lambda: validate.inside(0, 100, top=float("nan")), "^top must lie above .* got nan"),
    (lambda: validate.share(inputs=1), "^inputs is a share, from 0 to below 1, got 1"),
    (lambda: validate.share(inputs=-0.1), "^inputs is a share, .* got -0.1"),
])
def test_what_is_not_is_named(check, message):
    with pytest.raises(ValueError, match=message):
        check()
