"""What a kind of report answers: how many rows there are, what its sheets are, and whether all of it agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from payouts.reports.sheets import MadeFile, Sheet


@dataclass(frozen=True, slots=True)
class Verdict:
    """`agrees` is None where nobody can tell yet, or there is nothing to compare."""

    agrees: bool | None
    words: str


def _nothing(name: str) -> list[MadeFile]:
    return []


@dataclass(frozen=True, slots=True)
class Content:
    """What a report is made of, at one moment of the database. `verdict` is asked once every sheet is written.

    `further` makes files beside the sheets after them, from the same moment; it is given what their names begin with.
    """

    rows: int
    sheets: Callable[[], Iterator[Sheet]]
    verdict: Callable[[], Verdict]
    further: Callable[[str], list[MadeFile]] = _nothing
