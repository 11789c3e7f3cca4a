"""Limit windows: an amount is reserved when its payout is released, posted when it confirms, given back when not.

Windows are rows keyed by scope, period and UTC start, so nothing is ever reset. Every change of a counter is a
guarded UPDATE; rows are always locked day before hour and global before router, so two releases can't deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import F

from routers import policy
from routers.choices import RouterType
from routers.models import LimitWindow, WindowPeriod, WindowScope


@dataclass(slots=True)
class Room:
    """What is free in the windows of this moment, taken from as payouts are picked for release.

    Only valid inside the transaction that locked the windows (`locked_room`), or as an estimate (`room`).
    """

    windows: dict[str, list[LimitWindow]]
    taken: Counter[int] = field(default_factory=Counter)

    def refusal(self, router: str, amount: int) -> str | None:
        """None when `amount` (base units) fits every window of `router`, else `daily_limit` or `hourly_limit`."""
        for window in self.windows[router]:
            if window.posted + window.reserved + self.taken[window.pk] + amount > window.cap + window.waived:
                return "daily_limit" if window.period == WindowPeriod.DAY else "hourly_limit"
        return None

    def take(self, router: str, amount: int) -> list[int]:
        """Set `amount` aside; answers the ids of the windows it counts in."""
        for window in self.windows[router]:
            self.taken[window.pk] += amount
        return [window.pk for window in self.windows[router]]


def room(at: datetime) -> Room:
    """What is free at `at`, without locking anything: an estimate for pages and for picking candidates."""
    return Room(_windows(at, lock=False))


def locked_room(at: datetime) -> Room:
    """What is free at `at`, with the windows' rows locked until the transaction ends."""
    return Room(_windows(at, lock=True))


def reserve(taken: Mapping[int, int]) -> None:
    """Book what `Room.take` set aside. Raises WindowFull, and nothing is booked, where it doesn't fit after all."""
    for pk in sorted(taken):
        changed = LimitWindow.objects.filter(
            pk=pk, cap__gte=F("posted") + F("reserved") - F("waived") + taken[pk]
        ).update(reserved=F("reserved") + taken[pk])
        if changed != 1:
            raise WindowFull(pk)


def post(amounts: Iterable[tuple[list[int], int]]) -> None:
    """Reserved amounts (window ids, base units) have been paid."""
    for pk, amount in sorted(_per_window(amounts).items()):
        LimitWindow.objects.filter(pk=pk).update(reserved=F("reserved") - amount, posted=F("posted") + amount)


def give_back(amounts: Iterable[tuple[list[int], int]]) -> None:
    """Reserved amounts (window ids, base units) will not be paid by that attempt."""
    for pk, amount in sorted(_per_window(amounts).items()):
        LimitWindow.objects.filter(pk=pk).update(reserved=F("reserved") - amount)


class WindowFull(Exception):
    """Somebody else took the room between locking and reserving: a bug in the caller's locking."""


def _per_window(amounts: Iterable[tuple[list[int], int]]) -> Counter[int]:
    totals: Counter[int] = Counter()
    for windows, amount in amounts:
        for pk in windows:
            totals[pk] += amount
    return totals


def _windows(at: datetime, *, lock: bool) -> dict[str, list[LimitWindow]]:
    """The windows each router's payouts count in, created where this is their first use."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    starts = {WindowPeriod.DAY: hour.replace(hour=0), WindowPeriod.HOUR: hour}
    scopes = [(WindowScope.GLOBAL, "", policy.global_policy())]
    scopes += [(WindowScope.ROUTER, router.value, policy.router_policy(router)) for router in RouterType]
    found: dict[tuple[str, str], list[LimitWindow]] = {}
    for period, start in starts.items():
        for scope, key, own in scopes:
            cap = own.daily_limit if period == WindowPeriod.DAY else own.hourly_limit
            found.setdefault((scope, key), []).append(_window(scope, key, period, start, cap, lock=lock))
    return {
        router: _in_lock_order(found[WindowScope.GLOBAL, ""] + found[WindowScope.ROUTER, router])
        for router in RouterType
    }


def _in_lock_order(windows: list[LimitWindow]) -> list[LimitWindow]:
    return sorted(
        windows, key=lambda window: (window.period != WindowPeriod.DAY, window.scope != WindowScope.GLOBAL)
    )


def _window(scope: str, key: str, period: str, start: datetime, cap: int, *, lock: bool) -> LimitWindow:
    """The window's row with today's cap; `lock` holds it until the transaction ends."""
    with connection.cursor() as cursor:
        if lock:
            cursor.execute(
                "INSERT INTO routers_limitwindow (scope, key, period, starts_at, cap, waived, reserved, posted)"
                " VALUES (%s, %s, %s, %s, %s, 0, 0, 0)"
                " ON CONFLICT (scope, key, period, starts_at) DO UPDATE SET cap = EXCLUDED.cap"
                " RETURNING id, waived, reserved, posted",
                [scope, key, period, start, cap],
            )
            pk, waived, reserved, posted = cursor.fetchone()
        else:
            cursor.execute(
                "SELECT id, waived, reserved, posted FROM routers_limitwindow"
                " WHERE scope = %s AND key = %s AND period = %s AND starts_at = %s",
                [scope, key, period, start],
            )
            # No row yet: nothing is used. A key no row has, so that estimates of two windows don't mix.
            pk, waived, reserved, posted = cursor.fetchone() or (-hash((scope, key, period)) or -1, 0, 0, 0)
    return LimitWindow(
        pk=pk,
        scope=scope,
        key=key,
        period=period,
        starts_at=start,
        cap=cap,
        waived=waived,
        reserved=reserved,
        posted=posted,
    )
