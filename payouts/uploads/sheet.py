"""What a file of either kind is once it is read: a header, and lines of cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from payouts.models.upload import FileKind

MOST_ROWS: Final = 5_000
# Empty lines between are skipped; what stands further down is more likely a slip than meant.
MOST_LINES: Final = 2 * MOST_ROWS
MOST_COLUMNS: Final = 50
LONGEST_CELL: Final = 1_000


class FileRefused(Exception):
    """The file can't be read as payouts. `sentences` say all that is wrong with it, and what would be right."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = list(sentences)


class Number(str):
    """A cell that the spreadsheet keeps as a number: its shortest decimal text, without an exponent."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Odd:
    """A cell that holds neither text nor a plain number: how it is shown, why it isn't taken, what would be right."""

    shown: str
    problem: str
    right: str


Cell = str | Odd


@dataclass(frozen=True, slots=True)
class Line:
    """One line that isn't empty; `number` as spreadsheets count, from 1."""

    number: int
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Sheet:
    kind: FileKind
    header: Line
    lines: list[Line] = field(default_factory=list)
    # What stands between the cells of a CSV.
    separator: str = ","


def shown(cell: Cell) -> str:
    return cell.shown if isinstance(cell, Odd) else str(cell)


def cell_name(column: int, line: int) -> str:
    """``B5`` for the second column (index 1) of line 5."""
    letters, rest = "", column + 1
    while rest:
        rest, place = divmod(rest - 1, 26)
        letters = chr(ord("A") + place) + letters
    return f"{letters}{line}"


def collect(kind: FileKind, lines: list[Line], separator: str = ",") -> Sheet:
    """The sheet of the lines that hold something. Raises FileRefused for none, and for more than are taken."""
    if not lines:
        raise FileRefused("The file is empty: it has no header and no rows.")
    header, *rows = lines
    if not rows:
        raise FileRefused(
            "The file has no rows: its first line is the header, and each payout is one line below."
        )
    if len(rows) > MOST_ROWS:
        raise FileRefused(f"The file has more than {MOST_ROWS:,} rows. Split it into several files.")
    return Sheet(kind, header, rows, separator)


def too_long(number: int) -> FileRefused:
    return FileRefused(
        f"Line {number:,} lies below line {MOST_LINES:,}, the last that is read. Delete empty lines, or split the file."
    )


def too_wide(number: int) -> FileRefused:
    return FileRefused(
        f"Line {number:,} has more than {MOST_COLUMNS} columns. Delete those that aren't needed."
    )
