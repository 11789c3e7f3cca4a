"""OFAC's `sdn.xml`: each `sdnEntry` with its names, programs and identities.

Addresses are the identities whose type begins with "Digital Currency Address - ", whatever ticker follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Final, TypeVar

from kyc.screening.formats import xml
from kyc.screening.formats.items import MOST_OF_A_PARTY, Address, Item, ListUnreadable, Name, Published

T = TypeVar("T")
PREFIX: Final = "Digital Currency Address - "


def parse(pieces: Iterable[bytes]) -> Iterator[Item]:
    """Raises ListUnreadable, for a file without one digital-currency address too."""
    party, seen = _Handler(), 0
    for item in xml.parse(pieces, party):
        seen += isinstance(item, Address)
        yield item
    if not seen:
        raise ListUnreadable(
            "It holds no digital-currency address: its format has changed, or it is another file."
        )


class _Handler(xml.PartyHandler):
    def __init__(self) -> None:
        super().__init__()
        self._start()

    def _start(self) -> None:
        self.uid, self.first, self.last = "", "", ""
        self.programs: list[str] = []
        self.names: list[tuple[str, str]] = []
        self.addresses: list[tuple[str, str]] = []
        self._fresh()

    def _fresh(self) -> None:
        self.alias = {"firstName": "", "lastName": ""}
        self.identity = {"idType": "", "idNumber": ""}

    def end(self, name: str, text: str) -> None:
        above = self.path[-2] if len(self.path) > 1 else ""
        if name == "Publish_Date":
            self.found.append(Published(_day(text)))
        elif above == "sdnEntry" and name in ("uid", "firstName", "lastName"):
            setattr(self, {"uid": "uid", "firstName": "first", "lastName": "last"}[name], text)
        elif name == "program":
            self._more(self.programs, text)
        elif above == "aka" and name in self.alias:
            self.alias[name] = text
        elif above == "id" and name in self.identity:
            self.identity[name] = text
        elif name == "aka":
            self._more(self.names, (self.alias["firstName"], self.alias["lastName"]))
            self._fresh()
        elif name == "id":
            if self.identity["idType"].startswith(PREFIX):
                ticker = self.identity["idType"].removeprefix(PREFIX).strip()
                self._more(self.addresses, (self.identity["idNumber"], ticker))
            self._fresh()
        elif name == "sdnEntry":
            self._tell()
            self._start()

    def _more(self, rows: list[T], row: T) -> None:
        if len(rows) >= MOST_OF_A_PARTY:
            raise ListUnreadable(f"One party has more than {MOST_OF_A_PARTY} rows of one kind.")
        rows.append(row)

    def _tell(self) -> None:
        label = " ".join(part for part in (self.first, self.last) if part)
        program = ", ".join(self.programs)[:200]
        known = [(self.first, self.last), *self.names]
        for first, last in known:
            full = " ".join(part for part in (first, last) if part)
            if full:
                self.found.append(Name(full, self.uid, label, program))
        for raw, ticker in self.addresses:
            self.found.append(Address(raw, f"party {self.uid}", ticker, self.uid, label, program))


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a day, without a time
    except ValueError:
        raise ListUnreadable("Its Publish_Date isn't a day as OFAC writes it: month/day/year.") from None
