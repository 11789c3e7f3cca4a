"""Files to begin with: every column in its place, and two rows that show what stands in them."""

from __future__ import annotations

from typing import Final

from payouts.models.upload import FileKind
from payouts.uploads import annotated, columns
from payouts.uploads.sheet import Cell, Number

# No real addresses: rows that somebody forgot to replace are refused, and pay nobody.
_ADDRESS: Final = "T... (34 characters)"
_ROWS: Final[tuple[tuple[Cell, ...], ...]] = (
    (_ADDRESS, Number("12.5"), "March, relay work", "2026-03-0001", "", "", ""),
    (_ADDRESS, Number("7"), "March, relay work", "2026-03-0002", "", "", "HIGH"),
)
_SAID: Final = "an example: replace this row with your own; this column may be left out"


def make(kind: FileKind) -> bytes:
    lines = [(columns.COLUMNS, columns.CHECK), *((row, _SAID) for row in _ROWS)]
    return annotated.as_csv(lines, ",") if kind == FileKind.CSV else annotated.as_xlsx(lines)


def name_of(kind: FileKind) -> str:
    return f"payouts-template.{kind}"
