"""The sealer: chains the entries that can no longer be overtaken.

Ids come from a sequence, so a row with a lower id may be committed after one with a higher id; whoever
chained by id alone would pass over it. Every entry therefore carries its writer's transaction id. A
transaction older than the oldest one still running has ended for good, and no later one can get a lower
number: in the order (transaction, id) everything below that bound is complete.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection, transaction

from lucid_payments.audit import chain, heads
from lucid_payments.audit.models import AuditSeal
from lucid_payments.locks import AdvisoryLock, try_hold

BATCH: Final = 2_000

# A visible row whose transaction number our own server hasn't reached was restored from another server's
# dump: it is as complete as can be. While the last sealed row is such a one the scan starts from the start,
# for the new server's numbers are lower; restored rows go first, so that a later scan needn't look for them.
_START: Final = """
SELECT e.transaction::text, e.id FROM audit_auditseal s JOIN audit_auditentry e ON e.id = s.entry_id
WHERE s.position = (SELECT max(position) FROM audit_auditseal)
  AND e.transaction < pg_snapshot_xmax(pg_current_snapshot())
"""
# The start is asked for first and stands here as a constant: of a value that it doesn't know the planner expects a
# third of all rows to be above it, and would read the whole log each second.
_READY: Final = f"""
WITH bounds AS (
    SELECT pg_snapshot_xmin(s) AS oldest_running, pg_snapshot_xmax(s) AS next_new FROM pg_current_snapshot() s
)
SELECT {chain.ENTRY_COLUMNS}
FROM audit_auditentry e
WHERE (e.transaction, e.id) > (%(transaction)s::xid8, %(id)s)
  AND (e.transaction < (SELECT oldest_running FROM bounds)
       OR (%(transaction)s::xid8 = '0' AND e.transaction >= (SELECT next_new FROM bounds)))
  AND NOT EXISTS (SELECT FROM audit_auditseal s WHERE s.entry_id = e.id)
ORDER BY e.transaction >= (SELECT next_new FROM bounds) DESC, e.transaction, e.id
LIMIT {BATCH}
"""  # noqa: S608


def seal() -> int:
    """Chain every entry that is ready; returns how many. Does nothing while another sealer is at work."""
    sealed = 0
    while True:
        batch = _seal_batch()
        sealed += batch
        if batch < BATCH:
            return sealed


@transaction.atomic
def _seal_batch() -> int:
    if not try_hold(AdvisoryLock.SEAL):
        return 0
    # Read after the lock is held: the head can't move any more.
    head = AuditSeal.objects.order_by("-position").first()
    seals = _linked(head, _ready_entries())
    AuditSeal.objects.bulk_create(seals)
    newest = seals[-1] if seals else head
    if newest is not None and heads.has_key():
        heads.sign_when_due(newest)
    return len(seals)


def _ready_entries() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_START)
        at, last = cursor.fetchone() or ("0", 0)
        cursor.execute(_READY, {"transaction": at, "id": last})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _linked(head: AuditSeal | None, entries: list[tuple[Any, ...]]) -> list[AuditSeal]:
    position, previous = (head.position, head.hash) if head is not None else (0, chain.GENESIS)
    seals = []
    for entry in entries:
        position += 1
        current = chain.link(previous, position, entry)
        seals.append(AuditSeal(position=position, entry_id=entry[0], previous_hash=previous, hash=current))
        previous = current
    return seals
