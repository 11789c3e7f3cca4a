"""What was paid, and what it cost: counted by the hour as it happens, read in sums of hours.

Rows are added to in the transaction that ends a payout or books a fee, one statement a batch, so that they say what
payouts and attempts say, and a page or a gauge reads at most 169 of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from payouts.models.attempt import Attempt
from payouts.models.paid import PaidHour
from payouts.models.payout import Payout

_COUNTED = ("confirmed", "amount", "failed", "transactions", "fee", "energy", "bandwidth")
_ADD = """
INSERT INTO payouts_paidhour AS kept
    (starts_at, confirmed, amount, failed, transactions, fee, energy, bandwidth)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (starts_at) DO UPDATE SET
    confirmed = kept.confirmed + EXCLUDED.confirmed, amount = kept.amount + EXCLUDED.amount,
    failed = kept.failed + EXCLUDED.failed, transactions = kept.transactions + EXCLUDED.transactions,
    fee = kept.fee + EXCLUDED.fee, energy = kept.energy + EXCLUDED.energy,
    bandwidth = kept.bandwidth + EXCLUDED.bandwidth
"""


@dataclass(frozen=True, slots=True)
class Paid:
    """Sums over whole hours, the running one included, since `since`; base units and sun."""

    since: datetime
    until: datetime
    confirmed: int
    amount: int
    failed: int
    transactions: int
    fee: int
    energy: int
    bandwidth: int

    @property
    def seconds(self) -> int:
        return int((self.until - self.since).total_seconds())

    def each(self, total: int) -> int | None:
        """`total` for each payout that was confirmed, what reverted ones burned included; None where none was."""
        return total // self.confirmed if self.confirmed else None


def note_ended(confirmed: Collection[Payout], failed: Collection[Payout], *, at: datetime) -> None:
    """These payouts have just ended so."""
    if confirmed or failed:
        _add(
            at,
            confirmed=len(confirmed),
            amount=sum(payout.amount for payout in confirmed),
            failed=len(failed),
        )


def note_costs(attempts: Sequence[Attempt], *, at: datetime) -> None:
    """These attempts stand in solid blocks, and their fees have just been booked."""
    if attempts:
        _add(
            at,
            transactions=len(attempts),
            fee=sum(attempt.fee or 0 for attempt in attempts),
            energy=sum(attempt.energy_used or 0 for attempt in attempts),
            bandwidth=sum(attempt.bandwidth_used or 0 for attempt in attempts),
        )


def last(spans: Sequence[timedelta], now: datetime) -> list[Paid]:
    """What was paid in the hours that reach into each of the last `spans`; one query."""
    since = [_hour(now - span) for span in spans]
    hours = list(PaidHour.objects.filter(starts_at__gte=min(since)))
    return [_sum([hour for hour in hours if hour.starts_at >= start], start, now) for start in since]


def _sum(hours: Sequence[PaidHour], since: datetime, until: datetime) -> Paid:
    return Paid(since, until, **{name: sum(getattr(hour, name) for hour in hours) for name in _COUNTED})


def _add(
    at: datetime,
    *,
    confirmed: int = 0,
    amount: int = 0,
    failed: int = 0,
    transactions: int = 0,
    fee: int = 0,
    energy: int = 0,
    bandwidth: int = 0,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [_hour(at), confirmed, amount, failed, transactions, fee, energy, bandwidth])


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
