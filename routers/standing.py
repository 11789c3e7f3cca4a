"""How the routers stand as seen from outside: open, half open or closed, and the one reason for it.

A full global window reads as open, too, though nothing need be closed: it ends with the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from lucid_payments.api.errors import BreakerOpen
from routers import killswitch
from routers.breakers import all_breakers
from routers.limits import Room
from routers.models import GLOBAL, Breaker, BreakerState, KillSwitch, LimitWindow, WindowPeriod, WindowScope

RETRY_AFTER_SECONDS: Final = 300
KILL_SWITCH: Final = "kill_switch"
# As it stands, since every order asks it: switch and breaker in one look.
_STOPPING: Final = f"""
SELECT EXISTS (SELECT FROM {KillSwitch._meta.db_table} WHERE pulled AND scope = ANY(%(switches)s)),
    state, cause, cool_down_until, lucid_now()
FROM {Breaker._meta.db_table} WHERE scope = %(router)s
"""  # noqa: S608 - tables' names, and parameters


@dataclass(frozen=True, slots=True)
class Standing:
    """`reason` is a machine word; None while closed."""

    status: str
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status == BreakerState.OPEN


def of(router: str | None, room: Room) -> Standing:
    """One router's standing, or the worst of all for None, with the windows of `room`."""
    stopped = killswitch.stopped_routers()
    if stopped if router is None else router in stopped:
        return Standing(BreakerState.OPEN.value, KILL_SWITCH)
    rows = [row for scope, row in all_breakers().items() if router in (None, scope)]
    opened = next((row for row in rows if row.state == BreakerState.OPEN), None)
    if opened is not None:
        return Standing(BreakerState.OPEN.value, opened.cause)
    full = full_window(room)
    if full is not None:
        return Standing(BreakerState.OPEN.value, full)
    trying = next((row for row in rows if row.state == BreakerState.HALF_OPEN), None)
    if trying is not None:
        return Standing(BreakerState.HALF_OPEN.value, trying.cause)
    return Standing(BreakerState.CLOSED.value)


def full_window(room: Room) -> str | None:
    """`daily_limit` or `hourly_limit` when a global window has nothing left."""
    for slot, window in room.windows.items():
        if slot.scope == WindowScope.GLOBAL and window.free == 0:
            return "hourly_limit" if slot.period == WindowPeriod.HOUR else "daily_limit"
    return None


def windows_of(room: Room, router: str | None = None) -> dict[str, LimitWindow]:
    """The hour's and the day's window of everybody, or of one router, by period."""
    scope = WindowScope.GLOBAL if router is None else WindowScope.ROUTER
    return {
        slot.period: window
        for slot, window in room.windows.items()
        if slot.scope == scope and slot.key == (router or "")
    }


def refuse_while_open(router: str) -> None:
    """Raise BreakerOpen while the router's error breaker or kill switch stops it; a full window doesn't."""
    with connection.cursor() as cursor:
        cursor.execute(_STOPPING, {"router": router, "switches": [GLOBAL, router]})
        pulled, state, cause, cool_down_until, now = cursor.fetchone()
    if pulled:
        raise BreakerOpen({"reason": KILL_SWITCH}, retry_after=RETRY_AFTER_SECONDS)
    if state != BreakerState.OPEN:
        return
    seconds = RETRY_AFTER_SECONDS
    if cool_down_until is not None:
        seconds = max(1, int((cool_down_until - now).total_seconds()) + 1)
    raise BreakerOpen({"reason": cause, "router_type": router}, retry_after=seconds)
