"""What stands in slots: counted in one query over an index while they are open, read off the row once they are over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Sum

from payouts.models.payout import ENDED, Payout, PayoutStatus
from payouts.models.slot import PayoutSlot


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of payouts, and base units."""

    payouts: int = 0
    amount: int = 0
    confirmed: int = 0
    confirmed_amount: int = 0
    failed: int = 0
    cancelled: int = 0
    # Of those that haven't ended: on their way, and not released yet.
    moving: int = 0
    waiting: int = 0
    waiting_amount: int = 0

    @property
    def open(self) -> int:
        return self.waiting + self.moving


def of(slots: Iterable[PayoutSlot]) -> dict[int, Totals]:
    """Totals by the slots' primary keys; one query for all that are open, none where all are over."""
    found: dict[int, Totals] = {}
    open_slots = []
    for slot in slots:
        if slot.ended_at is None:
            open_slots.append(slot.pk)
        else:
            found[slot.pk] = Totals(
                payouts=slot.total_payouts or 0,
                amount=slot.total_amount or 0,
                confirmed=slot.confirmed_payouts or 0,
                confirmed_amount=slot.confirmed_amount or 0,
                failed=slot.failed_payouts or 0,
                cancelled=slot.cancelled_payouts or 0,
            )
    return found | _counted(open_slots)


def _counted(pks: list[int]) -> dict[int, Totals]:
    if not pks:
        return {}
    rows = Payout.objects.filter(slot_id__in=pks).order_by()
    by_slot: dict[int, dict[str, tuple[int, int]]] = {pk: {} for pk in pks}
    groups = rows.values_list("slot_id", "status").annotate(Count("pk"), Sum("amount"))
    for slot, status, count, amount in groups:
        by_slot[slot or 0][status] = (count, amount)
    return {pk: _totals(statuses) for pk, statuses in by_slot.items()}


def _totals(statuses: dict[str, tuple[int, int]]) -> Totals:
    def count(*names: PayoutStatus) -> int:
        return sum(statuses.get(name, (0, 0))[0] for name in names)

    confirmed = statuses.get(PayoutStatus.CONFIRMED, (0, 0))
    waiting = statuses.get(PayoutStatus.SCHEDULED, (0, 0))
    everything = [count for count, _ in statuses.values()]
    return Totals(
        payouts=sum(everything),
        amount=sum(amount for _, amount in statuses.values()),
        confirmed=confirmed[0],
        confirmed_amount=confirmed[1],
        failed=count(PayoutStatus.FAILED),
        cancelled=count(PayoutStatus.CANCELLED, PayoutStatus.REJECTED),
        moving=sum(everything) - count(*ENDED) - waiting[0],
        waiting=waiting[0],
        waiting_amount=waiting[1],
    )
