"""When payouts that a limit holds will probably go: by the room in their windows and the queue before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from payouts.headroom import claim_of
from payouts.models import Payout
from payouts.models.payout import HoldReason
from routers import limits
from routers.limits import Claim, Room, Slot, next_start
from routers.models import WindowPeriod, WindowScope

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
HELD: Final = frozenset(
    {
        HoldReason.HOURLY_LIMIT,
        HoldReason.DAILY_LIMIT,
        HoldReason.RECIPIENT_LIMIT,
        HoldReason.CREATOR_LIMIT,
        HoldReason.SUBJECT_LIMIT,
    }
)

# What stands in the queue up to and with each payout: in all, of its router, recipient, creator and node.
QUEUE = """
SELECT id, everybody, router, recipient, creator, subject FROM (
    SELECT id,
        sum(amount) OVER (ORDER BY priority, due_at, id) AS everybody,
        sum(amount) OVER (PARTITION BY router_type ORDER BY priority, due_at, id) AS router,
        sum(amount) OVER (PARTITION BY router_type, recipient_address ORDER BY priority, due_at, id) AS recipient,
        sum(amount) OVER (PARTITION BY creator_id ORDER BY priority, due_at, id) AS creator,
        sum(amount) OVER (PARTITION BY router_type, node_id ORDER BY priority, due_at, id) AS subject
    FROM payouts_payout WHERE status = 'scheduled' AND due_at <= %s
) AS queue WHERE id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """What one scope can release: base units free in this hour and day, and in each one after."""

    hour_free: int
    day_free: int
    hourly: int
    daily: int

    def start(self, backlog: int, at: datetime) -> datetime | None:
        """When the last of `backlog` base units may go; None where nothing ever may."""
        if backlog <= min(self.hour_free, self.day_free):
            return at
        hourly, daily = self.hourly, min(self.daily, 24 * self.hourly)
        if hourly < 1 or daily < 1:
            return None
        starts = limits.starts_of(at)
        hour, midnight = starts[WindowPeriod.HOUR], starts[WindowPeriod.DAY] + DAY
        now = min(self.hour_free, self.day_free)
        hours_left = (midnight - hour) // HOUR - 1
        today = min(self.day_free, now + hours_left * hourly)
        if backlog <= today:
            return hour + HOUR * -(-(backlog - now) // hourly)
        days, rest = divmod(backlog - today - 1, daily)
        return midnight + DAY * days + HOUR * (rest // hourly)


@dataclass(frozen=True, slots=True)
class MonthPace:
    """What one node's attestation can release: base units free in this month, and in each one after."""

    free: int
    monthly: int

    def start(self, backlog: int, at: datetime) -> datetime | None:
        """When the last of `backlog` base units may go; None where nothing ever may."""
        if backlog <= self.free:
            return at
        if self.monthly < 1:
            return None
        month = limits.starts_of(at)[WindowPeriod.MONTH]
        for _ in range(-(-(backlog - self.free) // self.monthly)):
            month = next_start(WindowPeriod.MONTH, month)
        return month


def starts(payouts: Iterable[Payout], at: datetime) -> dict[int, datetime | None]:
    """When each payout that is held by a limit may go, by primary key; three queries for all, none for none."""
    held = {payout.pk: payout for payout in payouts if payout.hold_reason in HELD}
    if not held:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, [at, list(held)])
        before = {pk: [int(amount) for amount in amounts] for pk, *amounts in cursor.fetchall()}
    room = limits.room(at, [claim_of(payout) for payout in held.values()])
    return {pk: _start(payout, before.get(pk, [payout.amount] * 5), room, at) for pk, payout in held.items()}


def _start(payout: Payout, backlog: list[int], room: Room, at: datetime) -> datetime | None:
    claim = claim_of(payout)
    if not room.ever_fits(claim):
        return None
    paces = [*zip(_paces(claim, room), backlog, strict=True), (_month(claim, room), backlog[-1])]
    found = [pace.start(amount, at) for pace, amount in paces if pace is not None]
    begun = limits.starts_of(at)
    next_window = begun[WindowPeriod.DAY] + DAY
    if payout.hold_reason == HoldReason.HOURLY_LIMIT:
        next_window = begun[WindowPeriod.HOUR] + HOUR
    return None if None in found else max([next_window, *(start for start in found if start is not None)])


def _paces(claim: Claim, room: Room) -> list[Pace | None]:
    """Of everybody, the router, the recipient, the creator and the node; None without a limit."""
    keys = {
        WindowScope.GLOBAL: "",
        WindowScope.ROUTER: claim.router,
        WindowScope.RECIPIENT: f"{claim.router} {claim.recipient}",
        WindowScope.CREATOR: str(claim.creator),
        WindowScope.SUBJECT: claim.subject,
    }
    return [_pace(room, scope, key) for scope, key in keys.items()]


def _pace(room: Room, scope: str, key: str) -> Pace | None:
    hour, day = (
        room.windows.get(Slot(period, room.starts[period], scope, key))
        for period in (WindowPeriod.HOUR.value, WindowPeriod.DAY.value)
    )
    if day is None:
        return None
    # Recipients, creators and nodes have no hour.
    hourly = hour or day
    return Pace(hour_free=hourly.free, day_free=day.free, hourly=hourly.cap, daily=day.cap)


def _month(claim: Claim, room: Room) -> MonthPace | None:
    period = WindowPeriod.MONTH.value
    window = room.windows.get(Slot(period, room.starts[period], WindowScope.SUBJECT, claim.subject))
    return None if window is None else MonthPace(free=window.free, monthly=window.cap)
