"""The archive for reading: a PDF of what its JSON files say. The files are the record; this is their picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from lucid_payments import clock

# A page or so of one value; the JSON file beside it has all of it.
LONGEST_VALUE: Final = 4_000
# What a table's cell takes before it is read in the JSON file.
LONGEST_CELL: Final = 300
_LABEL_WIDTH: Final = 45
_INDENT: Final = 5
_GAP: Final = 2
_LINE: Final = 4.6
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_INK, _QUIET, _RULE = (20, 24, 31), (90, 98, 110), (200, 205, 212)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One section's content: rows of `columns` in a table, or each value by its name."""

    name: str
    words: str
    content: Any
    columns: tuple[str, ...] = ()


def render(
    kind: str,
    public_id: str,
    facts: Iterable[tuple[str, str]],
    chapters: Iterable[Chapter],
    digests: Mapping[str, str],
) -> bytes:
    """The PDF. `digests`: the SHA-256 of each file that it is a picture of."""
    pages = Pages(public_id)
    pages.add_page()
    pages.words(kind.upper(), 8.5, "B", _QUIET)
    pages.words(public_id, 15, "B", _INK, line=8)
    pages.ln(1)
    made = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
    for label, value in [*facts, ("Made", made)]:
        pages.value(label, value)
    pages.ln(1)
    pages.words(
        "Times are UTC. Amounts are base units (1 USDT = 1,000,000), TRX in sun (1 TRX = 1,000,000)."
        " The JSON files beside this one are the record; empty values are left out here.",
        8.5, "I", _QUIET,
    )  # fmt: skip
    for chapter in chapters:
        _chapter(pages, chapter)
    files = [{"file": name, "sha256": digest} for name, digest in digests.items()]
    _chapter(pages, Chapter("files", "The files that this is a picture of.", files, ("file", "sha256")))
    return bytes(pages.output())


class Pages(FPDF):
    """Numbered pages that name their subject."""

    def __init__(self, name: str) -> None:
        super().__init__(format="A4")
        self.name = name
        self.set_margins(18, 18)
        self.c_margin = 0
        self.set_auto_page_break(True, margin=18)
        self.set_title(name)
        self.set_creator("Lucid Payments")
        self.set_creation_date(clock.now())
        self.set_draw_color(*_RULE)

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font("helvetica", size=8)
        self.set_text_color(*_QUIET)
        self.cell(0, 4, f"{self.name} - page {self.page_no()} of {{nb}}", align="C")

    def words(
        self, text: str, size: float, style: str = "", color: tuple[int, int, int] = _INK, line: float = 5
    ) -> None:
        self.set_font("helvetica", style, size)
        self.set_text_color(*color)
        self.multi_cell(0, line, latin(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def value(self, label: str, value: str, depth: int = 0) -> None:
        """A label, as far in as it is deep, and its value beside it."""
        if self.will_page_break(_LINE):
            self.add_page()
        self.set_x(self.l_margin + depth * _INDENT)
        self.set_font("helvetica", size=8)
        self.set_text_color(*_QUIET)
        self.cell(_LABEL_WIDTH - depth * _INDENT, _LINE, latin(label))
        self.set_font("courier", size=8)
        self.set_text_color(*_INK)
        self.multi_cell(0, _LINE, latin(value), align="L", new_x="LMARGIN", new_y="NEXT")

    def rule(self) -> None:
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())


def _chapter(pages: Pages, chapter: Chapter) -> None:
    # Never a heading alone at a page's foot.
    if pages.will_page_break(30):
        pages.add_page()
    pages.ln(6)
    pages.words(chapter.name.replace("_", " ").capitalize(), 12, "B", line=7)
    pages.rule()
    pages.ln(1)
    pages.words(chapter.words, 9, "I", _QUIET)
    rows = chapter.content if isinstance(chapter.content, list) else [chapter.content]
    if not rows:
        pages.words("None.", 9, line=6)
    elif chapter.columns:
        _table(pages, rows, chapter.columns)
    else:
        for number, row in enumerate(rows, start=1):
            pages.ln(2)
            if len(rows) > 1:
                _numbered(pages, number, len(rows))
            _values(pages, row, 0)


def _numbered(pages: Pages, number: int, of: int) -> None:
    if pages.will_page_break(4 * _LINE):
        pages.add_page()
    if number > 1:
        pages.rule()
        pages.ln(1)
    pages.words(f"{number} of {of}", 8, "B", _QUIET, line=_LINE)


def _table(pages: Pages, rows: list[Any], columns: tuple[str, ...]) -> None:
    cells = [[_shown(row.get(column), LONGEST_CELL) for column in columns] for row in rows]
    pages.ln(1)
    pages.set_font("helvetica", size=8)
    pages.set_text_color(*_INK)
    natural = [
        max(pages.get_string_width(latin(line)) for line in (f"{column} ", *each)) + _GAP
        for column, each in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    with pages.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        col_widths=_fitting(natural, pages.epw),
        headings_style=FontFace(emphasis="BOLD", color=_QUIET),
        line_height=_LINE,
        text_align="LEFT",
        padding=(0.6, _GAP, 0.6, 0),
    ) as table:
        table.row([column.replace("_", " ") for column in columns])
        for row in cells:
            table.row([latin(cell) for cell in row])


def _fitting(natural: list[float], available: float) -> list[float]:
    """Column widths (mm) that fit: the widest give way, the others keep what they need."""
    left = available
    for at, width in enumerate(ordered := sorted(natural)):
        share = left / (len(ordered) - at)
        if width > share:
            return [min(each, share) for each in natural]
        left -= width
    return natural


def _values(pages: Pages, row: Any, depth: int) -> None:
    """Every value that isn't empty by its name; what is nested further in."""
    values = row if isinstance(row, Mapping) else {"value": row}
    for label, value in values.items():
        name = str(label).replace("_", " ")
        if value in _EMPTY:
            continue
        if isinstance(value, Mapping):
            pages.value(name, "", depth)
            _values(pages, value, depth + 1)
        elif isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, start=1):
                pages.value(f"{name}, {number} of {len(value)}", "", depth)
                _values(pages, each, depth + 1)
        else:
            pages.value(name, _shown(value, LONGEST_VALUE), depth)


def _shown(value: Any, longest: int) -> str:
    text = _TIME.sub(r"\1 \2", _words(value))
    return text if len(text) <= longest else f"{text[:longest]} (cut here: the JSON file has all of it)"


def _words(value: Any) -> str:
    """A value in a line: what is nested as `name: value` or one after the other."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_words(each)}" for name, each in value.items() if each not in _EMPTY)
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return "" if value is None else str(value)


def latin(text: str) -> str:
    """What the PDF's own fonts can show; other characters stand as their code, so that none is lost."""
    return "".join(
        character
        if character == "\n" or (character.isprintable() and ord(character) < 256)
        else f"\\u{ord(character):04x}"
        for character in text
    )
