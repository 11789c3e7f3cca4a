"""Cells and files: exact amounts, text that stays text, and the same in CSV and XLSX."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.reports import sheets
from payouts.reports.cells import Column, Kind, decimal, neutral
from payouts.reports.sheets import Sheet

COLUMNS = (
    Column("text"), Column("amount", Kind.AMOUNT), Column("count", Kind.COUNT), Column("at", Kind.MOMENT),
    Column("day", Kind.DAY),
)  # fmt: skip
NOON = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)


def files(rows: list[tuple[Any, ...]]) -> dict[str, bytes]:
    with sheets.written("r", [Sheet("One", COLUMNS, rows)], each_row=lambda: None) as made:
        return {file.name: b"".join(file.blocks()) for file in made}


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]


def read_xlsx(content: bytes) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(content))["One"].rows][
        1:
    ]


@given(st.integers(-(10**24), 10**24))
def test_an_amount_is_the_exact_decimal(units: int) -> None:
    text = decimal(units)
    assert Decimal(text).scaleb(6) == units
    assert re.fullmatch(r"-?\d+\.\d{2,6}", text)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_would_run_is_text(start: str) -> None:
    text = f'{start}HYPERLINK("http://x";1)'
    made = files([(text, 1, 1, NOON, NOON.date())])
    assert read_csv(made["r-one.csv"])[0][0] == f"'{text}"
    (cell,) = openpyxl.load_workbook(io.BytesIO(made["r.xlsx"]))["One"]["A2":"A2"][0]
    assert (cell.value, cell.data_type) == (f"'{text}", "s")


def test_figures_of_ours_stay_figures() -> None:
    made = files([(None, -5_000_001, -3, None, None)])
    assert read_csv(made["r-one.csv"]) == [["", "-5.000001", "-3", "", ""]]
    assert read_xlsx(made["r.xlsx"]) == [[None, -5.000001, -3, None, None]]


@given(st.text(max_size=30))
def test_any_text_survives_both_files(text: str) -> None:
    made = files([(text, 0, 0, NOON, NOON.date())])
    shown = neutral(text)
    assert read_csv(made["r-one.csv"])[0][0] == shown
    assert read_xlsx(made["r.xlsx"])[0][0] == (shown or None)


def test_an_amount_in_a_sheet_is_a_number_with_its_digits_and_never_a_float() -> None:
    made = files([("", units, 0, NOON, date(2026, 11, 22)) for units in (5_500_000, 1, 123_456_789_012_345)])
    sheet = zipfile.ZipFile(io.BytesIO(made["r.xlsx"])).read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r'<c s="3"><v>([^<]*)</v>', sheet) == ["5.50", "0.000001", "123456789.012345"]
    # More digits than a spreadsheet's number holds: whole, as text.
    long = files([("", 10**18 + 1, 0, NOON, NOON.date())])["r.xlsx"]
    assert read_xlsx(long)[0][1] == "1000000000000.000001"


def test_times_and_days_are_dates() -> None:
    made = files([("", 0, 0, NOON, date(2026, 2, 28))])
    assert read_csv(made["r-one.csv"])[0][3:] == ["2026-11-22T12:00:01Z", "2026-02-28"]
    # A spreadsheet's times have no zone.
    shown = [at.isoformat() for at in read_xlsx(made["r.xlsx"])[0][3:]]
    assert shown == ["2026-11-22T12:00:01", "2026-02-28T00:00:00"]


def test_the_same_rows_are_the_same_bytes() -> None:
    rows = [("a", 1, 2, NOON, NOON.date())]
    assert files(rows) == files(rows)
