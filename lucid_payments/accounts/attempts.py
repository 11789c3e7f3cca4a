"""Failed logins: each makes the next wait longer, and the account's owner hears of them.

Three counters, by account and address together, by address, and by account. The first grows to 15 minutes. An
address has ten tries before it waits. An account alone waits at most 30 seconds: somebody who guesses from
everywhere is slowed down, but can't lock the owner out. The API's door shares the two of the account, and lets three
of one caller's go by without a wait, since workers log in side by side; how many tries an address has there is its
rate limit's to say. An attempt is counted before the password is looked at
and taken back when it is right, so that a hundred at once don't all get through. Times are the machine's clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.utils import timezone

from lucid_payments.accounts.models import LoginAttempts, User

FORGOTTEN_AFTER: Final = timedelta(hours=24)
KEPT_FOR: Final = timedelta(days=30)


class Door(Enum):
    """Where somebody logs in."""

    BACK_OFFICE = auto()
    API = auto()


@dataclass(frozen=True, slots=True)
class Counter:
    """After `free` failures 1, 2, 4 … seconds, at most `longest`."""

    account: str
    address: str
    free: int
    longest: int


@dataclass(frozen=True, slots=True)
class Failures:
    """What the owner hears at a login."""

    count: int
    since: datetime


# One statement: it counts the attempt and sets the wait, or touches nothing while a wait lasts.
_COUNT: Final = """
INSERT INTO accounts_loginattempts AS counter
    (account, address, failures, last_at, blocked_until, untold, untold_since)
VALUES (%(account)s, %(address)s, 1, %(now)s, %(now)s::timestamptz + CASE WHEN %(free)s < 1
    THEN interval '1 second' ELSE interval '0' END, 1, %(now)s)
ON CONFLICT (account, address) DO UPDATE SET
    failures = CASE WHEN counter.last_at < %(forgotten)s THEN 1 ELSE counter.failures + 1 END,
    last_at = %(now)s,
    blocked_until = %(now)s::timestamptz + interval '1 second' * CASE
        WHEN counter.last_at < %(forgotten)s OR counter.failures < %(free)s THEN 0
        ELSE least(%(longest)s, power(2, least(counter.failures - %(free)s, 20))) END,
    untold = counter.untold + 1,
    untold_since = CASE WHEN counter.untold = 0 THEN %(now)s ELSE counter.untold_since END
WHERE counter.blocked_until <= %(now)s
RETURNING failures
"""


class _Waits(Exception):
    """One counter says no: the others are taken back."""


def begin(name: str, address: str, door: Door = Door.BACK_OFFICE) -> timedelta | None:
    """Count an attempt to log in. None: look at the password. Else how long to wait first; nothing is counted."""
    now = timezone.now()
    try:
        with transaction.atomic():
            for counter in _counters(name, address, door):
                if not _count(counter, now):
                    raise _Waits
    except _Waits:
        return _wait(name, address, door, now) or timedelta(seconds=1)
    return None


def succeeded_by_api(name: str, address: str) -> None:
    """Take back the attempt and the waits; the owner still hears of failures, at the next login to the back office."""
    LoginAttempts.objects.filter(account=_digest(name), address__in=("", address)).update(
        failures=0, blocked_until=timezone.now(), untold=F("untold") - 1
    )


@transaction.atomic
def succeeded(name: str, address: str) -> Failures | None:
    """Take back the attempt and what came before it; answers the failures that the owner hasn't heard of."""
    row = LoginAttempts.objects.select_for_update().filter(account=_digest(name), address="").first()
    told = Failures(row.untold - 1, row.untold_since) if row and row.untold > 1 else None
    LoginAttempts.objects.filter(account=_digest(name), address__in=("", address)).delete()
    LoginAttempts.objects.filter(account="", address=address, failures__gt=0).update(
        failures=0, blocked_until=timezone.now()
    )
    return told


def failures_of(user: User) -> int:
    """Failed attempts at this account since its last login."""
    row = LoginAttempts.objects.filter(account=_digest(user.get_username()), address="").first()
    return row.untold if row else 0


@dataclass(frozen=True, slots=True)
class Recent:
    """Failed logins that no right one followed, and from how many addresses."""

    count: int
    addresses: int


def since(moment: datetime) -> Recent:
    """What staff see of everybody's failed logins."""
    rows = LoginAttempts.objects.filter(account="", failures__gt=0, last_at__gt=moment)
    found = rows.aggregate(count=Sum("failures"), addresses=Count("pk"))
    return Recent(found["count"] or 0, found["addresses"])


def longest_wait(user: User) -> timedelta | None:
    """How long somebody who tries this account waits now, at most; None when nobody does."""
    rows = LoginAttempts.objects.filter(
        account=_digest(user.get_username()), blocked_until__gt=timezone.now()
    )
    return max((row.blocked_until - timezone.now() for row in rows), default=None)


def clear(user: User) -> None:
    """End every wait for this account; the failures are still told to its owner."""
    LoginAttempts.objects.filter(account=_digest(user.get_username())).update(
        failures=0, blocked_until=timezone.now()
    )


def forget() -> None:
    """Drop what is a month old."""
    LoginAttempts.objects.filter(last_at__lt=timezone.now() - KEPT_FOR).delete()


def _counters(name: str, address: str, door: Door) -> Iterator[Counter]:
    """In one order for everybody, so that two at once can't wait for each other."""
    account = _digest(name)
    if door is Door.BACK_OFFICE:
        yield Counter("", address, free=10, longest=900)
    yield Counter(account, "", free=10, longest=30)
    yield Counter(account, address, free=3 if door is Door.API else 0, longest=900)


def _count(counter: Counter, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "account": counter.account,
                "address": counter.address,
                "free": counter.free,
                "longest": counter.longest,
                "now": now,
                "forgotten": now - FORGOTTEN_AFTER,
            },
        )
        return cursor.fetchone() is not None


def _wait(name: str, address: str, door: Door, now: datetime) -> timedelta | None:
    keys = {(counter.account, counter.address) for counter in _counters(name, address, door)}
    rows = LoginAttempts.objects.filter(
        account__in=[key[0] for key in keys], address__in=[key[1] for key in keys], blocked_until__gt=now
    )
    waits = [row.blocked_until - now for row in rows if (row.account, row.address) in keys]
    return max(waits, default=None)


def _digest(name: str) -> str:
    return hashlib.sha256(name.strip().lower().encode()).hexdigest()
