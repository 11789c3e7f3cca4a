"""An amount as people write it in a table: taken when it is plain, and otherwise told how it would be."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Final

from lucid_payments.money import DECIMALS, InvalidAmount, parse_usdt, to_decimal
from payouts.models.payout import MAXIMUM_AMOUNT, MINIMUM_AMOUNT

PLAIN: Final = "Write digits and a point, such as 1234.50."
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]{1,3}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,14}(\.[0-9]+)?", re.ASCII)
_AROUND: Final = re.compile(r"^(usdt?|[$€£])\s*|\s*(usdt?|[$€£])$", re.IGNORECASE)
_COMMA_DECIMALS: Final = re.compile(r"([0-9]{1,3}(\.[0-9]{3})+|[0-9]+),[0-9]{1,6}", re.ASCII)
_COMMA_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,6})?", re.ASCII)


class Refused(Exception):
    def __init__(self, problem: str, right: str) -> None:
        super().__init__(problem)
        self.problem, self.right = problem, right


def parse(text: str) -> int:
    """Base units. Raises Refused; what would be right is told and never taken by itself."""
    try:
        units = parse_usdt(text)
    except InvalidAmount:
        raise _refusal(text) from None
    if not MINIMUM_AMOUNT <= units <= MAXIMUM_AMOUNT:
        low, high = to_decimal(MINIMUM_AMOUNT), to_decimal(MAXIMUM_AMOUNT)
        raise Refused(f"{text[:30]} is outside of what a payout may be.", f"From {low} to {high} USDT.")
    return units


def _refusal(text: str) -> Refused:
    quoted = f"“{text[:30]}”"
    if _SCIENTIFIC.fullmatch(text):
        return Refused(f"{quoted} is in scientific notation.", _written_out(text))
    if text.startswith("-"):
        return Refused(f"{quoted} is below zero.", "A payout's amount is above zero.")
    if _DECIMAL.fullmatch(text):
        return Refused(f"{quoted} has more than {DECIMALS} decimals.", f"Round it, such as {_cut(text)}.")
    bare = _AROUND.sub("", text)
    if bare != text and _DECIMAL.fullmatch(bare):
        return Refused(f"{quoted} holds more than the number.", f"Write {bare}.")
    thousands, decimals = _COMMA_THOUSANDS.fullmatch(bare), _COMMA_DECIMALS.fullmatch(bare)
    if thousands and decimals:
        both = bare.replace(",", ""), bare.replace(",", ".")
        return Refused(f"{quoted} can be read in two ways.", f"Write {both[0]} or {both[1]}.")
    if thousands:
        return Refused(f"{quoted} has separators between the thousands.", f"Write {bare.replace(',', '')}.")
    if decimals:
        plain = bare.replace(".", "").replace(",", ".")
        return Refused(f"{quoted} has a comma before the decimals.", f"Write {plain}.")
    return Refused(f"{quoted} is no plain number.", PLAIN)


def _cut(text: str) -> str:
    return f"{Decimal(text).quantize(Decimal(1).scaleb(-DECIMALS), ROUND_DOWN).normalize():f}"


def _written_out(text: str) -> str:
    try:
        plain = f"{Decimal(text.replace(',', '.')):f}"
    except InvalidOperation:
        return PLAIN
    return f"Write all of its digits: {plain}." if len(plain) <= 20 else PLAIN
