"""The cooling-off gate: a payout above a limit to an address that is new to us waits, from the first sight of it.

Known is an address that was paid before, that stands in the address book, or that is a proven wallet. First sight is
the first payout that anybody asked for to it. Two people who confirm the address end the wait (kyc.addressbook).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from kyc import addressbook
from kyc.addressbook.reading import Paid
from lucid_payments import clock, nudge
from lucid_payments.money import format_usdt
from payouts import timeline
from payouts.models.payout import HoldReason, Payout

RELEASE_TASK: Final = "payouts.tasks.release"
# By the index on (recipient, id): the first row of each address, and whether one of them was paid.
_SEEN: Final = """
SELECT asked.address,
    (SELECT created_at FROM payouts_payout WHERE recipient_address = asked.address ORDER BY id LIMIT 1)
FROM unnest(%s::text[]) AS asked (address)
WHERE NOT EXISTS (
    SELECT FROM payouts_payout WHERE recipient_address = asked.address AND status = 'confirmed'
)
"""
_PAID: Final = """
SELECT recipient_address, min(ended_at), max(ended_at) FROM payouts_payout
WHERE recipient_address = ANY(%s) AND status = 'confirmed' GROUP BY recipient_address
"""


def until(payouts: Iterable[Payout], at: datetime) -> dict[int, datetime]:
    """When those that wait for their address may go, by primary key; two queries, none where nothing is large."""
    large = [payout for payout in payouts if payout.amount > settings.NEW_ADDRESS_LIMIT]
    asked = {payout.recipient_address for payout in large}
    if not asked:
        return {}
    new = asked - addressbook.known(asked)
    ends = _ends(new) if new else {}
    return {
        payout.pk: ends[payout.recipient_address]
        for payout in large
        if payout.recipient_address in ends and ends[payout.recipient_address] > at
    }


def sentence(end: datetime) -> str:
    """What the timeline says of a payout held until `end`."""
    limit = format_usdt(settings.NEW_ADDRESS_LIMIT)
    return (
        f"The address is new to us and the payout above {limit} USDT: it waits until {end:%Y-%m-%d %H:%M} UTC, "
        "or until two people confirm the address in the address book."
    )


def let_go(address: str) -> None:
    """Two people have confirmed the address: what waits for it is looked at again now."""
    waiting = Payout.objects.filter(recipient_address=address, hold_reason=HoldReason.COOLING_OFF)
    if timeline.hold(
        waiting, HoldReason.COOLING_OFF, detail="Two people have confirmed the address.", until=clock.now()
    ):
        nudge.after_commit(RELEASE_TASK)


def paid(addresses: Collection[str]) -> dict[str, Paid]:
    """When each of these addresses was first and last paid; those never paid are left out."""
    if not addresses:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_PAID, [list(addresses)])
        return {address: Paid(first, last) for address, first, last in cursor.fetchall()}


def _ends(addresses: Collection[str]) -> dict[str, datetime]:
    """When the cooling-off time of each address that was never paid is over."""
    wait = timedelta(hours=settings.COOLING_OFF_HOURS)
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [list(addresses)])
        return {address: seen + wait for address, seen in cursor.fetchall() if seen is not None}
