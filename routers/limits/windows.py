"""Which windows a payout counts in, and their rows, always in one order: longest first, then by scope and key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from kyc.limits import AttestedLimits
from routers.models.windows import LimitWindow, WindowPeriod, WindowScope
from routers.policy import Policies

_PERIODS = {period.value: rank for rank, period in enumerate(WindowPeriod)}
_SCOPES = {scope.value: rank for rank, scope in enumerate(WindowScope)}
# The same order in SQL. "C" compares keys as Python does.
LOCK_ORDER = (
    "array_position(ARRAY['month', 'day', 'hour'], period::text), starts_at,"
    " array_position(ARRAY['global', 'router', 'recipient', 'creator', 'subject'], scope::text), key COLLATE \"C\""
)
_COLUMNS = "id, scope, key, period, starts_at, waived, reserved, posted"


class WindowFull(Exception):
    """Somebody else took the room between locking and reserving: a bug in the caller's locking."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one payout asks of the windows: `amount` in base units, the creator by primary key and role.

    `subject` is the node under whose attestation the KYC router pays; empty for every other router.
    """

    router: str
    recipient: str
    creator: int
    role: str
    amount: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A window by its name, whether its row exists or not."""

    period: str
    starts_at: datetime
    scope: str
    key: str

    @property
    def place(self) -> tuple[int, datetime, int, str]:
        """Where it stands in the order of locks."""
        return _PERIODS[self.period], self.starts_at, _SCOPES[self.scope], self.key

    @property
    def ends_at(self) -> datetime:
        return next_start(self.period, self.starts_at)


def starts_of(at: datetime) -> dict[str, datetime]:
    """When the hour, the day and the month of `at` began, UTC."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    return {WindowPeriod.HOUR: hour, WindowPeriod.DAY: day, WindowPeriod.MONTH: day.replace(day=1)}


def next_start(period: str, start: datetime) -> datetime:
    """When the window that began at `start` ends."""
    if period == WindowPeriod.HOUR:
        return start + timedelta(hours=1)
    if period == WindowPeriod.DAY:
        return start + timedelta(days=1)
    return (start + timedelta(days=32)).replace(day=1)


def slots_of(
    claim: Claim,
    starts: Mapping[str, datetime],
    policies: Policies,
    attested: Mapping[str, AttestedLimits] | None = None,
) -> dict[Slot, int]:
    """Each window a payout counts in, in the order of locks, with its cap in force.

    `attested` holds the limits of every subject that is named.
    """
    own, everybody = policies.routers[claim.router], policies.everybody
    subject = (attested or {})[claim.subject] if claim.subject else AttestedLimits()
    day, hour = starts[WindowPeriod.DAY], starts[WindowPeriod.HOUR]
    recipient = f"{claim.router} {claim.recipient}"
    caps: list[tuple[WindowPeriod, datetime, WindowScope, str, int | None]] = [
        (WindowPeriod.MONTH, starts[WindowPeriod.MONTH], WindowScope.SUBJECT, claim.subject, subject.monthly),
        (WindowPeriod.DAY, day, WindowScope.GLOBAL, "", everybody.daily_limit),
        (WindowPeriod.DAY, day, WindowScope.ROUTER, claim.router, own.daily_limit),
        (WindowPeriod.DAY, day, WindowScope.RECIPIENT, recipient, own.recipient_limit),
        (WindowPeriod.DAY, day, WindowScope.CREATOR, str(claim.creator), policies.creator_limit(claim.role)),
        (WindowPeriod.DAY, day, WindowScope.SUBJECT, claim.subject, subject.daily),
        (WindowPeriod.HOUR, hour, WindowScope.GLOBAL, "", everybody.hourly_limit),
        (WindowPeriod.HOUR, hour, WindowScope.ROUTER, claim.router, own.hourly_limit),
    ]
    return {
        Slot(period.value, start, scope.value, key): cap
        for period, start, scope, key, cap in caps
        if cap is not None
    }


def read(caps: Mapping[Slot, int]) -> dict[Slot, LimitWindow]:
    """These windows as they are, in one query; those without a row stand empty, with no primary key."""
    slots = list(caps)
    sql = (
        f"SELECT {_COLUMNS} FROM routers_limitwindow JOIN"  # noqa: S608 - no value is in it
        " unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS asked (scope, key, period, starts_at)"
        " USING (scope, key, period, starts_at)"
    )
    found = _fetch(sql, _columns(slots), caps)
    return {slot: found.get(slot) or _window(slot, caps[slot]) for slot in slots}


def ended(slot: Slot) -> LimitWindow | None:
    """A window that is over, with the cap it had; None where nothing was ever counted in it."""
    named = {name: getattr(slot, name) for name in ("scope", "key", "period", "starts_at")}
    return LimitWindow.objects.filter(**named).first()


def lock(caps: Mapping[Slot, int]) -> dict[Slot, LimitWindow]:
    """These windows with the cap in force, their rows made where missing and locked until the transaction ends.

    One statement, however many: it locks them in the order in which it names them.
    """
    slots = sorted(caps, key=lambda slot: slot.place)
    sql = (
        "INSERT INTO routers_limitwindow (scope, key, period, starts_at, cap, waived, reserved, posted)"  # noqa: S608
        " SELECT scope, key, period, starts_at, cap, 0, 0, 0"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[])"
        " WITH ORDINALITY AS asked (scope, key, period, starts_at, cap, place) ORDER BY place"
        " ON CONFLICT (scope, key, period, starts_at) DO UPDATE SET cap = EXCLUDED.cap"
        f" RETURNING {_COLUMNS}"
    )
    return _fetch(sql, [*_columns(slots), [caps[slot] for slot in slots]], caps)


def lock_rows(pks: Iterable[int]) -> None:
    """Lock windows that exist, until the transaction ends, in the one order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM routers_limitwindow WHERE id = ANY(%s) ORDER BY {LOCK_ORDER} FOR UPDATE",  # noqa: S608
            [list(pks)],
        )


def _columns(slots: list[Slot]) -> list[list[object]]:
    return [[getattr(slot, name) for slot in slots] for name in ("scope", "key", "period", "starts_at")]


def _fetch(sql: str, parameters: list[list[object]], caps: Mapping[Slot, int]) -> dict[Slot, LimitWindow]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    found = {}
    for pk, scope, key, period, starts_at, waived, reserved, posted in rows:
        slot = Slot(period, starts_at.astimezone(UTC), scope, key)
        found[slot] = _window(slot, caps[slot], pk=pk, waived=waived, reserved=reserved, posted=posted)
    return found


def _window(slot: Slot, cap: int, **counters: int) -> LimitWindow:
    return LimitWindow(
        scope=slot.scope, key=slot.key, period=slot.period, starts_at=slot.starts_at, cap=cap, **counters
    )
