"""Opening slots whose time has come, and ending those of which nothing is left: each round of the release, at first.

A slot that was due while nobody looked is opened by the next round, once; several are opened in the order of their
times, and the queue's own order puts the earlier one's payouts first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from lucid_payments import commits, nudge
from lucid_payments.audit import log
from payouts import timeline
from payouts.models.payout import ENDED, Payout, PayoutStatus
from payouts.models.slot import PayoutSlot, SlotState
from payouts.slots import stopping, telling, totals

_OPEN: Final = [status.value for status in PayoutStatus if status not in ENDED]


def turn(now: datetime) -> None:
    """Bring every open slot to where it must be at `now` (UTC). One query where there is nothing to do."""
    slots = list(PayoutSlot.objects.filter(ended_at=None).order_by("due_at", "pk"))
    opened = 0
    if any(slot.state == SlotState.GATHERING and slot.due_at <= now for slot in slots):
        opened = open_due(now)
    left = [slot for slot in slots if _follow(slot, now)]
    if left:
        nudge.after_commit(stopping.RELEASE_TASK)
    if opened or any(slot.state in (SlotState.RELEASING, SlotState.CANCELLED) for slot in slots):
        end_what_is_over(now)


def _follow(slot: PayoutSlot, now: datetime) -> bool:
    """Bring payouts after what people did to their slot; whether there may be more of them."""
    match slot.state:
        case SlotState.PAUSED:
            return stopping.follow_paused(slot)
        case SlotState.CANCELLED:
            return stopping.follow_cancelled(slot, now)
    return slot.stopped_at is not None and stopping.follow_resumed(slot)


@commits.atomic("open_slots")
def open_due(now: datetime) -> int:
    """Begin the release of the slots that are due; answers how many were.

    A slot that somebody is just joining is left for the next round: whoever joins is never behind its opening.
    """
    rows = list(_locked(PayoutSlot.objects.filter(state=SlotState.GATHERING, due_at__lte=now)))
    for slot in rows:
        telling.move(slot, SlotState.RELEASING, opened_at=now)
    found = totals.of(rows)
    log.record_many(
        log.Fact(
            action="slot.opened",
            actor=timeline.SYSTEM,
            subject=slot,
            details=telling.figures(found[slot.pk]),
        )
        for slot in rows
    )
    telling.emit("slot.opened", rows, found)
    return len(rows)


@commits.atomic("end_slots")
def end_what_is_over(now: datetime) -> int:
    """End the slots whose payouts have all ended, and keep their totals; answers how many."""
    rest = Payout.objects.filter(slot=OuterRef("pk"), status__in=_OPEN)
    over = PayoutSlot.objects.filter(
        ~Exists(rest), ended_at=None, state__in=(SlotState.RELEASING, SlotState.CANCELLED)
    )
    # Asked without a lock first: most rounds have nothing to end.
    rows = list(_locked(over)) if over.exists() else []
    found = totals.of(rows)
    for slot in rows:
        own = found[slot.pk]
        telling.move(
            slot,
            SlotState.CANCELLED if slot.state == SlotState.CANCELLED else SlotState.DONE,
            ended_at=now,
            total_payouts=own.payouts,
            total_amount=own.amount,
            confirmed_payouts=own.confirmed,
            confirmed_amount=own.confirmed_amount,
            failed_payouts=own.failed,
            cancelled_payouts=own.cancelled,
        )
    log.record_many(
        log.Fact(
            action="slot.ended", actor=timeline.SYSTEM, subject=slot, details=telling.figures(found[slot.pk])
        )
        for slot in rows
    )
    telling.emit("slot.ended", rows, found)
    return len(rows)


def _locked(rows: QuerySet[PayoutSlot]) -> QuerySet[PayoutSlot]:
    return rows.select_for_update(of=("self",), skip_locked=True).order_by("due_at", "pk")
