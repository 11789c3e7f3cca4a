"""One address on each line; empty lines and those that begin with # are passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kyc.screening.formats import lines
from kyc.screening.formats.items import Address, Item


def parse(pieces: Iterable[bytes]) -> Iterator[Item]:
    """Raises ListUnreadable."""
    for number, line in enumerate(lines.split(pieces), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield Address(text, f"line {number}")
