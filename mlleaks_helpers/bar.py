"""The bar of a verdict: its band, the paper's number and our intervals at a glance."""

import math

from mlleaks_helpers.interval import Interval

WIDE, LINE = 320, 14  # pixels of a bar, and of each line in it
SIGNS = {"paper": "◇", "here": "●", "each": "●", "band": "▒"}  # rows that are drawn


def drawn_bar(claim, parts: list[Interval]) -> str:
    """The band, on it the paper's number and below that each interval: an SVG without words.

    It shows what the rows say, and is hidden from screen readers. Empty where the claim has no
    band; an end that is infinite, or open, lies at the picture's.

    claim  with the ends `low` and `high` of its band, and the paper's `number` or None
    """
    edges = [edge for edge in (claim.low, claim.high) if math.isfinite(edge)]
    if not edges:
        return ""
    known = [x for part in parts for x in (part.low, part.value, part.high)]
    known += edges + [claim.number] * (claim.number is not None)
    known = [x for x in known if math.isfinite(x)]
    room = (max(known) - min(known)) / 8 or 1

    def at(x):
        share = (x - min(known) + room) / (max(known) - min(known) + 2 * room)
        return round(WIDE * min(max(share, 0), 1))

    lines = [f'<path d="M{at(part.low)} 0H{at(part.high)}" stroke-width="3"/>'
             f'<circle cx="{at(part.value)}" r="4" fill="currentColor"/>' for part in parts]
    if claim.number is not None:
        lines.insert(0, f'<path d="M{at(claim.number)}-5l5 5-5 5-5-5z"/>')
    low, high, tall = at(claim.low), at(claim.high), LINE * len(lines)
    drawn = [f'<path d="M{at(edge)} 0V{tall}"/>' for edge in edges]
    drawn += [f'<g transform="translate(0 {LINE * i + LINE // 2})">{line}</g>'
              for i, line in enumerate(lines)]
    return "".join([f'<svg aria-hidden="true" viewBox="0 0 {WIDE} {tall}" style="display: block; '
                    f'max-width: {WIDE}px; margin: .3em 0" fill="none" stroke="currentColor" '
                    f'stroke-width="1.5"><path d="M{low} 0H{high}V{tall}H{low}z" opacity=".2" '
                    'fill="currentColor" stroke="none"/>', *drawn, "</svg>"])


def sign(row: str, claim) -> str:
    """What stands in the bar for a row of a verdict, hidden from screen readers; or nothing."""
    if row not in SIGNS or (row == "paper" and claim.number is None):
        return ""
    return f' <span aria-hidden="true">{SIGNS[row]}</span>'
