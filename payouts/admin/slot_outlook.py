"""What the limits will let through of slots, and when: `forecast`'s estimates of their payouts, hour by hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lucid_payments.backoffice import charts
from payouts.api import forecast
from payouts.models import Payout, PayoutSlot
from payouts.models.payout import PayoutStatus
from payouts.slots.totals import Totals

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# Of more payouts than this a page doesn't ask one by one.
LOOKED_AT: Final = 2_000
# So many columns are told apart; what goes even later stands in one line under them.
COLUMNS: Final = 48
HEIGHT: Final = 120


@dataclass(frozen=True, slots=True)
class Sum:
    count: int = 0
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of a slot's payouts that aren't released: sums (base units) by the hour in which the limits let them go."""

    hours: dict[datetime, Sum]
    # Those that wait for a person, or for something nobody can date; and how many weren't looked at.
    undated: Sum
    unseen: int

    @property
    def last(self) -> datetime | None:
        return max(self.hours, default=None)

    def at_once(self, begins: datetime) -> Sum:
        """What goes in the hour in which the release begins."""
        return self.hours.get(_hour(begins), Sum())

    def later(self, begins: datetime) -> Sum:
        rest = [found for hour, found in self.hours.items() if hour != _hour(begins)]
        return Sum(sum(one.count for one in rest), sum(one.amount for one in rest))

    def parts(self, begins: datetime, whole: int) -> list[charts.Part]:
        drawn = [("posted", self.at_once(begins).amount), ("reserved", self.later(begins).amount)]
        return charts.stacked(drawn, whole)


NOTHING: Final = Outlook({}, Sum(), 0)


@dataclass(frozen=True, slots=True)
class ColumnShown:
    """One column of a slot's chart, an hour or a day, with its figures."""

    starts_at: datetime
    sum: Sum
    drawn: charts.Column


def of(slots: Collection[PayoutSlot], found: dict[int, Totals], at: datetime) -> dict[int, Outlook]:
    """By the slots' primary keys; as many statements for all of them as for one. `found`: their totals."""
    rows = Payout.objects.filter(slot__in=slots, status=PayoutStatus.SCHEDULED).select_related("creator")
    payouts = list(rows.order_by("due_at", "priority", "pk")[:LOOKED_AT])
    starts = forecast.starts(payouts, at)
    by_slot: dict[int, list[Payout]] = {slot.pk: [] for slot in slots}
    for payout in payouts:
        by_slot[payout.slot_id or 0].append(payout)
    return {pk: _outlook(own, starts, found[pk].waiting - len(own)) for pk, own in by_slot.items()}


def drawn(outlook: Outlook) -> tuple[list[ColumnShown], bool]:
    """The columns, without gaps from the first to the last, and whether each is a day instead of an hour."""
    if not outlook.hours:
        return [], False
    days = max(outlook.hours) - min(outlook.hours) >= COLUMNS * HOUR
    step = DAY if days else HOUR
    sums: dict[datetime, Sum] = {}
    for hour, found in outlook.hours.items():
        start = hour.replace(hour=0) if days else hour
        before = sums.get(start, Sum())
        sums[start] = Sum(before.count + found.count, before.amount + found.amount)
    first, last = min(sums), max(sums)
    starts = [first + step * n for n in range(min(COLUMNS, (last - first) // step + 1))]
    shown = [sums.get(start, Sum()) for start in starts]
    columns = charts.columns([one.amount for one in shown], HEIGHT)
    return [ColumnShown(*one) for one in zip(starts, shown, columns, strict=True)], days


def _outlook(payouts: Iterable[Payout], starts: dict[int, datetime | None], unseen: int) -> Outlook:
    counts: Counter[datetime | None] = Counter()
    amounts: Counter[datetime | None] = Counter()
    for payout in payouts:
        start = starts.get(payout.pk)
        hour = _hour(start) if start is not None else None
        counts[hour] += 1
        amounts[hour] += payout.amount
    return Outlook(
        hours={hour: Sum(counts[hour], amounts[hour]) for hour in counts if hour is not None},
        undated=Sum(counts[None], amounts[None]),
        unseen=max(0, unseen),
    )


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
