"""USDT amounts: integers of base units (10⁻⁶ USDT) inside, decimal text at the edges. No float ever."""

from __future__ import annotations

import re
from decimal import Decimal

DECIMALS = 6
BASE_UNITS_PER_USDT = 10**DECIMALS
SUN_PER_TRX = 10**6
# 20 digits are far above any supply; a longer text is refused before Decimal spends time on it.
_AMOUNT = re.compile(r"[0-9]{1,14}(\.[0-9]{1,6}0*)?", re.ASCII)


class InvalidAmount(ValueError):
    """The text is not a plain decimal amount with at most six decimals."""


def parse_usdt(text: str) -> int:
    """Base units of a plain decimal text such as ``5``, ``5.5`` or ``5.500000``.

    Signs, exponents, separators, NaN and more than six significant decimals raise InvalidAmount.
    """
    if len(text) > 64 or not _AMOUNT.fullmatch(text):
        raise InvalidAmount("Give a plain decimal number with at most 6 decimals, such as 5.50.")
    return int(Decimal(text).scaleb(DECIMALS))


def to_decimal(units: int) -> Decimal:
    """USDT (or TRX, from sun) as a Decimal without trailing zeros beyond two decimals: 5500000 -> 5.50."""
    whole = Decimal(units).scaleb(-DECIMALS)
    cents = whole.quantize(Decimal("0.01"))
    return cents if cents == whole else whole.normalize()


def format_usdt(units: int) -> str:
    """The same as text with thousands separators for people: 1234500000 -> ``1,234.50``."""
    return f"{to_decimal(units):,f}"
