"""Blocks: for a while, longer with each one in a week, or until somebody releases it.

Times are the machine's clock. Blocks are kept for ever: who was blocked, why, and who let them go again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.api import errors
from lucid_payments.api.models import Block, BlockCause
from lucid_payments.audit import log
from lucid_payments.events import outbox
from lucid_payments.locks import hold_names

# A block within this time of the one before it lasts twice as long as that one.
REMEMBERED: Final = timedelta(days=7)
LONGEST: Final = timedelta(hours=24)


# `in_force` of some subjects, the longest first. As it stands, since every request asks it.
_OF_SUBJECTS: Final = f"""
SELECT * FROM {Block._meta.db_table}
WHERE subject = ANY(%(subjects)s) AND released_at IS NULL AND (ends_at IS NULL OR ends_at > %(now)s)
ORDER BY ends_at DESC NULLS FIRST LIMIT 1
"""  # noqa: S608 - a table's name, and parameters


def in_force(at: datetime) -> QuerySet[Block]:
    return Block.objects.filter(Q(ends_at=None) | Q(ends_at__gt=at), released_at=None)


def refuse(subjects: Sequence[str]) -> None:
    """Raises RateLimited until the block of any of these is over, PermissionRefused while one has no end."""
    now = timezone.now()
    found = next(iter(Block.objects.raw(_OF_SUBJECTS, {"subjects": list(subjects), "now": now})), None)
    if found is None:
        return
    if found.ends_at is None:
        raise errors.PermissionRefused({"blocked": ["This caller is blocked."]})
    wait = max(1, math.ceil((found.ends_at - now).total_seconds()))
    # Of so many seconds none takes a request.
    window = math.ceil((found.ends_at - found.began_at).total_seconds())
    raise errors.RateLimited(
        {
            "limit": 0,
            "window": window,
            "retry_after": wait,
            "blocked": ["This caller is blocked for a while."],
        },
        retry_after=wait,
    )


@transaction.atomic
def block_for_offences(subject: str, label: str, cause: BlockCause, offences: int) -> Block | None:
    """The system's own block; None where one is in force."""
    hold_names([f"block {subject}"])
    now = timezone.now()
    if in_force(now).filter(subject=subject).exists():
        return None
    earlier = Block.objects.filter(
        subject=subject, began_at__gt=now - REMEMBERED, released_at=None, blocked_by=None
    ).count()
    lasts = min(LONGEST, timedelta(minutes=settings.FIRST_BLOCK_MINUTES) * 2 ** min(earlier, 20))
    row = Block.objects.create(
        subject=subject, label=label[:200], cause=cause, offences=offences, began_at=now, ends_at=now + lasts
    )
    _tell("caller.blocked", row, None, {"offences": offences, "minutes": int(lasts.total_seconds() // 60)})
    return row


@transaction.atomic
def block_by_hand(
    subject: str, label: str, lasts: timedelta | None, *, actor: User, evidence: Mapping[str, Any],
    request_id: str = "",
) -> Block | None:  # fmt: skip
    """For so long, or until it is released; None where a block of hands is in force already."""
    hold_names([f"block {subject}"])
    now = timezone.now()
    if in_force(now).filter(subject=subject, cause=BlockCause.BY_HAND).exists():
        return None
    row = Block.objects.create(
        subject=subject, label=label[:200], cause=BlockCause.BY_HAND, began_at=now,
        ends_at=now + lasts if lasts else None, blocked_by=actor,
    )  # fmt: skip
    _tell("caller.blocked", row, actor, evidence, request_id)
    return row


@transaction.atomic
def release(row: Block, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> bool:
    """The caller's next request is taken again, and the block doesn't count for the length of the next one.

    False when it wasn't in force.
    """
    now = timezone.now()
    if not in_force(now).filter(pk=row.pk).update(released_at=now, released_by=actor):
        return False
    _tell("caller.released", row, actor, evidence, request_id)
    return True


def _tell(
    action: str, row: Block, actor: User | None, about: Mapping[str, Any], request_id: str = ""
) -> None:
    details = {"caller": row.label, "cause": row.cause, **about}
    log.record(action, actor=actor, subject=row, details=details, request_id=request_id)
    told = {"caller": row.label, "cause": row.cause}
    outbox.emit(action, subject_type="block", subject_id=str(row.pk), owner=None, payload=told)
