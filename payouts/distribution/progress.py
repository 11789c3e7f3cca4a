"""How far entitlements have come: kept in the transactions that end their payouts, so that they always agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection

from payouts.models.distribution import Chunk, Entitlement
from payouts.models.payout import UNPAID, Payout, PayoutStatus

# Every chunk's payout has a reference that begins so.
REFERENCE: Final = "month/"
# Locked in one order, as whoever makes new chunks locks them.
_ENDED: Final = f"""
WITH ended AS (
    SELECT chunk.entitlement_id AS id, sum(payout.amount) FILTER (WHERE payout.id = ANY(%(paid)s)) AS paid,
        sum(payout.amount) FILTER (WHERE payout.id = ANY(%(unpaid)s)) AS back
    FROM {Chunk._meta.db_table} AS chunk JOIN {Payout._meta.db_table} AS payout ON payout.id = chunk.payout_id
    WHERE payout.id = ANY(%(paid)s) OR payout.id = ANY(%(unpaid)s) GROUP BY chunk.entitlement_id
), locked AS (
    SELECT line.id FROM {Entitlement._meta.db_table} AS line JOIN ended ON ended.id = line.id
    ORDER BY line.id FOR UPDATE OF line
)
UPDATE {Entitlement._meta.db_table} AS line SET
    paid = line.paid + coalesce(ended.paid, 0), committed = line.committed - coalesce(ended.back, 0),
    state = CASE WHEN line.paid + coalesce(ended.paid, 0) = line.amount THEN 'paid'
        WHEN ended.back IS NOT NULL AND line.state = 'due' THEN 'held' ELSE line.state END,
    hold_reason = CASE WHEN line.paid + coalesce(ended.paid, 0) = line.amount THEN ''
        WHEN ended.back IS NOT NULL AND line.state = 'due' THEN 'called_off' ELSE line.hold_reason END,
    hold_detail = CASE WHEN ended.back IS NOT NULL AND line.state = 'due' THEN %(sentence)s ELSE line.hold_detail END
FROM ended JOIN locked ON locked.id = ended.id WHERE line.id = ended.id
"""  # noqa: S608 - tables' names, and parameters
_SENTENCE: Final = "A payout of it failed or was called off. People decide whether it is tried again."


def note_ended(ended: Iterable[tuple[Payout, PayoutStatus]]) -> None:
    """These payouts have just ended so. In the transaction that ends them; no statement for those of no run.

    What wasn't paid is owed again, and waits for people.
    """
    ours = [(payout, status) for payout, status in ended if (payout.reference_id or "").startswith(REFERENCE)]
    if not ours:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _ENDED,
            {
                "paid": [payout.pk for payout, status in ours if status == PayoutStatus.CONFIRMED],
                "unpaid": [payout.pk for payout, status in ours if status in UNPAID],
                "sentence": _SENTENCE,
            },
        )
