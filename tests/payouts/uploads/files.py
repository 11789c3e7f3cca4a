"""Files of payouts as people make them, and addresses that nobody owns."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook, load_workbook

from payouts.tron import addresses

HEADER = ("recipient_address", "amount_usdt", "reason", "reference_id")
USDT = 1_000_000


def address(number: int) -> str:
    """The same one each time, its checksum right."""
    return addresses.encode(b"\x41" + hashlib.sha256(f"recipient {number}".encode()).digest()[:20])


def rows(count: int, amount: object = "1.5") -> list[tuple[object, ...]]:
    return [(address(number), amount, f"part {number}", f"ref-{number}") for number in range(count)]


def csv_of(
    lines: Iterable[Sequence[object]], header: Sequence[object] = HEADER, separator: str = ","
) -> bytes:
    return "\r\n".join(separator.join(map(str, line)) for line in [header, *lines]).encode()


def xlsx_of(
    lines: Iterable[Sequence[object]],
    header: Sequence[object] = HEADER,
    formats: dict[str, str] | None = None,
) -> bytes:
    """`formats`: number formats by cell."""
    book = Workbook()
    page: Any = book.active
    for line in [header, *lines]:
        page.append(list(line))
    for cell, style in (formats or {}).items():
        page[cell].number_format = style
    return saved(book)


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cells_of(content: bytes) -> list[list[Any]]:
    """A workbook's cells as a spreadsheet has them."""
    page: Any = load_workbook(io.BytesIO(content)).active
    return [list(line) for line in page.iter_rows()]
