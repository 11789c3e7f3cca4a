"""What parsers of lists say, and how they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

# Of one party: none has thousands, and a file that says so isn't the list.
MOST_OF_A_PARTY: Final = 5_000
LONGEST_TEXT: Final = 4_000


class ListUnreadable(Exception):
    """The file isn't what it should be; the sentence stands on its version's page."""


@dataclass(frozen=True, slots=True)
class Published:
    """The day its publisher gave the file."""

    on: date


@dataclass(frozen=True, slots=True)
class Address:
    """A row that should be an address; `place` is where it stands in the file."""

    raw: str
    place: str
    ticker: str = ""
    uid: str = ""
    label: str = ""
    program: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A listed party's name, or one of its aliases."""

    name: str
    uid: str = ""
    label: str = ""
    program: str = ""


Item = Published | Address | Name
