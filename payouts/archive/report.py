"""The archive for reading: a PDF of what its JSON files say. The files are the record; this is their picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fpdf import FPDF
from fpdf.enums import WrapMode

from lucid_payments import clock
from lucid_payments.backoffice.formats import usdt
from payouts.models import Payout

if TYPE_CHECKING:
    from payouts.archive.contents import Section

# A page or so of one value; the JSON file beside it has all of it.
LONGEST_VALUE: Final = 4_000
_LABEL_WIDTH: Final = 45
_LINE: Final = 4.6


class _Pages(FPDF):
    """Numbered pages that name their payout."""

    def __init__(self, name: str) -> None:
        super().__init__(format="A4")
        self.name = name
        self.set_margins(18, 18)
        self.set_auto_page_break(True, margin=18)
        self.set_title(name)
        self.set_creator("Lucid Payments")
        self.set_creation_date(clock.now())

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font("helvetica", size=8)
        self.cell(0, 4, f"{self.name} - page {self.page_no()} of {{nb}}", align="C")


def render(payout: Payout, sections: Mapping[str, Any], described: Iterable[Section]) -> bytes:
    """The PDF of these sections, in the order of `described`."""
    pages = _Pages(payout.payout_id)
    pages.add_page()
    pages.set_font("helvetica", "B", 15)
    pages.multi_cell(0, 8, payout.payout_id, new_x="LMARGIN", new_y="NEXT")
    pages.set_font("helvetica", size=10)
    line = f"{usdt(payout.amount)} USDT to {payout.recipient_address}, {payout.status}"
    pages.multi_cell(0, 6, _latin(line), new_x="LMARGIN", new_y="NEXT")
    pages.multi_cell(
        0, 5, _latin(f"As kept on {clock.now():%Y-%m-%d %H:%M:%S} UTC. Amounts are base units, 1 USDT = 1,000,000."),
        new_x="LMARGIN", new_y="NEXT",
    )  # fmt: skip
    for section in described:
        _section(pages, section, sections[section.name])
    return bytes(pages.output())


def _section(pages: _Pages, section: Section, content: Any) -> None:
    pages.ln(4)
    pages.set_font("helvetica", "B", 12)
    pages.cell(0, 7, _latin(section.name.replace("_", " ").capitalize()), new_x="LMARGIN", new_y="NEXT")
    pages.set_font("helvetica", "I", 9)
    pages.multi_cell(0, 5, _latin(section.words), new_x="LMARGIN", new_y="NEXT")
    rows = content if isinstance(content, list) else [content]
    if not rows:
        pages.set_font("helvetica", size=9)
        pages.cell(0, 6, "None.", new_x="LMARGIN", new_y="NEXT")
    for row in rows:
        pages.ln(2)
        values = row if isinstance(row, Mapping) else {"value": row}
        for label, value in values.items():
            if value not in (None, "", [], {}):
                _line(pages, str(label), value)


def _line(pages: _Pages, label: str, value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]} (cut here: the JSON file has all of it)"
    if pages.will_page_break(_LINE):
        pages.add_page()
    pages.set_font("helvetica", size=8)
    pages.cell(_LABEL_WIDTH, _LINE, _latin(label.replace("_", " ")))
    pages.set_font("courier", size=8)
    pages.multi_cell(0, _LINE, _latin(text), align="L", wrapmode=WrapMode.CHAR, new_x="LMARGIN", new_y="NEXT")


def _latin(text: str) -> str:
    """What the PDF's own fonts can show; other characters stand as their code, so that none is lost."""
    return "".join(
        character
        if character == "\n" or (character.isprintable() and ord(character) < 256)
        else f"\\u{ord(character):04x}"
        for character in text
    )
