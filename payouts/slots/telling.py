"""A slot's guarded step, and the rows that tell of it: audit entry and event, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F

from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from payouts.models.slot import PayoutSlot, SlotState
from payouts.slots.totals import Totals
from payouts.timeline import StateConflict


def move(slot: PayoutSlot, to: SlotState, **changes: Any) -> None:
    """The guarded UPDATE of a slot whose row is locked. Raises StateConflict."""
    changed = PayoutSlot.objects.filter(pk=slot.pk, state=slot.state, version=slot.version).update(
        state=to, version=F("version") + 1, **changes
    )
    if changed != 1:
        raise StateConflict(f"{slot} changed under its lock")
    slot.state, slot.version = to, slot.version + 1
    for name, value in changes.items():
        setattr(slot, name, value)


def figures(totals: Totals) -> dict[str, Any]:
    return {
        "total_payouts": totals.payouts,
        "amount_usdt": str(to_decimal(totals.amount)),
        "completed_payouts": totals.confirmed,
        "completed_amount_usdt": str(to_decimal(totals.confirmed_amount)),
        "failed_payouts": totals.failed + totals.cancelled,
    }


def emit(type: str, slots: Iterable[PayoutSlot], totals: Mapping[int, Totals]) -> None:
    """For administrators: a slot holds many callers' payouts, and is nobody's own."""
    outbox.emit_many(
        outbox.Message(
            type=type,
            subject_type="slot",
            subject_id=str(slot.pk),
            owner=None,
            payload={
                "batch_type": slot.batch_type,
                "due_at": slot.due_at.isoformat(),
                "state": slot.state,
                **figures(totals[slot.pk]),
            },
        )
        for slot in slots
    )
