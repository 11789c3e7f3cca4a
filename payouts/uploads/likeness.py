"""Rows that look like another payment: the same address and amount twice, and addresses with the same ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from lucid_payments.money import format_usdt
from payouts.approvals import recipients
from payouts.models.payout import ENDS
from payouts.uploads.columns import ADDRESS, AMOUNT, Problem, Row

RECENT: Final = timedelta(days=30)
# The newest one of each address and amount that was, or still may be, paid.
_RECENT: Final = """
SELECT asked.address, asked.amount, found.payout_id, found.created_at
FROM unnest(%s::text[], %s::bigint[]) AS asked (address, amount)
CROSS JOIN LATERAL (
    SELECT payout_id, created_at FROM payouts_payout
    WHERE recipient_address = asked.address AND amount = asked.amount AND created_at >= %s
        AND status NOT IN ('failed', 'cancelled', 'rejected')
    ORDER BY id DESC LIMIT 1
) AS found
"""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What to look at, by row; nothing of it is an error. `duplicates` and `look_alikes` are line numbers."""

    remarks: dict[int, list[Problem]]
    duplicates: set[int]
    look_alikes: set[int]
    recipients: set[str]
    first_time: set[str]


def look(rows: Sequence[Row], at: datetime) -> Likeness:
    """Of rows whose address and amount are right; four statements, however many rows there are."""
    remarks: dict[int, list[Problem]] = defaultdict(list)
    duplicates = {*_twice_here(rows, remarks), *_paid_recently(rows, at, remarks)}
    asked = {row.order.recipient_address for row in rows}
    known = recipients.look_up(asked)
    here = _same_ends(asked)
    look_alikes = set()
    for row in rows:
        address = row.order.recipient_address
        double = known[address].double
        others = ([f"{double}, which is known"] if double else []) + [
            f"{other} in this file" for other in here.get(address, [])
        ]
        if others:
            look_alikes.add(row.number)
            remarks[row.number].append(
                Problem(
                    ADDRESS,
                    f"Its ends are those of {others[0]}.",
                    "Compare every character with what the recipient gave you.",
                )
            )
    return Likeness(
        dict(remarks),
        duplicates,
        look_alikes,
        asked,
        {address for address in asked if not known[address].paid_before},
    )


def _twice_here(rows: Iterable[Row], remarks: dict[int, list[Problem]]) -> set[int]:
    first: dict[tuple[str, int], int] = {}
    found = set()
    for row in rows:
        key = row.order.recipient_address, row.order.amount
        earlier = first.setdefault(key, row.number)
        if earlier != row.number:
            found.add(row.number)
            remarks[row.number].append(
                Problem(
                    AMOUNT,
                    f"Line {earlier} pays the same amount to the same address.",
                    "Delete one of the two, unless both are meant.",
                )
            )
    return found


def _paid_recently(rows: Sequence[Row], at: datetime, remarks: dict[int, list[Problem]]) -> set[int]:
    keys = sorted({(row.order.recipient_address, row.order.amount) for row in rows})
    with connection.cursor() as cursor:
        cursor.execute(
            _RECENT, [[address for address, _ in keys], [amount for _, amount in keys], at - RECENT]
        )
        recent = {(address, amount): told for address, amount, *told in cursor.fetchall()}
    found = set()
    for row in rows:
        told = recent.get((row.order.recipient_address, row.order.amount))
        if told is not None:
            payout_id, created_at = told
            found.add(row.number)
            remarks[row.number].append(
                Problem(
                    AMOUNT,
                    f"{payout_id} of {created_at:%Y-%m-%d} has the same address and amount, "
                    f"{format_usdt(row.order.amount)} USDT.",
                    "Delete the row, unless it is meant once more.",
                )
            )
    return found


def _same_ends(addresses: Iterable[str]) -> dict[str, list[str]]:
    by_ends: dict[str, list[str]] = defaultdict(list)
    for address in addresses:
        by_ends[address[:ENDS] + address[-ENDS:]].append(address)
    return {
        address: sorted(other for other in alike if other != address)
        for alike in by_ends.values()
        if len(alike) > 1
        for address in alike
    }
