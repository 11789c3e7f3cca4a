"""The check of a whole file: what each cell says, what intake would refuse, and what people should look at.

Everything is told at once. Nothing is created: the same desk looks at the orders as for any batch, and what it would
refuse later it refuses here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lucid_payments.accounts.models import User
from lucid_payments.api.errors import (
    AmountTooHigh,
    InvalidAddress,
    InvalidRouter,
    LucidError,
    PermissionRefused,
    RecipientNotAccepted,
    ReferenceUsed,
)
from payouts import screened
from payouts.models.upload import PayoutUpload, UploadState
from payouts.order import PayoutOrder
from payouts.refusals import Desk
from payouts.screened import Refused
from payouts.uploads import columns, likeness
from payouts.uploads.columns import ADDRESS, AMOUNT, NODE, PRIORITY, REFERENCE, SESSION, Problem, Row
from payouts.uploads.likeness import Likeness
from payouts.uploads.sheet import Sheet, cell_name, shown
from routers.selection import RouterDecision

WRONG: Final = "wrong"
LOOK: Final = "look"
# The file as a whole.
NO_LINE: Final = 0
LIMITS: Final = {
    "payout_maximum": "what one payout may be",
    "hourly_limit": "what an hour takes",
    "daily_limit": "what a day takes",
    "recipient_limit": "what one recipient gets in a day",
    "creator_limit": "what you may ask for in a day",
    "attested_per_payout": "what the node's attestation allows for a payout",
    "attested_daily": "what the node's attestation allows for a day",
    "attested_monthly": "what the node's attestation allows for a month",
}
_COLUMN: Final[dict[type[LucidError], str]] = {
    InvalidAddress: ADDRESS,
    RecipientNotAccepted: ADDRESS,
    AmountTooHigh: AMOUNT,
    ReferenceUsed: REFERENCE,
    InvalidRouter: NODE,
}
_RIGHT: Final[dict[type[LucidError], str]] = {
    InvalidAddress: "Give the recipient's own address.",
    RecipientNotAccepted: "Take the row out.",
    ReferenceUsed: "Take the row out if it was paid then, or give a reference of its own.",
    InvalidRouter: "Leave the router to the rule, or take the row out.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `weight` is WRONG or LOOK; `cell` is empty where it is about the row or the file."""

    line: int
    column: str
    cell: str
    weight: str
    problem: str
    right: str

    def as_list(self) -> list[Any]:
        return [self.line, self.column, self.cell, self.weight, self.problem, self.right]


@dataclass(frozen=True, slots=True)
class Checked:
    """`decided` are the rows without an error, with their routers; `desk` has accepted them in this transaction."""

    desk: Desk
    decided: list[tuple[PayoutOrder, RouterDecision]]
    findings: list[Finding]
    facts: dict[str, Any]

    @property
    def is_right(self) -> bool:
        return not any(finding.weight == WRONG for finding in self.findings)


def check(
    sheet: Sheet, *, creator: User, shared: dict[str, Any], sha256: str, request_id: str = ""
) -> Checked:
    """Look at every row. `shared` holds router_type, priority and batch_type. Only inside a transaction.

    Raises FileRefused for a header that isn't one. Listed recipients open their cases, as with any order.
    """
    places = columns.places(sheet)
    width = len(sheet.header.cells)
    rows = [columns.row(line, places, width, shared) for line in sheet.lines]
    refused = Refused()
    # While a breaker is open every row would say so: submitting says it once.
    desk = Desk.open(creator, [row.order for row in rows], refused, hold_while_open=True)
    decided = [
        (row.order, decision)
        for row in rows
        if (decision := _decide(desk, row)) is not None and not row.problems
    ]
    screened.keep_refused(refused, creator, request_id)
    alike = likeness.look([row for row in rows if not {ADDRESS, AMOUNT} & row.wrong], desk.at)
    findings = [*_of_file(desk, decided, sha256), *_of_rows(rows, alike, places)]
    return Checked(desk, decided, findings, _facts(sheet, rows, places, decided, findings, alike, desk))


def _decide(desk: Desk, row: Row) -> RouterDecision | None:
    """What the desk says of the row goes to its problems; a cell that was wrong already isn't judged again."""
    wrong = row.wrong
    decision, errors = desk.problems(row.order)
    if desk.creator.needs_reference and not row.order.reference_id and REFERENCE not in wrong:
        row.problems.append(
            Problem(REFERENCE, "The cell is empty.", "This client was set to give one with every payout.")
        )
    for error in errors:
        problem = _in_words(error)
        if problem.column not in wrong:
            row.problems.append(problem)
    return decision


def _in_words(error: LucidError) -> Problem:
    column = _COLUMN.get(type(error), "")
    right = _RIGHT.get(type(error), "")
    if isinstance(error, AmountTooHigh):
        limit = LIMITS.get(error.details["limit_name"], "a limit")
        return Problem(
            column,
            f"{error.details['amount']} USDT is above {limit}, {error.details['limit']} USDT.",
            "Split it, or leave it out.",
        )
    if type(error) is ReferenceUsed:
        return Problem(column, f"The reference was used for {error.details['payout_id']}.", right)
    if isinstance(error, RecipientNotAccepted):
        return Problem(column, f"{error.message}.", right)
    for name, told in error.details.items():
        sentences = told if isinstance(told, list) else [told]
        known = column or (name if name in columns.COLUMNS else "")
        return Problem(known, " ".join(map(str, sentences)), right or _RIGHT_BY_NAME.get(known, ""))
    what = "You may not create payouts." if isinstance(error, PermissionRefused) else f"{error.message}."
    return Problem(column, what, right)


_RIGHT_BY_NAME: Final = {
    REFERENCE: "Give each row a reference of its own.",
    SESSION: "Take the row out: a session is paid once to one recipient.",
    NODE: "Give one of your own nodes, or leave it empty.",
    PRIORITY: "Leave it empty, or give another one.",
    AMOUNT: "Give an amount that the router pays.",
}


def _of_file(
    desk: Desk, decided: Sequence[tuple[PayoutOrder, RouterDecision]], sha256: str
) -> Iterator[Finding]:
    first = (
        PayoutUpload.objects.filter(sha256=sha256, state=UploadState.SUBMITTED)
        .select_related("uploader")
        .first()
    )
    if first is not None:
        yield Finding(
            NO_LINE,
            "",
            "",
            WRONG,
            f"This very file was submitted by {first.uploader.get_username()} on "
            f"{first.submitted_at:%Y-%m-%d %H:%M} UTC ({first.upload_id}).",
            "A file is paid once. What is due again comes in a file of its own.",
        )
    try:
        desk.refuse_more_than_a_day(decided)
    except AmountTooHigh as error:
        told = _in_words(error)
        yield Finding(NO_LINE, "", "", WRONG, f"Together, {told.problem}", "Split the file by days.")


def _of_rows(rows: Sequence[Row], alike: Likeness, places: dict[str, int]) -> Iterator[Finding]:
    for row in rows:
        for weight, problems in ((WRONG, row.problems), (LOOK, alike.remarks.get(row.number, ()))):
            for problem in problems:
                place = places.get(problem.column)
                cell = cell_name(place, row.number) if place is not None else ""
                yield Finding(row.number, problem.column, cell, weight, problem.problem, problem.right)


def _facts(
    sheet: Sheet,
    rows: Sequence[Row],
    places: dict[str, int],
    decided: Sequence[tuple[PayoutOrder, RouterDecision]],
    findings: Sequence[Finding],
    alike: Likeness,
    desk: Desk,
) -> dict[str, Any]:
    """What is kept of a check, by the fields of PayoutUpload."""
    wrong = any(finding.weight == WRONG for finding in findings)
    return {
        "state": UploadState.REFUSED if wrong else UploadState.CHECKED,
        "rows": [
            [
                line.number,
                *(
                    shown(line.cells[places[name]])[:200]
                    if places.get(name, len(line.cells)) < len(line.cells)
                    else ""
                    for name in columns.COLUMNS
                ),
            ]
            for line in sheet.lines
        ],
        "findings": [finding.as_list() for finding in findings],
        "rows_count": len(rows),
        "wrong_rows": sum(bool(row.problems) for row in rows),
        "total_amount": sum(order.amount for order, _ in decided),
        "recipients": len(alike.recipients),
        "first_time": len(alike.first_time),
        "look_alikes": len(alike.look_alikes),
        "duplicates": len(alike.duplicates),
        "checked_at": desk.at,
    }
