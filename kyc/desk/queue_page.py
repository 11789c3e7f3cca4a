"""A queue as a page: its tab, its rows oldest due first, and what comes after them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.safestring import SafeString

from kyc.desk import words
from kyc.models import KycRecord
from kyc.models.screening_cases import CaseState, ScreeningCase
from kyc.review import policy, queues
from kyc.review.queues import Load, Queue
from lucid_payments import clock
from lucid_payments.accounts.models import User

PAGE: Final = 50
AFTER: Final = "after"
# A moment in an address, UTC.
TIME: Final = "%Y%m%d%H%M%S%f"
POSITION: Final = re.compile(r"([0-9]{20})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Tab:
    title: str
    url: str
    number: int
    current: bool


@dataclass(frozen=True, slots=True)
class Row:
    record: KycRecord
    url: str
    state: SafeString
    risk: SafeString | str
    due: SafeString | str
    owner: str
    woke: str


def url(queue: Queue) -> str:
    return reverse("admin:kyc_kycrecord_queue", args=[queue.key])


def officers_url(officer: User) -> str:
    return reverse("admin:kyc_kycrecord_officer", args=[officer.public_id])


def tabs(user: User, current: Queue | None = None) -> list[Tab]:
    """Every queue with its count."""
    counted = queues.counts(user)
    hits = ScreeningCase.objects.filter(state=CaseState.OPEN).count()
    return [
        *(
            Tab(queue.title, url(queue), counted[queue.key], current is not None and queue.key == current.key)
            for queue in queues.QUEUES
        ),
        # They are about addresses and names, with a page of their own.
        Tab("Screening hits", reverse("admin:kyc_screeningcase_changelist"), hits, False),
    ]


def context(user: User, key: str, after: str) -> dict[str, Any]:
    """One queue's page, from what follows the place `after`. Raises Http404."""
    try:
        queue = queues.of_key(key)
    except KeyError:
        raise Http404("no such queue") from None
    return {
        **_page(queue, user, after, url(queue)),
        "title": queue.title,
        "tabs": tabs(user, queue),
        "about": queue.about,
        "may_take": policy.is_officer(user),
    }


def officers_context(user: User, officer: User, after: str) -> dict[str, Any]:
    """What another officer has, as their own page "Mine" shows it. Raises Http404."""
    return {
        **_page(queues.of_key("mine"), officer, after, officers_url(officer)),
        "title": f"Cases of {officer.get_username()}",
        "tabs": tabs(user),
        "about": "What this officer has, put off, or waits for an answer to. Each case's page hands it on.",
        "may_take": policy.is_officer(user),
    }


def _page(queue: Queue, whose: User, after: str, base: str) -> dict[str, Any]:
    now = clock.now()
    following = _following(queues.rows(queue, whose, now), queue, after)
    found = list(following.select_related("operator", "owner")[: PAGE + 1])
    rows = [shown(record, now) for record in found[:PAGE]]
    more = len(found) > PAGE
    return {
        "rows": rows,
        "first_url": base if after else "",
        "next_url": f"{base}?{urlencode({AFTER: position(found[PAGE - 1], queue)})}" if more else "",
    }


def shown(record: KycRecord, now: datetime) -> Row:
    return Row(
        record=record,
        url=words.case_url(record),
        state=words.state(record),
        risk=words.risk(record),
        due=words.due(record, now),
        owner=words.owner(record, now),
        woke=words.woke(record, now),
    )


def position(record: KycRecord, queue: Queue) -> str:
    """Where a row stands, in the address; not which row: it may be decided before the next page is asked for."""
    at: datetime = getattr(record, queue.by)
    return f"{at:{TIME}}-{record.pk}"


def _following(rows: QuerySet[KycRecord], queue: Queue, after: str) -> QuerySet[KycRecord]:
    """By key and not by number: rows that were decided meanwhile move nobody's page. Raises Http404."""
    if not after:
        return rows
    place = POSITION.fullmatch(after)
    try:
        at = datetime.strptime(place[1], TIME).replace(tzinfo=UTC) if place else None
    except ValueError:
        at = None
    if place is None or at is None:
        raise Http404("no such place in the queue")
    # The first condition says less than the second, but an index begins where it says.
    return rows.filter(**{f"{queue.by}__gte": at}).exclude(**{queue.by: at, "pk__lte": int(place[2])})


def load() -> list[tuple[Load, str]]:
    """What each officer has, and where it is shown."""
    return [(each, officers_url(each.officer)) for each in queues.load()]
