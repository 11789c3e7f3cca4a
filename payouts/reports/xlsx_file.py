"""An XLSX workbook, written row by row: its memory is one row's, and an amount never becomes a binary float.

Only what a report needs of ECMA-376: sheets with a heading that stays, a width and a number format for each column,
and text as text. A library would keep every row, or put amounts through floats on their way.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import IO, Final
from xml.sax.saxutils import escape

from payouts.reports.cells import Cell, Column, Kind, decimal, neutral

# A sheet has 1,048,576 rows, its heading among them.
MOST_ROWS: Final = 1_000_000
# Spreadsheets keep no more digits of a number; a longer one stays text, whole.
_MOST_DIGITS: Final = 15
_LONGEST_TEXT: Final = 32_767
# The parts' time stamps: the same rows are the same bytes.
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
# In characters.
_WIDTHS: Final = {
    Kind.TEXT: 27,
    Kind.LONG: 44,
    Kind.HASH: 68,
    Kind.AMOUNT: 18,
    Kind.COUNT: 12,
    Kind.MOMENT: 21,
    Kind.DAY: 13,
}
# Places in `cellXfs` below.
_HEADING, _TEXT, _AMOUNT, _COUNT, _MOMENT, _DAY, _LONG_NUMBER = range(1, 8)
_STYLE_SHEET: Final = f"""{_HEAD}<styleSheet xmlns="{_MAIN}">
<numFmts count="3"><numFmt numFmtId="164" formatCode="#,##0.00####"/><numFmt numFmtId="165" \
formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/><numFmt numFmtId="166" formatCode="yyyy\\-mm\\-dd"/></numFmts>
<fonts count="2"><font><sz val="10"/><name val="Arial"/></font>\
<font><b/><sz val="10"/><name val="Arial"/></font></fonts>
<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>\
<fill><patternFill patternType="solid"><fgColor rgb="FFE8ECF1"/></patternFill></fill></fills>
<borders count="1"><border/></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="8"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1"/>
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="3" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1">\
<alignment horizontal="right"/></xf></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


class Workbook:
    """Sheets one after the other, into a file that can be written to; `close` makes it whole."""

    def __init__(self, target: IO[bytes]) -> None:
        self._zipped = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._names: list[str] = []

    @contextmanager
    def sheet(self, name: str, columns: Sequence[Column]) -> Iterator[SheetWriter]:
        """A further sheet. Names have 31 characters at most."""
        self._names.append(name)
        info = zipfile.ZipInfo(f"xl/worksheets/sheet{len(self._names)}.xml", _STAMP)
        info.compress_type = zipfile.ZIP_DEFLATED
        with self._zipped.open(info, "w", force_zip64=True) as part:
            writer = SheetWriter(part, columns)
            yield writer
            writer.end()

    def close(self) -> None:
        for name, content in self._parts().items():
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            self._zipped.writestr(info, content)
        self._zipped.close()

    def _parts(self) -> dict[str, str]:
        """What says what the sheets are."""
        numbers = range(1, len(self._names) + 1)
        types = "".join(_sheet_type(number) for number in numbers)
        links = "".join(_relation(number, "worksheet", f"worksheets/sheet{number}.xml") for number in numbers)
        sheets = "".join(
            f'<sheet name="{escape(name, {chr(34): "&quot;"})}" sheetId="{number}" r:id="rId{number}"/>'
            for number, name in zip(numbers, self._names, strict=True)
        )
        style = _relation(len(self._names) + 1, "styles", "styles.xml")
        document = _relation(1, "officeDocument", "xl/workbook.xml")
        spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        return {
            "[Content_Types].xml": (
                f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                f'<Override PartName="/xl/workbook.xml" ContentType="{spreadsheet}.sheet.main+xml"/>'
                f'<Override PartName="/xl/styles.xml" ContentType="{spreadsheet}.styles+xml"/>{types}</Types>'
            ),
            "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{document}</Relationships>',
            "xl/workbook.xml": (
                f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": (
                f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{links}{style}</Relationships>'
            ),
            "xl/styles.xml": _STYLE_SHEET,
        }


class SheetWriter:
    def __init__(self, part: IO[bytes], columns: Sequence[Column]) -> None:
        self._part = part
        self._columns = columns
        widths = "".join(
            f'<col min="{place}" max="{place}" width="{_width(column)}" customWidth="1"/>'
            for place, column in enumerate(columns, start=1)
        )
        self._write(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{widths}</cols><sheetData><row>"
            + "".join(_text(column.name, _HEADING) for column in columns)
            + "</row>"
        )

    def row(self, cells: Sequence[Cell]) -> None:
        drawn = [_cell(column, cell) for column, cell in zip(self._columns, cells, strict=True)]
        self._write(f"<row>{''.join(drawn)}</row>")

    def end(self) -> None:
        self._write("</sheetData></worksheet>")

    def _write(self, text: str) -> None:
        self._part.write(text.encode())


def _width(column: Column) -> int:
    return max(_WIDTHS[column.kind], len(column.name) + 3)


def _cell(column: Column, cell: Cell) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, datetime):
        return _number(_serial(cell), _MOMENT)
    if isinstance(cell, date):
        return _number(str((cell - _EPOCH.date()).days), _DAY)
    if isinstance(cell, int):
        text = decimal(cell) if column.kind is Kind.AMOUNT else str(cell)
        if sum(character.isdigit() for character in text) > _MOST_DIGITS:
            return _text(text, _LONG_NUMBER)
        return _number(text, _AMOUNT if column.kind is Kind.AMOUNT else _COUNT)
    return _text(neutral(cell), _TEXT)


def _number(text: str, style: int) -> str:
    return f'<c s="{style}"><v>{text}</v></c>'


def _text(text: str, style: int) -> str:
    shown = escape(text[:_LONGEST_TEXT]).replace("\r", "&#13;")
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


def _serial(at: datetime) -> str:
    """Days since 1899-12-30, as spreadsheets count, to the millionth of a second's thousandth, by whole numbers."""
    seconds = (at.astimezone(UTC).replace(microsecond=0) - _EPOCH) // timedelta(seconds=1)
    billionths = seconds * 10**9 // 86_400
    return f"{billionths // 10**9}.{billionths % 10**9:09d}"


def _sheet_type(number: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
    return f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}"/>'


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
