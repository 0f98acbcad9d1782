"""What assignment D is about: a leaderboard of eight teams with planted differences."""

from __future__ import annotations

import numpy as np

from course import law

PURPOSE = 4
VISIBLE, HIDDEN, ROLL = range(3)
RECORDS = 14_000
SHIFTS = (0.22, 0.21, 0.20, 0.12, 0.10, 0.06, 0.0, 0.0)    # of members; the last two know nothing
RATE = 0.05


def key(seed: int) -> list[float]:
    """How far each visible team's scores of members really lie above those of non-members."""
    return law.generator(seed, PURPOSE, ROLL).permutation(SHIFTS).tolist()


def visible(seed: int) -> dict:
    """scores (8, 14000), member, and public: the 30 % of records that the board shows."""
    rng = law.generator(seed, PURPOSE, VISIBLE)
    member = law.halves(rng, RECORDS)
    made = {"member": member, "scores": np.array(_teams(rng, member, key(seed), 0.8), np.float32)}
    return made | {"public": rng.random(RECORDS) < 0.3}


def hidden(seed: int) -> dict:
    """Three teams, three pairs, p-values of three comparisons, and rates."""
    rng = law.generator(seed, PURPOSE, HIDDEN)
    member = rng.permutation(np.arange(12_000) < 5_000)
    made = {"member": member, "scores": np.array(_teams(rng, member, (0.5, 0.25, 0.0), 0.5)),
            "pair_member": law.halves(rng, RECORDS)}
    for name, shifts, lowest, highest in (("alike", (0.2, 0.2), -0.3, 0.3),
                                          ("close", (0.245, 0.2), 3.8, 4.4),
                                          ("far", (0.5, 0.2), 6, np.inf)):
        made[name] = np.array(_pair(rng, made["pair_member"], shifts, lowest, highest))
    return made | {
        "nothing": np.append(rng.uniform(0.012, 0.04, 2), rng.uniform(0.1, 1, 26)),
        "something": rng.permutation(np.concatenate([
            rng.uniform(1e-7, 1e-4, 4), rng.uniform(0.006, 0.0085, 2), rng.uniform(0.06, 1, 12)])),
        "single": np.array([rng.uniform(0.03, 0.045)]),
        "rates": np.column_stack([rng.uniform(0.2, 0.6, 3), rng.uniform(0.01, 0.05, 3),
                                  rng.uniform([0.001, 0.05, 0.3], [0.01, 0.2, 0.45])]),
        "only": rng.uniform([[0.03, 0.005], [0.08, 0.05], [0.016, 0.0120]],
                            [[0.04, 0.010], [0.10, 0.06], [0.018, 0.0135]])}


def _teams(rng, member, shifts, shared):
    """Scores of the same records: so much of their noise is the records' own."""
    common = rng.normal(size=len(member))
    return [shift * member + np.sqrt(shared) * common
            + np.sqrt(1 - shared) * rng.normal(size=len(member)) for shift in shifts]


def _pair(rng, member, shifts, lowest, highest):
    """Two teams, nearly of one mind, whose paired difference is so many standard errors."""
    while True:
        first, second = _teams(rng, member, shifts, 0.997)
        found = [own[member] > np.quantile(own[~member], 1 - RATE) for own in (first, second)]
        more, less = np.sum(found[0] & ~found[1]), np.sum(found[1] & ~found[0])
        if lowest < (more - less) / np.sqrt(more + less) < highest:
            return first, second
