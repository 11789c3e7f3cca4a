"""Bytes into lines of text, each of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kyc.screening.formats.items import ListUnreadable

LONGEST_LINE: Final = 10_000


def split(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines without their ends. What isn't UTF-8 comes as replacement characters, which no address has."""
    rest, first = b"", True
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise ListUnreadable(f"A line has more than {LONGEST_LINE} bytes.")
        for line in lines:
            yield _text(line, first)
            first = False
    if rest:
        yield _text(rest, first)


def _text(line: bytes, first: bool) -> str:
    if len(line) > LONGEST_LINE or b"\0" in line:
        raise ListUnreadable(f"A line has more than {LONGEST_LINE} bytes, or a zero byte: this is no text.")
    return line.decode("utf-8-sig" if first else "utf-8", "replace").rstrip("\r")
