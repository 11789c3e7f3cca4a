"""What is read of a file, and why a file or a cell isn't: no database, no check."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook

from lucid_payments.money import parse_usdt
from payouts.models.payout import BatchType, Priority
from payouts.models.upload import FileKind
from payouts.uploads import amounts, blank, columns, reading
from payouts.uploads.columns import Row
from payouts.uploads.sheet import MOST_ROWS, FileRefused, cell_name, shown
from tests.payouts.uploads import files
from tests.payouts.uploads.files import address, csv_of, xlsx_of

SHARED = {"router_type": None, "priority": Priority.NORMAL, "batch_type": BatchType.HOURLY}
GOOD = (address(1), "5.50", "relay work", "a-1")


def rows_of(content: bytes) -> list[Row]:
    sheet = reading.read(content)
    places = columns.places(sheet)
    return [columns.row(line, places, len(sheet.header.cells), SHARED) for line in sheet.lines]


def refusal(content: bytes) -> str:
    with pytest.raises(FileRefused) as raised:
        columns.places(reading.read(content))
    return str(raised.value)


def problem(line: tuple[object, ...], **options: object) -> tuple[str, str]:
    """The one problem of a row, in a workbook and not in a text."""
    (row,) = rows_of(xlsx_of([line], **options))  # type: ignore[arg-type]
    (found,) = row.problems
    return found.column, f"{found.problem} {found.right}"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_is_read_with_any_of_three_separators_and_with_or_without_its_mark(
    separator: str, mark: bytes
) -> None:
    (row,) = rows_of(mark + csv_of([(address(1), "5.50", "Café “7”", "a-1")], separator=separator))
    assert (row.order.amount, row.order.reason, row.order.reference_id) == (5_500_000, "Café “7”", "a-1")
    assert (row.number, row.problems, row.order.batch_type) == (2, [], BatchType.HOURLY)


def test_a_workbook_is_read_as_it_is_stored_and_lines_are_counted_as_shown() -> None:
    content = xlsx_of(
        [(address(1), 5.5, "a"), (None, None, None), (f" {address(2)} ", 7, " b ", 12)],
        header=("Address", "Amount", "Reason", "Reference ID"),
    )
    first, second = rows_of(content)
    assert (first.order.amount, second.order.amount) == (5_500_000, 7_000_000)
    assert (first.number, second.number) == (2, 4)
    assert (second.order.recipient_address, second.order.reason) == (address(2), "b")
    assert second.order.reference_id == "12"


@pytest.mark.parametrize("kind", list(FileKind))
def test_the_template_is_a_file_whose_examples_pay_nobody(kind: FileKind) -> None:
    found = rows_of(blank.make(kind))
    assert [row.wrong for row in found] == [{"recipient_address"}, {"recipient_address"}]
    assert [row.order.amount for row in found] == [12_500_000, 7_000_000]
    assert found[1].order.priority == Priority.HIGH


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "no header"),
        (csv_of([]), "no rows"),
        (csv_of([GOOD]).decode().encode("utf-16"), "UTF-16"),
        (csv_of([(address(1), "5", "Ärger", "")]).decode().encode("cp1252"), "0xc4"),
        (csv_of([(address(1), "5", "a\0b", "")]), "NUL"),
        (csv_of([(address(1), "5", '"open', "")]), "quotation mark"),
        (csv_of([GOOD] * (MOST_ROWS + 1)), "more than 5,000 rows"),
        (csv_of([GOOD]) + b"\n" * 10_001 + b"x,y,z", "below line 10,000"),
        (csv_of([("x",) * 51]), "more than 50 columns"),
        (b"x" * (reading.MAXIMUM + 1), "more than 2,000,000 bytes"),
        (b"%PDF-1.7", "PDF"),
        (b'{"payouts": []}', "JSON"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "old .xls"),
        (b"PK\x03\x04 and no more", "cut off"),
        (csv_of([GOOD], header=("recipient_address", "reason")), "amount_usdt is missing"),
        (csv_of([GOOD], header=("address", "recipient", "amount", "reason")), "recipient_address is there twice"),
        (csv_of([GOOD], header=("address", "amount", "reason", "status")), "“status” is no column"),
        (csv_of([GOOD], header=("address", "amount", "reason", "")), "Column D holds something"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_the_reason(content: bytes, words: str) -> None:
    assert words in refusal(content)


def packed(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_bombs_macros_and_other_archives_are_refused_unread() -> None:
    workbook = {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}
    assert "ZIP archive" in refusal(packed({"a.txt": b"a"}))
    assert "macros" in refusal(packed({**workbook, "xl/vbaProject.bin": b"x"}))
    assert "unpacks to more" in refusal(packed({**workbook, "xl/worksheets/sheet1.xml": bytes(40_000_000)}))
    assert "can't be read" in refusal(packed(workbook))
    entity = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
    assert "can't be read" in refusal(packed({**workbook, "xl/workbook.xml": entity}))


def with_row(content: bytes, row: bytes) -> bytes:
    """The workbook with one more row in its sheet's XML, as no spreadsheet writes it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    return packed({**parts, sheet: parts[sheet].replace(b"</sheetData>", row + b"</sheetData>")})


def test_a_workbook_of_several_sheets_is_refused() -> None:
    book = Workbook()
    book.create_sheet("hidden")
    assert "several sheets" in refusal(files.saved(book))


def test_what_stands_far_below_or_far_right_isn_t_skipped() -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(list(files.HEADER))
    page.append(list(GOOD))
    page["A20000"] = address(2)
    assert "below line 10,000" in refusal(files.saved(book))
    page["A20000"] = None
    page["CZ3"] = "x"
    assert "more than 50 columns" in refusal(files.saved(book))
    # A thousand million empty lines would be walked to reach it.
    far = with_row(xlsx_of([GOOD]), b'<row r="1000000000"><c r="A1000000000"><v>1</v></c></row>')
    assert "too far down" in refusal(far)


@pytest.mark.parametrize(
    ("cell", "style", "words"),
    [
        ("=1+1", None, "formula"),
        (date(2026, 3, 1), None, "date"),
        (0.05, "0%", "percentage"),
        (1000, "0.00E+00", "scientific"),
        (1e-7, None, "scientific"),
        (1e16, None, "scientific"),
        (True, None, "true or false"),
        ("#N/A", None, "error"),
        (0.1234567, None, "more than 6 decimals. Round it, such as 0.123456"),
        (0.30000000000004, None, "more than 6 decimals. Round it, such as 0.3."),
        (-5, None, "below zero"),
        (0, None, "outside"),
        (10_001, None, "From 0.01 to 10000.00"),
        ("5,50", None, "Write 5.50"),
        (None, None, "empty"),
    ],
)
def test_an_amount_in_a_workbook_is_taken_exactly_or_not(cell: object, style: str | None, words: str) -> None:
    column, told = problem((address(1), cell, "why"), formats={"B2": style} if style else None)
    assert column == "amount_usdt"
    assert words in told


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1e3", "1000"),
        ("1,234.50", "Write 1234.50"),
        ("1.234,50", "Write 1234.50"),
        ("1,234", "Write 1234 or 1.234"),
        ("$5", "Write 5"),
        ("5.50 USDT", "Write 5.50"),
        ("5.0000001", "such as 5"),
        ("-1", "above zero"),
        ("five", "digits and a point"),
        ("٥", "digits and a point"),
        ("NaN", "digits and a point"),
        ("1e999999", "digits and a point"),
    ],
)
def test_an_amount_that_isn_t_plain_is_told_how_it_would_be(text: str, right: str) -> None:
    with pytest.raises(amounts.Refused) as refused:
        amounts.parse(text)
    assert right in refused.value.right
    assert amounts.parse("5.500000") == parse_usdt("5.5")


def test_every_cell_of_a_row_is_told_at_once() -> None:
    (row,) = rows_of(csv_of([("T0", "5,5", "x" * 201, "y" * 101)], separator=";"))
    assert row.wrong == {"recipient_address", "amount_usdt", "reason", "reference_id"}
    (row,) = rows_of(csv_of([(address(1)[:-1] + "2", "5", '"a\rb"', "", "more")], separator=";"))
    assert row.wrong == {"", "recipient_address", "reason"}
    assert "checksum" in next(told.problem for told in row.problems if told.column == "recipient_address")


def test_cells_are_named_as_spreadsheets_do() -> None:
    assert [cell_name(place, 5) for place in (0, 1, 25, 26, 49)] == ["A5", "B5", "Z5", "AA5", "AX5"]
    assert shown("a") == "a"
