"""Each format a list comes in: bytes in, what the list says out, piece by piece and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from kyc.screening.formats import csv_file, ofac_advanced, ofac_sdn, plain
from kyc.screening.formats.items import Item, ListUnreadable, Published

Parser = Callable[[Iterable[bytes]], Iterator[Item]]

FORMATS: Final[dict[str, Parser]] = {
    "ofac_sdn": ofac_sdn.parse,
    "ofac_sdn_advanced": ofac_advanced.parse,
    "lines": plain.parse,
    "csv": csv_file.parse,
}
# What these files are, in words; the second pair say nothing of the day they were published.
WORDS: Final = {
    "ofac_sdn": "OFAC's sdn.xml",
    "ofac_sdn_advanced": "OFAC's sdn_advanced.xml",
    "lines": "one address on each line",
    "csv": "CSV with a column named address",
}
DATED: Final = frozenset({"ofac_sdn", "ofac_sdn_advanced"})

__all__ = ["DATED", "FORMATS", "WORDS", "Item", "ListUnreadable", "Published"]
