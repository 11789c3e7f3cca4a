"""The desk's queues: each a fixed selection, oldest due first, and how many there are in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet

from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import REVIEWABLE, UNDECIDED
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role

SOON: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Queue:
    """`where` selects for the officer who looks, at a moment; `by` is what its rows are ordered by, oldest first.

    Within a queue all rows have that time, or none: what is decided has no due time any more.
    """

    key: str
    title: str
    about: str
    where: Callable[[User, datetime], Q]
    by: str = "due_at"


_REVIEWABLE: Final = Q(state__in=REVIEWABLE)
_OPEN: Final = _REVIEWABLE & Q(snoozed_until=None)
# A draft is its applicant's, and stands in no queue.
_QUEUED: Final = (*REVIEWABLE, State.INFO_REQUESTED, State.EXPIRING)

QUEUES: Final = (
    Queue(
        "unassigned",
        "Unassigned",
        "Nobody works on these now.",
        lambda who, now: _OPEN & (Q(lease_until=None) | Q(lease_until__lte=now)),
    ),
    Queue(
        "mine",
        "Mine",
        "What you have, put off, or wait for an answer to.",
        lambda who, now: Q(state__in=UNDECIDED, owner=who),
    ),
    Queue(
        "applicant",
        "Waiting for applicant",
        "Asked; the clock stands.",
        lambda who, now: Q(state=State.INFO_REQUESTED),
    ),
    Queue(
        "due",
        "Due within 24 h",
        "To be decided by this time tomorrow.",
        lambda who, now: _OPEN & Q(due_at__gt=now, due_at__lte=now + SOON),
    ),
    Queue(
        "overdue",
        "Overdue",
        "Should have been decided.",
        lambda who, now: _REVIEWABLE & Q(due_at__lte=now),
    ),
    Queue(
        "second",
        "Second approval",
        "A high risk, approved by one; another person decides.",
        lambda who, now: _OPEN & Q(state=State.PENDING_SECOND_REVIEW) & ~Q(first_reviewer=who),
    ),
    Queue(
        "escalated",
        "Escalated",
        "For a responsible officer.",
        lambda who, now: _REVIEWABLE & Q(escalated_at__isnull=False),
    ),
    Queue(
        "reverification",
        "Re-verification due",
        "Verified, and to be verified again before it expires.",
        lambda who, now: Q(state=State.EXPIRING, replaced_by=None),
        by="expires_at",
    ),
    Queue(
        "snoozed",
        "Put off",
        "Each comes back on its day.",
        lambda who, now: _REVIEWABLE & Q(snoozed_until__isnull=False),
    ),
)


def of_key(key: str) -> Queue:
    """Raises KeyError for a queue that there isn't."""
    return {queue.key: queue for queue in QUEUES}[key]


def rows(queue: Queue, who: User, now: datetime | None = None) -> QuerySet[KycRecord]:
    """Oldest first, by the queue's time."""
    chosen = KycRecord.objects.filter(queue.where(who, now or clock.now()), erased_at=None)
    return chosen.order_by(queue.by, "pk")


def counts(who: User) -> dict[str, int]:
    """How many there are in each queue, by its key; in one pass over what stands in any."""
    now = clock.now()
    queued = KycRecord.objects.filter(state__in=_QUEUED, erased_at=None)
    return queued.aggregate(**{queue.key: Count("pk", filter=queue.where(who, now)) for queue in QUEUES})


@dataclass(frozen=True, slots=True)
class Load:
    """How many undecided records an officer has; of these so many should have been decided, or wait for an answer."""

    officer: User
    number: int = 0
    overdue: int = 0
    waiting: int = 0


def load() -> list[Load]:
    """What each officer has, the busiest first, and who has nothing; those too who left with cases of theirs."""
    owned = KycRecord.objects.filter(state__in=UNDECIDED, owner__isnull=False).order_by().values("owner_id")
    counted = {
        row["owner_id"]: (row["number"], row["overdue"], row["waiting"])
        for row in owned.annotate(
            number=Count("pk"),
            overdue=Count("pk", filter=_REVIEWABLE & Q(due_at__lte=clock.now())),
            waiting=Count("pk", filter=Q(state=State.INFO_REQUESTED)),
        )
    }
    people = User.objects.filter(Q(pk__in=counted) | Q(role=Role.COMPLIANCE_OFFICER, is_active=True))
    loads = [Load(person, *counted.get(person.pk, ())) for person in people.order_by("username")]
    return sorted(loads, key=lambda each: -each.number)
