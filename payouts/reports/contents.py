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


@dataclass(frozen=True, slots=True)
class Content:
    """What a report is made of, at one moment of the database. `verdict` is asked once every sheet is written.

    `further` are files beside the sheets, made from the same moment.
    """

    rows: int
    sheets: Callable[[], Iterator[Sheet]]
    verdict: Callable[[], Verdict]
    further: Callable[[], list[MadeFile]] = list
