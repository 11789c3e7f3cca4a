"""Strict readers for JSON that a stranger sent: each returns one bounded value or raises `BadAnswer`.

java-tron leaves out fields at their default value (0, false, ""), so most readers take a default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from payouts.tron.errors import BadAnswer

INT64_MAX: Final = 2**63 - 1
# Year 2100: later times are a lie or another unit.
TIME_MAX_MS: Final = 4_102_444_800_000

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """The value, if it is a JSON object."""
    if not isinstance(value, dict):
        raise BadAnswer("NOT_AN_OBJECT", f"The answer's {what} isn't an object.")
    return value


def sequence(value: object, what: str, *, limit: int) -> list[Any]:
    """The value, if it is a JSON array of at most `limit` items; a missing one (None) is empty."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > limit:
        raise BadAnswer("NOT_A_LIST", f"The answer's {what} isn't a list of at most {limit}.")
    return value


def integer(
    source: Mapping[str, Any], key: str, *, low: int = 0, high: int = INT64_MAX, default: int | None = None
) -> int:
    """An integer within bounds. A JSON float, bool or string is refused, however whole it looks."""
    value = source.get(key, default)
    if type(value) is not int or not low <= value <= high:
        raise BadAnswer("BAD_INTEGER", f"The answer's {key} isn't an integer from {low} to {high}.")
    return value


def time_ms(source: Mapping[str, Any], key: str) -> int:
    """A chain time in UTC milliseconds; missing means 0, which only the genesis block has."""
    return integer(source, key, high=TIME_MAX_MS, default=0)


def hex_bytes(
    source: Mapping[str, Any],
    key: str,
    *,
    length: int | None = None,
    limit: int = 1_000_000,
    default: str | None = None,
) -> bytes:
    """Bytes given in hexadecimal without 0x, of exactly `length` or at most `limit` bytes."""
    return decode_hex(source.get(key, default), key, length=length, limit=limit)


def decode_hex(value: object, what: str, *, length: int | None = None, limit: int = 1_000_000) -> bytes:
    """As `hex_bytes`, for a value that stands in no object. `bytes.fromhex` alone would accept spaces."""
    if not isinstance(value, str) or len(value) > 2 * limit or not _HEX.fullmatch(value):
        raise BadAnswer("BAD_HEX", f"The answer's {what} isn't hexadecimal of at most {limit} bytes.")
    if length is not None and len(value) != 2 * length:
        raise BadAnswer("BAD_HEX", f"The answer's {what} isn't {length} bytes long.")
    return bytes.fromhex(value)


def word(source: Mapping[str, Any], key: str, *, limit: int = 40) -> str:
    """A short identifier, such as a result code; missing reads as ""."""
    value = source.get(key, "")
    if not isinstance(value, str) or len(value) > limit or _UNPRINTABLE.search(value):
        raise BadAnswer("BAD_WORD", f"The answer's {key} isn't a word of at most {limit} characters.")
    return value


def message(source: Mapping[str, Any], key: str) -> str:
    """A node's message for people: decoded if it is hexadecimal, made printable, cut at 300 characters."""
    value = source.get(key, "")
    if not isinstance(value, str):
        raise BadAnswer("BAD_MESSAGE", f"The answer's {key} isn't text.")
    if value and _HEX.fullmatch(value[:1200]):
        value = bytes.fromhex(value[:1200]).decode("utf-8", "replace")
    return printable(value)


def printable(text: str) -> str:
    """Text safe for a log line and a page: printable ASCII, one line, at most 300 characters."""
    return _UNPRINTABLE.sub(" ", text[:300]).strip()
