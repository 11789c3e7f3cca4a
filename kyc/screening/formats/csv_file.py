"""CSV with a first row of names: `address` at least; `currency`, `uid`, `name`, `program` where there are any."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from kyc.screening.formats import lines
from kyc.screening.formats.items import Address, Item, ListUnreadable, Name

KNOWN: Final = ("address", "currency", "uid", "name", "program")


def parse(pieces: Iterable[bytes]) -> Iterator[Item]:
    """Raises ListUnreadable."""
    rows = csv.reader(lines.split(pieces), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if header.count("address") != 1:
            raise ListUnreadable("Its first row names no column `address`, or more than one.")
        for row in rows:
            if row:
                yield from _items(header, row, f"line {rows.line_num}")
    except csv.Error as error:
        raise ListUnreadable(f"Line {rows.line_num} isn't CSV: {error}.") from None


def _items(header: list[str], row: list[str], place: str) -> Iterator[Item]:
    if len(row) != len(header):
        raise ListUnreadable(f"The row of {place} has {len(row)} columns; the first row names {len(header)}.")
    told = {name: value.strip() for name, value in zip(header, row, strict=True) if name in KNOWN}
    shared = {"uid": told.get("uid", ""), "label": told.get("name", ""), "program": told.get("program", "")}
    if told.get("name"):
        yield Name(told["name"], **shared)
    if told["address"] or not told.get("name"):
        yield Address(told["address"], place, told.get("currency", ""), **shared)
