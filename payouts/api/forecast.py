"""When payouts will probably go: by their slot, the room in their windows, and the queue before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final

from payouts import cooling
from payouts.api import outline
from payouts.api.outline import LIMITED, PASSING, Ahead
from payouts.headroom import Slots, claim_of
from payouts.models import Payout
from payouts.models.payout import HoldReason, PayoutStatus
from routers import limits
from routers.limits import Claim, Room, Slot, next_start
from routers.models import WindowPeriod, WindowScope

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# From a release until its transaction is seen in a block, and its place in flight is free again.
FLIGHT: Final = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one scope can release: base units free in this hour and day, and in each one after."""

    hour_free: int
    day_free: int
    hourly: int
    daily: int

    def as_of(self, later: datetime, at: datetime) -> Pace:
        """What will be free at `later` if nothing is taken until then, as things stand at `at`."""
        now, then = limits.starts_of(at), limits.starts_of(later)
        return replace(
            self,
            hour_free=self.hour_free if now[WindowPeriod.HOUR] == then[WindowPeriod.HOUR] else self.hourly,
            day_free=self.day_free if now[WindowPeriod.DAY] == then[WindowPeriod.DAY] else self.daily,
        )

    def start(self, backlog: int, at: datetime, each: int = 1) -> datetime | None:
        """When the last of `backlog` base units may go, in whole payouts of `each`; None where nothing ever may."""
        if each > 1:
            whole = {field.name: getattr(self, field.name) // each * each for field in fields(self)}
            return Pace(**whole).start(backlog, at)
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
    """When each payout that nobody need let go may go, by primary key; None where it never may.

    A query or two for all as for one, beside what `outline` reads; none for none.
    """
    waiting = {
        payout.pk: payout
        for payout in payouts
        if payout.status == PayoutStatus.SCHEDULED and payout.hold_reason in (None, *PASSING)
    }
    if not waiting:
        return {}
    queue = outline.current(at)
    room = limits.room(at, [claim_of(payout) for payout in waiting.values()], queue.policies)
    # What wasn't looked at for release yet doesn't say that it waits for its address.
    cooled = cooling.until([payout for payout in waiting.values() if payout.due_at <= at], at)
    return {
        pk: _after(cooled.get(pk), _start(payout, queue.ahead(payout), room, queue.slots, at))
        for pk, payout in waiting.items()
    }


def _after(end: datetime | None, start: datetime | None) -> datetime | None:
    return start if end is None or start is None else max(end, start)


def _start(payout: Payout, ahead: Ahead, room: Room, slots: Slots, at: datetime) -> datetime | None:
    claim = claim_of(payout)
    if not room.ever_fits(claim):
        return None
    due = max(payout.due_at, at)
    found = [_in_flight(payout.router_type, ahead, room, slots, due, at)]
    for pace, whole, hour in zip(_paces(claim, room), ahead.whole, ahead.hour, strict=True):
        if pace is not None:
            found.append(pace.start(whole.amount, at, whole.each(payout.amount)))
            found.append(pace.as_of(due, at).start(hour.amount, due, hour.each(payout.amount)))
    month = _month(claim, room)
    if month is not None:
        found.append(month.start(ahead.whole[-1].amount, at))
    known = [moment for moment in found if moment is not None]
    return None if len(known) < len(found) else max([due, _next_window(payout, at), *known])


def _next_window(payout: Payout, at: datetime) -> datetime:
    """Whoever was found not to fit a window waits for the next one."""
    begun = limits.starts_of(at)
    if payout.hold_reason == HoldReason.HOURLY_LIMIT:
        return begun[WindowPeriod.HOUR] + HOUR
    return begun[WindowPeriod.DAY] + DAY if payout.hold_reason in LIMITED else at


def _in_flight(
    router: str, ahead: Ahead, room: Room, slots: Slots, due: datetime, at: datetime
) -> datetime | None:
    """When those before it that are due in its hour have had their places in flight; None where there are none."""
    own, everybody = room.policies.routers[router].in_flight, room.policies.everybody.in_flight
    free = (slots.everybody, slots.routers[router]) if due == at else (everybody, own)
    rounds = 0
    for backlog, now, most in zip(ahead.hour[:2], free, (everybody, own), strict=True):
        if most < 1:
            return None
        rounds = max(rounds, -(-(backlog.count - max(0, now)) // most))
    return due + rounds * FLIGHT


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
