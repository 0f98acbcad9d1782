"""The rounds of the membership game: a lesson's cells draw them, its page lets the reader play.

A cell glues a JSON list with `{"largest": 0.9845, "member": true, "rule": false}` for each round:
the largest posterior, what the record is, and whether a fixed rule says “member”.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

NAMES = {True: "member", False: "non-member"}


@dataclass(frozen=True)
class Round:
    largest: float
    member: bool
    rule: bool

    @property
    def shown(self) -> str:
        return f"{self.largest:.4f}"

    @property
    def answer(self) -> str:
        """“a member; the rule says non-member”."""
        return f"a {NAMES[self.member]}; the rule says {NAMES[self.rule]}"


def rounds(text: str) -> list[Round]:
    """Out of what a cell glued. Raises ValueError where that is no list of rounds."""
    try:
        found = [Round(**one) for one in json.loads(text)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"no rounds to play in {text[:60]!r}: {error}") from error
    if not found:
        raise ValueError("a game needs at least one round, got none")
    for number, one in enumerate(found, 1):
        if not (isinstance(one.largest, float) and 0 <= one.largest <= 1
                and {type(one.member), type(one.rule)} == {bool}):
            raise ValueError(f"round {number} must have a largest posterior between 0 and 1, and "
                             f"true or false for member and rule, got {one}")
    return found


def tally(played: list[Round]) -> str:
    """“the rule is right about 8 of 10, a coin about 5”."""
    right = sum(one.rule == one.member for one in played)
    return f"the rule is right about {right} of {len(played)}, a coin about {len(played) / 2:g}"
