"""Which slot a payout goes with: the next one of its batch type that still gathers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from payouts import schedule
from payouts.models.payout import BatchType, HoldReason
from payouts.models.slot import PayoutSlot, SlotState

# Whoever joins a paused slot waits with it.
_JOINED: Final = (SlotState.GATHERING, SlotState.PAUSED)
_SHARED: Final = f"""
SELECT * FROM {PayoutSlot._meta.db_table} WHERE batch_type = %s AND due_at = %s FOR SHARE
"""  # noqa: S608 - a table's name, and parameters


def join(batch_type: str, at: datetime) -> PayoutSlot | None:
    """The slot that what is scheduled at `at` (UTC) goes with; None for `IMMEDIATE`.

    In the transaction that schedules the payouts. The slot's row is locked against changes, and shared with others who
    join, until that transaction ends: a slot is never opened, counted or cancelled while somebody is on the way in.
    """
    if batch_type == BatchType.IMMEDIATE:
        return None
    due_at = schedule.next_slot(batch_type, at)
    while (slot := _shared(batch_type, due_at)).state not in _JOINED:
        due_at = schedule.next_slot(batch_type, due_at)
    return slot


def hold_of(slot: PayoutSlot | None) -> HoldReason | None:
    """Why a payout that joins `slot` doesn't go at once."""
    if slot is None:
        return None
    return HoldReason.PAUSED if slot.state == SlotState.PAUSED else HoldReason.SLOT


def _shared(batch_type: str, due_at: datetime) -> PayoutSlot:
    """The row of this slot, made by whoever comes first."""
    asked = (_SHARED, [batch_type, due_at])
    for slot in PayoutSlot.objects.raw(*asked):
        return slot
    PayoutSlot.objects.bulk_create([PayoutSlot(batch_type=batch_type, due_at=due_at)], ignore_conflicts=True)
    return PayoutSlot.objects.raw(*asked)[0]
