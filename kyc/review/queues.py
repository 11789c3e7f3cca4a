"""The desk's queues: each a fixed selection, oldest due first, and how many there are in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Q, QuerySet, Value

from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import REVIEWABLE, UNDECIDED
from lucid_payments import clock
from lucid_payments.accounts.models import User

SOON: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Queue:
    """`rows` selects for the officer who looks, at a moment."""

    key: str
    title: str
    about: str
    rows: Callable[[QuerySet[KycRecord], User, datetime], QuerySet[KycRecord]]


def _open(rows: QuerySet[KycRecord]) -> QuerySet[KycRecord]:
    return rows.filter(state__in=REVIEWABLE, snoozed_until=None)


QUEUES: Final = (
    Queue(
        "unassigned",
        "Unassigned",
        "Nobody works on these now.",
        lambda rows, who, now: _open(rows).filter(Q(lease_until=None) | Q(lease_until__lte=now)),
    ),
    Queue(
        "mine",
        "Mine",
        "What you have, put off, or wait for an answer to.",
        lambda rows, who, now: rows.filter(state__in=UNDECIDED, owner=who),
    ),
    Queue(
        "applicant",
        "Waiting for applicant",
        "Asked; the clock stands.",
        lambda rows, who, now: rows.filter(state=State.INFO_REQUESTED),
    ),
    Queue(
        "due",
        "Due within 24 h",
        "To be decided by this time tomorrow.",
        lambda rows, who, now: _open(rows).filter(due_at__gt=now, due_at__lte=now + SOON),
    ),
    Queue(
        "overdue",
        "Overdue",
        "Should have been decided.",
        lambda rows, who, now: rows.filter(state__in=REVIEWABLE, due_at__lte=now),
    ),
    Queue(
        "second",
        "Second approval",
        "A high risk, approved by one; another person decides.",
        lambda rows, who, now: (
            _open(rows).filter(state=State.PENDING_SECOND_REVIEW).exclude(first_reviewer=who)
        ),
    ),
    Queue(
        "escalated",
        "Escalated",
        "For a responsible officer.",
        lambda rows, who, now: rows.filter(state__in=REVIEWABLE, escalated_at__isnull=False),
    ),
    Queue(
        "reverification",
        "Re-verification due",
        "Verified, and to be verified again before it expires.",
        lambda rows, who, now: rows.filter(state=State.EXPIRING, replaced_by=None),
    ),
    Queue(
        "snoozed",
        "Put off",
        "Each comes back on its day.",
        lambda rows, who, now: rows.filter(state__in=REVIEWABLE, snoozed_until__isnull=False),
    ),
)


def of_key(key: str) -> Queue:
    """Raises KeyError for a queue that there isn't."""
    return {queue.key: queue for queue in QUEUES}[key]


def rows(queue: Queue, who: User, now: datetime | None = None) -> QuerySet[KycRecord]:
    """Oldest due first; what has no due time by the day it expires."""
    chosen = queue.rows(KycRecord.objects.filter(erased_at=None), who, now or clock.now())
    return chosen.order_by(F("due_at").asc(nulls_last=True), F("expires_at").asc(nulls_last=True), "pk")


def counts(who: User) -> dict[str, int]:
    """How many there are in each queue, by its key; in one statement."""
    now = clock.now()
    parts = [
        rows(queue, who, now).order_by().values(queue=Value(queue.key)).annotate(number=Count("pk"))
        for queue in QUEUES
    ]
    counted = {part["queue"]: part["number"] for part in parts[0].union(*parts[1:], all=True)}
    return {queue.key: counted.get(queue.key, 0) for queue in QUEUES}


def load() -> dict[str, int]:
    """How many undecided records each officer has, by user name: for who leads the desk."""
    owned = KycRecord.objects.filter(state__in=UNDECIDED, owner__isnull=False)
    counted = owned.values("owner__username").annotate(number=Count("pk")).order_by("owner__username")
    return {row["owner__username"]: row["number"] for row in counted}
