"""Callers who go too far: what counts, and when it ends in a block.

An offence is an answer 429, or a 401 for a token or credentials that aren't good; none at all is only limited. It is
counted in the cache against the machine key that the token came from, else the token's user, else the Tor circuit that
the gateway names. A socket or a peer's address stands for many callers, and is never blocked: who comes without a
circuit shares one ceiling of failed authentications a minute instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS

from lucid_payments.accounts.models import User
from lucid_payments.api import blocks, errors, metrics
from lucid_payments.api.client_address import circuit_of
from lucid_payments.api.counting import META_KEY, usage_of
from lucid_payments.api.models import BlockCause, OffenceTally

# In seconds. Offences are forgotten with it, so that a rare mistake never adds up.
OFFENCE_WINDOW: Final = 600
MINUTE: Final = 60
# The contract's for `/auth/*`, for whoever comes without a valid token anywhere else.
WITHOUT_TOKEN: Final = 10
# Between these a window's tally isn't written down: a flood must not become a flood of UPDATEs.
TALLIED_EVERY: Final = 10
KEPT_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom something is counted against: its name in the tables, and in words."""

    subject: str
    label: str


def callers_of(request: HttpRequest, user: Any = None, token: Any = None) -> list[Caller]:
    """All that a block of this request's caller may name; the first is what offences count against."""
    found = []
    key = token.get("key") if token is not None else None
    if key is not None:
        found.append(Caller(f"key:{key}", f"a key of {user}"))
    if isinstance(user, User):
        found.append(Caller(f"user:{user.pk}", user.get_username()))
    circuit = circuit_of(request)
    if circuit:
        found.append(Caller(f"circuit:{circuit}", f"circuit {circuit}"))
    return found


def refuse_blocked(request: HttpRequest, user: Any = None, token: Any = None) -> None:
    """One look at the blocks that are in force, unless one was taken with the user's row and found none.

    Raises RateLimited, or PermissionRefused for a block without an end.
    """
    if user is not None and getattr(user, "is_blocked", True) is False:
        return
    subjects = [caller.subject for caller in callers_of(request, user, token)]
    if subjects:
        blocks.refuse(subjects)


def too_many(request: HttpRequest, user: Any = None, token: Any = None) -> None:
    """The caller is being answered 429."""
    callers = callers_of(request, user, token)
    if callers:
        _count(request, callers[0], BlockCause.RATE_LIMIT)


def not_authenticated(request: HttpRequest, *, by_credentials: bool) -> None:
    """The caller is being answered 401. Raises what it is answered instead when that was once too often.

    `by_credentials`: by `/auth/*`, which has counted the request already.
    """
    circuit = circuit_of(request)
    if not by_credentials and circuit:
        refuse_blocked(request)
    if not circuit:
        _limit(request, "", settings.FAILED_AUTHENTICATIONS_PER_MINUTE)
    elif not by_credentials:
        _limit(request, circuit, WITHOUT_TOKEN)
    if circuit and (by_credentials or request.headers.get("Authorization")):
        _count(request, Caller(f"circuit:{circuit}", f"circuit {circuit}"), BlockCause.AUTHENTICATION)


def forget() -> None:
    """Drop tallies that are a month old."""
    OffenceTally.objects.filter(last_at__lt=timezone.now() - KEPT_FOR).delete()


def _limit(request: HttpRequest, who: str, a_minute: int) -> None:
    """Raises RateLimited above it, and Unavailable where nothing can be counted and something would be written."""
    limit = a_minute * settings.RATE_LIMIT_FACTOR
    usage = usage_of(request, "without token", who or "everybody", limit, MINUTE)
    if usage is None:
        if request.method not in SAFE_METHODS:
            raise errors.Unavailable
        return
    request.META.setdefault(META_KEY, usage)
    if usage["should_limit"]:
        metrics.count_rate_limit_violation(request)
        if who:
            _count(request, Caller(f"circuit:{who}", f"circuit {who}"), BlockCause.RATE_LIMIT)
        else:
            _tally(Caller("", "callers without a circuit"), BlockCause.AUTHENTICATION, usage["count"] - limit)
        wait = max(1, usage["time_left"])
        details = {"limit": limit, "window": MINUTE, "retry_after": wait}
        raise errors.RateLimited(details, retry_after=wait)


def _count(request: HttpRequest, caller: Caller, cause: BlockCause) -> None:
    """One offence; every so many in a window are one block, made by exactly one of the requests."""
    most = settings.OFFENCES_BEFORE_BLOCK
    usage = usage_of(request, f"offences {cause}", caller.subject, most, OFFENCE_WINDOW)
    if usage is None:
        return
    _tally(caller, cause, usage["count"])
    if usage["count"] % most == 0:
        blocks.block_for_offences(caller.subject, caller.label, cause, usage["count"])


def _tally(caller: Caller, cause: BlockCause, count: int) -> None:
    """What staff see of the last day. The first and every tenth are written down."""
    if count != 1 and count % TALLIED_EVERY:
        return
    now = timezone.now()
    window = int(now.timestamp()) // OFFENCE_WINDOW * OFFENCE_WINDOW
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO api_offencetally (subject, label, cause, window_at, count, last_at)
            VALUES (%s, %s, %s, to_timestamp(%s), %s, %s)
            ON CONFLICT (subject, cause, window_at) DO UPDATE
            SET count = greatest(api_offencetally.count, excluded.count), last_at = excluded.last_at
            """,
            [caller.subject, caller.label[:200], cause.value, window, count, now],
        )
