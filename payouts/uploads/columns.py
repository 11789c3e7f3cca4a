"""The columns of a file, and what a row says: each cell for itself, before anything is asked of the database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from payouts.models.payout import Priority
from payouts.order import PayoutOrder
from payouts.tron import addresses
from payouts.uploads import amounts
from payouts.uploads.sheet import Cell, FileRefused, Line, Odd, Sheet

ADDRESS, AMOUNT, REASON = "recipient_address", "amount_usdt", "reason"
REFERENCE, NODE, SESSION, PRIORITY = "reference_id", "node_id", "session_id", "priority"
REQUIRED: Final = (ADDRESS, AMOUNT, REASON)
LENGTHS: Final = {REASON: 200, REFERENCE: 100, NODE: 50, SESSION: 50}
COLUMNS: Final = (ADDRESS, AMOUNT, REASON, REFERENCE, NODE, SESSION, PRIORITY)
# What the file that is given back has beside its own columns: read again, it is skipped.
CHECK: Final = "check"
_ALSO: Final = {
    "address": ADDRESS,
    "recipient": ADDRESS,
    "amount": AMOUNT,
    "usdt": AMOUNT,
    "reference": REFERENCE,
    "node": NODE,
    "session": SESSION,
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNPARTED: Final = re.compile(r"[\s\-]+")
# No amount: the order of a row whose amount is wrong is looked at all the same, and its amount not judged again.
_STAND_IN: Final = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one column, and what would be right. Without a column: the row as a whole."""

    column: str
    problem: str
    right: str


@dataclass(slots=True)
class Row:
    """A line as an order. `problems` are those of its cells; with one of them it is no order."""

    number: int
    order: PayoutOrder
    problems: list[Problem] = field(default_factory=list)

    @property
    def wrong(self) -> set[str]:
        return {problem.column for problem in self.problems}


def places(sheet: Sheet) -> dict[str, int]:
    """Each column's place in the file. Raises FileRefused naming every heading that is none, twice there or missing."""
    found: dict[str, int] = {}
    wrong: list[str] = []
    for place, cell in enumerate(sheet.header.cells):
        heading = "" if isinstance(cell, Odd) else _UNPARTED.sub("_", cell.strip().lower())
        name = _ALSO.get(heading, heading)
        if name == CHECK or (not heading and not _is_used(sheet, place)):
            continue
        if name not in COLUMNS:
            wrong.append(f"“{str(cell)[:40]}” is no column of this file." if heading else _unnamed(place))
        elif name in found:
            wrong.append(f"The column {name} is there twice.")
        else:
            found[name] = place
    wrong += [f"The column {name} is missing." for name in REQUIRED if name not in found]
    if wrong:
        raise FileRefused(*wrong[:20], f"The first line names the columns: {', '.join(COLUMNS)}.")
    return found


def check_place(sheet: Sheet) -> int | None:
    """Where an earlier answer's own column is."""
    for place, cell in enumerate(sheet.header.cells):
        if not isinstance(cell, Odd) and cell.strip().lower() == CHECK:
            return place
    return None


def row(line: Line, columns: dict[str, int], width: int, shared: dict[str, Any]) -> Row:
    """`shared`: what all rows have in common; `width`: the header's."""
    problems: list[Problem] = []
    if any(line.cells[width:]):
        problems.append(
            Problem(
                "",
                "The row has more cells than the header.",
                "Put quotation marks around a cell that holds the separator.",
            )
        )
    given = {name: line.cells[place] if place < len(line.cells) else "" for name, place in columns.items()}
    texts = {name: _text(name, cell, problems) for name, cell in given.items()}
    order = PayoutOrder(
        recipient_address=_address(texts[ADDRESS], problems),
        amount=_amount(texts[AMOUNT], problems),
        reason=texts[REASON] or "-",
        router_type=shared["router_type"],
        batch_type=shared["batch_type"],
        priority=_priority(texts.get(PRIORITY), problems, shared["priority"]),
        reference_id=texts.get(REFERENCE) or None,
        node_id=texts.get(NODE) or None,
        session_id=texts.get(SESSION) or None,
    )
    return Row(line.number, order, problems)


def _text(name: str, cell: Cell, problems: list[Problem]) -> str | None:
    """None for a cell whose problem is told."""
    if isinstance(cell, Odd):
        problems.append(Problem(name, cell.problem, cell.right))
        return None
    if not cell:
        if name in REQUIRED:
            problems.append(Problem(name, "The cell is empty.", "Every row needs one."))
            return None
        return ""
    most = LENGTHS.get(name, 200)
    if len(cell) > most:
        problems.append(Problem(name, f"It has more than {most} characters.", "Shorten it."))
        return None
    if _CONTROL.search(cell):
        problems.append(Problem(name, "It holds a line break or another control character.", "Delete it."))
        return None
    return cell


def _address(text: str | None, problems: list[Problem]) -> str:
    if text is None:
        return ""
    try:
        addresses.decode(text)
    except addresses.InvalidAddress as error:
        problems.append(Problem(ADDRESS, str(error), _ADVICE.get(error.code, _COPY)))
    return text


def _amount(text: str | None, problems: list[Problem]) -> int:
    if text is None:
        return _STAND_IN
    try:
        return amounts.parse(text)
    except amounts.Refused as refused:
        problems.append(Problem(AMOUNT, refused.problem, refused.right))
        return _STAND_IN


def _priority(text: str | None, problems: list[Problem], otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        return Priority[text.upper()]
    except KeyError:
        problems.append(
            Problem(PRIORITY, f"“{text[:20]}” is no priority.", f"One of {', '.join(Priority.labels)}.")
        )
        return otherwise


def _is_used(sheet: Sheet, place: int) -> bool:
    return any(place < len(line.cells) and line.cells[place] for line in sheet.lines)


def _unnamed(place: int) -> str:
    return f"Column {chr(ord('A') + place) if place < 26 else place + 1} holds something, and has no heading."


_COPY: Final = "Copy the whole address anew from whoever is to be paid; don't type it."
_ADVICE: Final = {
    "hex": "Ask for the address in TRON's own form: 34 characters, the first is T.",
    "alphabet": "No 0, O, I or l stands in an address, and no space. " + _COPY,
    "length": _COPY,
    "checksum": _COPY,
    "version": "It is another network's address. Ask for one on TRON.",
}
