"""What stands in a cell, and how: amounts are base units or sun until here, and exact decimals from here on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from lucid_payments.money import DECIMALS

# A spreadsheet runs what begins so, full-width forms too; a quote before it makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# What XML can't hold, escaped or not.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Cell = str | int | datetime | date | None


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    LONG = "long"
    HASH = "hash"
    AMOUNT = "amount"
    COUNT = "count"
    MOMENT = "moment"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT


def neutral(text: str) -> str:
    """The text as no spreadsheet takes for a formula, without characters that no file of ours can hold."""
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def decimal(units: int) -> str:
    """Base units (or sun) as an exact decimal of two to six places: 5500000 is ``5.50``, -1 is ``-0.000001``."""
    whole, rest = divmod(abs(units), 10**DECIMALS)
    places = f"{rest:0{DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if units < 0 else ''}{whole}.{places}"


def plain(column: Column, cell: Cell) -> str:
    """The cell as a text file holds it; nothing is the empty text."""
    if cell is None:
        return ""
    if column.kind is Kind.AMOUNT and isinstance(cell, int):
        return decimal(cell)
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return neutral(cell) if isinstance(cell, str) else str(cell)
