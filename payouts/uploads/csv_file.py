"""CSV: UTF-8 with or without its mark, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
import io
from typing import Final

from payouts.models.upload import FileKind
from payouts.uploads.sheet import (
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_LINES,
    FileRefused,
    Line,
    Sheet,
    collect,
    too_long,
    too_wide,
)

SEPARATORS: Final = (",", ";", "\t")
SAVE_AS: Final = "Save it as “CSV UTF-8” (Excel) or with the character set “Unicode (UTF-8)” (LibreOffice)."
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def read(content: bytes) -> Sheet:
    """Raises FileRefused."""
    text = _text(content)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    return collect(FileKind.CSV, _lines(text, separator), separator)


def _text(content: bytes) -> str:
    if content.startswith(_UTF_16):
        raise FileRefused(f"The file is in UTF-16, which isn't read. {SAVE_AS}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(
            f"The file isn't in UTF-8: line {line:,} holds the byte 0x{content[error.start]:02x}, as files in "
            f"Windows' or another old character set do. {SAVE_AS}"
        ) from None
    if "\0" in text:
        raise FileRefused(f"The file holds NUL characters: it isn't text in UTF-8. {SAVE_AS}")
    return text


def _lines(text: str, separator: str) -> list[Line]:
    found: list[Line] = []
    number = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            if not any(cell.strip() for cell in cells):
                continue
            if number > MOST_LINES:
                raise too_long(number)
            if len(cells) > MOST_COLUMNS:
                raise too_wide(number)
            found.append(Line(number, [_plain(cell) for cell in cells]))
    except csv.Error as error:
        raise FileRefused(
            f"Line {number + 1:,} can't be read as CSV ({error}). Write a quotation mark inside a cell twice, and "
            "close each one that begins a cell."
        ) from None
    return found


def _plain(cell: str) -> str:
    """Without the spaces around it. A quotation mark before what a spreadsheet would run is our own writing."""
    text = cell.strip()
    if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@"):
        text = text[1:]
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL + 1]
