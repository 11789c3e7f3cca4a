"""What the audit log keeps of requests that changed nothing: refusals, failed logins, reads of other people's data.

Whoever repeats fills no table: the first of its kind in a while is an entry, those after it are counted, and the next
entry says how many they were.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Final

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, models, transaction
from django.http import HttpRequest
from redis.exceptions import RedisError

from lucid_payments.accounts.models import User
from lucid_payments.api.client_address import client_of
from lucid_payments.api.errors import AmountTooHigh, BreakerOpen, InvalidRouter, LucidError
from lucid_payments.audit import log

REFUSALS_SECONDS: Final = 60
READS_SECONDS: Final = 600
COUNTED_SECONDS: Final = 24 * 3600
STRANGER: Final = "a stranger"
_STATUSES: Final = frozenset({401, 403, 429})
_CODES: Final = frozenset({AmountTooHigh.code, BreakerOpen.code, InvalidRouter.code})
_ACCOUNT: Final = "lucid.account_asked_for"

logger = logging.getLogger(__name__)


def ask_for_account(request: HttpRequest, username: str) -> None:
    """Somebody tries to log in as this. Only an account's own name is kept: people type passwords there."""
    request.META[_ACCOUNT] = User.objects.filter(username=username).first() if "\0" not in username else None


def refused(request: HttpRequest, user: Any, error: LucidError, *, credentials: bool) -> None:
    """Keep a refusal for want of rights, room or a good token; not what a body lacks, nor a missing token."""
    if error.status not in _STATUSES and error.code not in _CODES:
        return
    if error.status == 401 and not credentials and not request.headers.get("Authorization"):
        return
    known = user if isinstance(user, User) else None
    account: User | None = request.META.get(_ACCOUNT)
    match = request.resolver_match
    route = f"{request.method} /{match.route if match else ''}"
    about = known or account
    who = f"{about.public_id if about else ''} {client_of(request)}"
    before = _unnoted(f"refusal {who} {error.code} {route}", REFUSALS_SECONDS)
    if before is None:
        return
    action = "login.refused" if credentials else "request.refused"
    details: dict[str, Any] = {"code": error.code, "status": error.status, "request": route}
    if before:
        details["unnoted_before"] = before
    try:
        with transaction.atomic():
            log.record(action, actor=known or STRANGER, subject=account, details=details)
    except (DatabaseError, InterfaceError):
        logger.exception("a refusal could not be written to the audit log")


def read(reader: User, action: str, ids: Collection[str], subject: models.Model | None = None) -> None:
    """Keep that `reader` saw what belongs to others, by its ids: in one entry, and each id once in ten minutes.

    `subject` where it is one thing.
    """
    fresh = _first_reads(f"read {reader.public_id} {action}", ids)
    if fresh:
        with transaction.atomic():
            log.record(action, actor=reader, subject=subject, details={"ids": fresh})


def _unnoted(key: str, seconds: int) -> int | None:
    """How many went by without an entry since the last one; None where this one goes by, too."""
    key = _safe(key)
    try:
        if cache.add(f"noted:{key}", 1, timeout=seconds):
            before = int(cache.get(f"unnoted:{key}", 0))
            cache.delete(f"unnoted:{key}")
            return before
        cache.add(f"unnoted:{key}", 0, timeout=COUNTED_SECONDS)
        cache.incr(f"unnoted:{key}")
    except (RedisError, ValueError):
        # Evidence is worth more than room: without the cache every one is an entry.
        return 0
    return None


def _first_reads(key: str, ids: Collection[str]) -> list[str]:
    keys = {_safe(f"{key} {found}"): found for found in ids}
    try:
        known = cache.get_many(keys)
        fresh = {key: found for key, found in keys.items() if key not in known}
        cache.set_many(dict.fromkeys(fresh, 1), timeout=READS_SECONDS)
    except RedisError:
        fresh = keys
    return sorted(fresh.values())


def _safe(key: str) -> str:
    return key.replace(" ", ":")
