"""Reading an XML list: pushed through defusedxml's SAX parser, so that memory stays as small as one party.

No document type, no entity, nothing from outside: what declares one is refused. Names are local names, since the
publishers have changed their namespaces more than once.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.sax import SAXException, handler

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from kyc.screening.formats.items import LONGEST_TEXT, Item, ListUnreadable

DEEPEST: Final = 40


class PartyHandler(handler.ContentHandler):
    """Follows the file's elements; subclasses say what they mean. `found` is emptied by whoever reads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Item] = []
        self.path: list[str] = []
        self._text: list[str] = []
        self._length = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element opened; `path` ends with it."""

    def end(self, name: str, text: str) -> None:
        """An element closed, with the text right inside it; `path` still ends with it."""

    def startElement(self, name: str, attrs: Any) -> None:
        self.path.append(name.rpartition(":")[2])
        if len(self.path) > DEEPEST:
            raise ListUnreadable(f"Its elements lie more than {DEEPEST} deep.")
        self._text, self._length = [], 0
        self.begin(self.path[-1], {key.rpartition(":")[2]: attrs[key] for key in attrs.getNames()})

    def endElement(self, name: str) -> None:
        self.end(self.path[-1], "".join(self._text).strip())
        self.path.pop()
        self._text, self._length = [], 0

    def characters(self, content: str) -> None:
        self._length += len(content)
        if self._length > LONGEST_TEXT and content.strip():
            raise ListUnreadable(f"An element holds a text of more than {LONGEST_TEXT} characters.")
        if self._length <= LONGEST_TEXT:
            self._text.append(content)


def parse(pieces: Iterable[bytes], party: PartyHandler) -> Iterator[Item]:
    """Everything that `party` finds, as it finds it. Raises ListUnreadable."""
    parser = DefusedExpatParser(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.setContentHandler(party)
    parser.setErrorHandler(handler.ErrorHandler())
    try:
        for piece in pieces:
            # Small bites: the parser would hold whatever it is given at once.
            bites = io.BytesIO(piece)
            while bite := bites.read(65_536):
                parser.feed(bite)
                yield from party.found
                party.found.clear()
        parser.close()
    except DefusedXmlException:
        raise ListUnreadable("It declares a document type or an entity; a list has none.") from None
    except SAXException as error:
        raise ListUnreadable(f"It isn't well-formed XML: {error.getMessage()[:100]}.") from None
    except (ValueError, LookupError) as error:
        raise ListUnreadable(f"It can't be read as XML: {str(error)[:100]}.") from None
    yield from party.found
