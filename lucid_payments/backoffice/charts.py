"""Geometry of charts drawn on the server: no script, and the table of figures stands under each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# The drawing's own units; the page scales it.
WIDTH: Final = 600


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar, from `start`, `width` long, in the drawing's units."""

    name: str
    start: int
    width: int


def stacked(parts: Sequence[tuple[str, int]], whole: int) -> list[Part]:
    """`parts` (name, amount) side by side, in proportion to `whole`; what goes beyond the end is cut off."""
    drawn = []
    total = 0
    for name, amount in parts:
        start = _place(total, whole)
        total += amount
        drawn.append(Part(name, start, _place(total, whole) - start))
    return drawn


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart that stands on its lower edge; in the drawing's units."""

    x: int
    y: int
    width: int
    height: int


def columns(amounts: Sequence[int], height: int) -> list[Column]:
    """`amounts` side by side, in proportion to the largest, which is `height`; what isn't nothing is seen."""
    step, most = WIDTH // max(1, len(amounts)), max(amounts, default=0)
    drawn = []
    for place, amount in enumerate(amounts):
        tall = max(2, height * amount // most) if amount > 0 else 0
        drawn.append(Column(place * step, height - tall, max(1, step - max(1, step // 8)), tall))
    return drawn


def _place(amount: int, whole: int) -> int:
    if whole <= 0:
        return WIDTH if amount > 0 else 0
    return min(WIDTH, WIDTH * amount // whole)
