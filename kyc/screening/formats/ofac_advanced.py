"""OFAC's `sdn_advanced.xml`: feature types are declared first, then each party's profile names them by number.

Addresses are the features whose type begins with "Digital Currency Address - ", whatever ticker follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from kyc.screening.formats import xml
from kyc.screening.formats.items import MOST_OF_A_PARTY, Address, Item, ListUnreadable, Name, Published
from kyc.screening.formats.ofac_sdn import PREFIX

_DATE_PARTS: Final = ("Year", "Month", "Day")


def parse(pieces: Iterable[bytes]) -> Iterator[Item]:
    """Raises ListUnreadable, for a file without one digital-currency address too."""
    party, seen = _Handler(), 0
    for item in xml.parse(pieces, party):
        seen += isinstance(item, Address)
        yield item
    if not party.tickers:
        raise ListUnreadable(
            "It declares no feature type of digital-currency addresses: its format has changed."
        )
    if not seen:
        raise ListUnreadable(
            "It holds no digital-currency address: its format has changed, or it is another file."
        )


class _Handler(xml.PartyHandler):
    def __init__(self) -> None:
        super().__init__()
        # Feature type's number -> ticker.
        self.tickers: dict[str, str] = {}
        self.issued: dict[str, str] = {}
        self.type_id = ""
        self.feature = ""
        self._start("")

    def _start(self, uid: str) -> None:
        self.uid = uid
        self.names: list[str] = []
        self.parts: list[str] = []
        self.addresses: list[tuple[str, str]] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "FeatureType":
            self.type_id = attributes.get("ID", "")
        elif name == "Feature":
            self.feature = attributes.get("FeatureTypeID", "")
        elif name == "DistinctParty":
            self._start(attributes.get("FixedRef", ""))

    def end(self, name: str, text: str) -> None:
        if name == "FeatureType" and text.startswith(PREFIX):
            self.tickers[self.type_id] = text.removeprefix(PREFIX).strip()
        elif name in _DATE_PARTS and self.path[-2] == "DateOfIssue":
            self.issued[name] = text
        elif name == "DateOfIssue" and len(self.path) == 2:
            self.found.append(Published(self._day()))
        elif name == "NamePartValue" and text:
            self.parts.append(text)
        elif name == "DocumentedName":
            if self.parts:
                self.names.append(" ".join(self.parts))
            self.parts = []
        elif name == "VersionDetail" and self.feature in self.tickers:
            self.addresses.append((text, self.tickers[self.feature]))
        elif name == "DistinctParty":
            self._tell()
            self._start("")
        if max(len(self.names), len(self.parts), len(self.addresses)) > MOST_OF_A_PARTY:
            raise ListUnreadable(f"One party has more than {MOST_OF_A_PARTY} rows of one kind.")

    def _tell(self) -> None:
        label = self.names[0] if self.names else ""
        for name in self.names:
            self.found.append(Name(name, self.uid, label))
        for raw, ticker in self.addresses:
            self.found.append(Address(raw, f"party {self.uid}", ticker, self.uid, label))

    def _day(self) -> date:
        try:
            year, month, day = (int(self.issued[part]) for part in _DATE_PARTS)
            return date(year, month, day)
        except (KeyError, ValueError):
            raise ListUnreadable("Its DateOfIssue isn't a day.") from None
