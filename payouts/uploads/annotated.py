"""The file as it came, with one more column that says of each row what is wrong and what would be right.

What a spreadsheet would run as a formula is text here, whoever wrote it.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from payouts.models.upload import FileKind, PayoutUpload
from payouts.reconciliation.report import neutral
from payouts.uploads import columns, reading
from payouts.uploads.checking import NO_LINE, WRONG
from payouts.uploads.sheet import Cell, Number, Sheet, shown

FINE: Final = "ok"
MEDIA_TYPES: Final = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_WIDTHS: Final = {columns.ADDRESS: 40, columns.CHECK: 90, columns.REASON: 30}

# A line of the answer: its cells as they came, and what is said of it.
_Told = tuple[Sequence[Cell], str]


def make(upload: PayoutUpload) -> bytes:
    """In the kind in which it came; a CSV with the separator that it came with."""
    sheet = reading.read(bytes(upload.content))
    lines = list(_lines(sheet, upload.findings))
    return as_csv(lines, sheet.separator) if upload.kind == FileKind.CSV else as_xlsx(lines)


def name_of(upload: PayoutUpload) -> str:
    return f"{upload.upload_id}-checked.{upload.kind}"


def as_csv(lines: Sequence[_Told], separator: str) -> bytes:
    """With the mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    for cells, told in lines:
        writer.writerow([*(neutral(shown(cell)) for cell in cells), told])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(lines: Sequence[_Told]) -> bytes:
    """Numbers stay numbers, and everything else is text."""
    book = Workbook(write_only=True)
    page: Any = book.create_sheet("payouts")
    headings = [*(shown(cell) for cell in lines[0][0]), columns.CHECK]
    for place, heading in enumerate(headings, start=1):
        page.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(heading, 18)
    page.freeze_panes = "A2"
    bold = Font(bold=True)
    for number, (cells, told) in enumerate(lines):
        row = [Decimal(cell) if isinstance(cell, Number) else _text(page, shown(cell)) for cell in cells]
        last = _text(page, told)
        if number == 0 or told != FINE:
            last.font = bold
        page.append([*row, last])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text(page: Any, text: str) -> Any:
    """A cell of text, whatever it begins with."""
    cell = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    return cell


def _lines(sheet: Sheet, findings: Sequence[Sequence[Any]]) -> Iterator[_Told]:
    """The header first. A column of an earlier answer gives way to this one's."""
    told: dict[int, list[str]] = defaultdict(list)
    for line, column, _, weight, problem, right in findings:
        told[line].append(sentence(column, weight, problem, right))
    earlier, width = columns.check_place(sheet), len(sheet.header.cells)
    # What is said of the file as a whole stands beside its first row: the heading stays one that is read again.
    first = sheet.lines[0].number
    told[first] = [*told[NO_LINE], *told[first]]
    yield _without(sheet.header.cells, earlier, width), columns.CHECK
    for line in sheet.lines:
        yield _without(line.cells, earlier, width), " | ".join(told[line.number]) or FINE


def sentence(column: str, weight: str, problem: str, right: str) -> str:
    """``WRONG amount_usdt: “5,50” has a comma before the decimals. Write 5.50.``"""
    about = f" {column}" if column else ""
    return f"{'WRONG' if weight == WRONG else 'LOOK AT'}{about}: {problem} {right}".strip()


def _without(cells: Sequence[Cell], place: int | None, width: int) -> list[Cell]:
    filled = [*cells, *[""] * (width - len(cells))]
    return [cell for number, cell in enumerate(filled) if number != place]
