"""XLSX: one sheet of plain text and numbers. What a cell shows and what it holds may differ: what it holds counts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Any, Final

import openpyxl

from payouts.models.upload import FileKind
from payouts.uploads.sheet import (
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_LINES,
    Cell,
    FileRefused,
    Line,
    Number,
    Odd,
    Sheet,
    collect,
    too_long,
    too_wide,
)

# Unpacked. A sheet of 5,000 payouts has about 3 MB.
MOST_UNPACKED: Final = 30_000_000
MOST_RATIO: Final = 200
MOST_PARTS: Final = 200
# A cell far down or far right stands for all the empty ones before it.
MOST_CELLS: Final = 2_000_000
# Spreadsheets keep no more digits of a number.
MOST_DIGITS: Final = 15
AS_TEXT: Final = "Format the column as text, and type it again."


def read(content: bytes) -> Sheet:
    """Raises FileRefused."""
    _refuse_bombs(content)
    # What a hostile file raises inside the library is as manifold as such files are.
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    except Exception as error:  # noqa: BLE001
        raise _unreadable(error) from None
    try:
        if len(book.worksheets) != 1 or len(book.sheetnames) != 1:
            names = ", ".join(f"“{name[:40]}”" for name in book.sheetnames[:10])
            raise FileRefused(f"The workbook has several sheets ({names}). Keep the one with the payouts.")
        sheet: Any = book.worksheets[0]
        # What the file says of its own size may be anything: rows are as long as they are.
        sheet.reset_dimensions()
        return collect(FileKind.XLSX, _lines(sheet.iter_rows()))
    except FileRefused:
        raise
    except Exception as error:  # noqa: BLE001
        raise _unreadable(error) from None
    finally:
        book.close()


def _refuse_bombs(content: bytes) -> None:
    """By the sizes in its table of contents, beyond which nothing is unpacked."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise FileRefused("The file is cut off or damaged: save it again as .xlsx.") from None
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise FileRefused("The file is a ZIP archive, and no workbook: give the .xlsx or .csv itself.")
    if any(name.endswith("vbaProject.bin") for name in names):
        raise FileRefused("The workbook holds macros: save it as .xlsx without them.")
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * len(content):
        raise FileRefused(
            "The workbook unpacks to more than a file of payouts needs. Copy the cells alone to a new one."
        )


def _unreadable(error: Exception) -> FileRefused:
    return FileRefused(
        f"The workbook can't be read ({type(error).__name__}): open it in a spreadsheet and save it as .xlsx."
    )


def _lines(rows: Iterable[tuple[Any, ...]]) -> list[Line]:
    found: list[Line] = []
    walked = 0
    for number, row in enumerate(rows, start=1):
        walked += len(row) + 1
        if walked > MOST_CELLS:
            raise FileRefused(
                "The sheet reaches too far down or right, if only with empty cells. Copy the filled ones to a new one."
            )
        if len(row) > MOST_COLUMNS and any(cell.value is not None for cell in row[MOST_COLUMNS:]):
            raise too_wide(number)
        cells = [_plain(cell) for cell in row[:MOST_COLUMNS]]
        if not any(cells):
            continue
        if number > MOST_LINES:
            raise too_long(number)
        found.append(Line(number, cells))
    return found


def _plain(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        text = value if isinstance(value, str) else "a formula"
        return Odd(text[:LONGEST_CELL], "The cell is a formula.", "Paste its value instead of the formula.")
    if cell.data_type == "e":
        return Odd(str(value)[:40], "The cell holds an error.", "Give a value.")
    if isinstance(value, str):
        return value.strip()[: LONGEST_CELL + 1]
    if isinstance(value, bool):
        return Odd(str(value).upper(), "The cell holds true or false.", "Give text or a number.")
    if isinstance(value, date | time | timedelta):
        return Odd(
            str(value),
            "The cell is a date or a time, which spreadsheets often make of a number by themselves.",
            AS_TEXT,
        )
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format))
    return Odd(type(value).__name__, "The cell holds neither text nor a number.", "Give text or a number.")


def _number(value: int | float, style: str) -> Cell:
    """By the shortest decimal text that names it."""
    text = repr(value)
    if "E+" in style.upper() or "E-" in style.upper() or "e" in text or text in ("inf", "nan"):
        return Odd(text, "The number is in scientific notation.", "Write all of its digits.")
    if "%" in style:
        return Odd(text, f"The cell shows a percentage, and holds {text}.", "Write the amount itself.")
    if abs(value) >= 10**MOST_DIGITS:
        return Odd(
            text,
            f"The number has more than {MOST_DIGITS} digits, and spreadsheets keep no more than that.",
            AS_TEXT,
        )
    return Number(text.removesuffix(".0"))
