"""Protobuf's wire format, as far as TRON's transactions use it: varints and length-delimited bytes.

Writing follows proto3: fields in order of their numbers, a field at its default value left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
BYTES: Final = 2

_INT64_MASK: Final = (1 << 64) - 1
_INT64_MAX: Final = (1 << 63) - 1
_INT64_MIN: Final = -(1 << 63)


class DecodeError(ValueError):
    """The bytes aren't the canonical encoding of a message that this module knows."""


def varint(value: int) -> bytes:
    """An int64 as a varint; negative numbers take ten bytes. Raises ValueError beyond int64."""
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise ValueError(f"{value} doesn't fit an int64")
    rest = value & _INT64_MASK
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def int_field(number: int, value: int) -> bytes:
    """A varint field, or nothing at all for zero."""
    return varint(number << 3 | VARINT) + varint(value) if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """A length-delimited field, or nothing at all for empty bytes."""
    return message_field(number, value) if value else b""


def message_field(number: int, value: bytes) -> bytes:
    """A length-delimited field that is written even when empty: repeated values and sub-messages."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The signed int64 at `at` and the offset behind it. Raises `DecodeError` when cut off or too long."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DecodeError("a number is cut off or too long")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    value &= _INT64_MASK
    return (value - (1 << 64) if value > _INT64_MAX else value), at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field's number and value, in the order they stand. Raises `DecodeError` for anything else."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, value
        elif kind == BYTES:
            length, at = read_varint(data, at)
            end = at + length
            if length < 0 or end > len(data):
                raise DecodeError(f"field {number} is cut off")
            yield number, data[at:end]
            at = end
        else:
            raise DecodeError(f"field {number} has wire type {kind}, which no transaction uses")


class Message:
    """The fields of one encoded message, taken out one by one so that what is left over is refused."""

    __slots__ = ("_name", "_values")

    def __init__(self, name: str, data: bytes, repeated: frozenset[int] = frozenset()) -> None:
        self._name = name
        self._values: dict[int, list[int | bytes]] = {}
        for number, value in fields(data):
            held = self._values.setdefault(number, [])
            if held and number not in repeated:
                raise DecodeError(f"{name}: field {number} stands twice")
            held.append(value)

    def integer(self, number: int) -> int:
        """A number, 0 when absent."""
        values = self._values.pop(number, [0])
        if not isinstance(values[0], int):
            raise DecodeError(f"{self._name}: field {number} isn't a number")
        return values[0]

    def octets(self, number: int) -> bytes:
        """Bytes, empty when absent."""
        return (self.all_octets(number) or [b""])[0]

    def all_octets(self, number: int) -> list[bytes]:
        """Every value of a repeated bytes field."""
        values = self._values.pop(number, [])
        octets = [value for value in values if isinstance(value, bytes)]
        if len(octets) != len(values):
            raise DecodeError(f"{self._name}: field {number} isn't bytes")
        return octets

    def nothing_else(self) -> None:
        """Raises `DecodeError` when the message holds a field that nobody took."""
        if self._values:
            raise DecodeError(f"{self._name}: unknown field {min(self._values)}")
