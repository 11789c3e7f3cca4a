"""Handing events to endpoints: PostgreSQL is the queue, a row a delivery, tried again for four days.

Two steps. `hand_out` makes a delivery for each endpoint that wants an event, in the feed's order, once. `deliver_due`
sends what is due: a row is taken for a minute before its request goes out, so that a killed worker's rows come again.
A receiver may see the same `webhook-id` twice, as Standard Webhooks says, and never a payout's end not at all.
"""

from __future__ import annotations

import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import urllib3
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from lucid_payments import outgoing
from lucid_payments.accounts.roles import Role
from lucid_payments.api import json_format
from lucid_payments.events import feed, signatures, targets, webhooks
from lucid_payments.events.models import (
    DeliveryState,
    Event,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookPosition,
    WebhookTry,
)
from lucid_payments.locks import AdvisoryLock, try_hold

log = logging.getLogger(__name__)

# Standard Webhooks' schedule: at once, then after these.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
JITTER: Final = 0.2
LEASE: Final = timedelta(minutes=1)
# After it no more are taken: what is on its way then ends before Celery would kill the worker.
TURN_SECONDS: Final = 60
HANDED_OUT_AT_ONCE: Final = 500
SENT_AT_ONCE: Final = 16
ANSWER_KEPT: Final = 500
FORGOTTEN_AT_ONCE: Final = 5_000
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request; `status` is None where there was no answer."""

    status: int | None
    problem: str
    answer: str
    milliseconds: int

    @property
    def accepted(self) -> bool:
        """A 3xx isn't followed: the receiver's address is the one that was checked."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What every request of a delivery carries, apart from its time and signature."""

    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def unsigned(delivery: WebhookDelivery) -> Unsigned:
    """The same for every try: bodies are made from the event, which never changes."""
    headers = {"content-type": "application/json", "user-agent": "lucid-payments"}
    body = json_format.dumps(feed.body(delivery.event)).encode()
    return Unsigned({**headers, "webhook-id": delivery.event.event_id}, body)


def hand_out() -> int:
    """Make the deliveries of events that no one can come before any more; how many events were looked at."""
    total = 0
    while True:
        looked_at = _hand_out_some()
        total += looked_at
        if looked_at < HANDED_OUT_AT_ONCE:
            return total


def deliver_due() -> int:
    """Send what is due, for as long as one turn takes; how many requests went out.

    While Tor is away nothing is tried, and no try is used up: it says nothing of a receiver.
    """
    if not outgoing.is_open():
        return 0
    sent, pool, started = 0, targets.pool(), time.monotonic()
    while (not sent or time.monotonic() - started < TURN_SECONDS) and (taken := _take()):
        with ThreadPoolExecutor(len(taken), thread_name_prefix="webhook") as threads:
            results = list(threads.map(lambda delivery: _post(pool, delivery), taken))
        for delivery, result in zip(taken, results, strict=True):
            _note(delivery, result)
        sent += len(taken)
    return sent


@transaction.atomic
def send_again(deliveries: QuerySet[WebhookDelivery]) -> int:
    """Try ended deliveries anew, from the schedule's start; how many."""
    return int(
        deliveries.exclude(state=DeliveryState.WAITING).update(
            state=DeliveryState.WAITING, tries=0, next_at=timezone.now(), ended_at=None
        )
    )


@transaction.atomic
def _hand_out_some() -> int:
    if not try_hold(AdvisoryLock.WEBHOOKS):
        return 0
    position, _ = WebhookPosition.objects.get_or_create(pk=1)
    rows = _after(position)
    if not rows:
        return 0
    events = {event.pk: event for event in Event.objects.filter(pk__in=[pk for _, pk in rows])}
    endpoints = list(
        WebhookEndpoint.objects.filter(
            disabled_at=None, deleted_at=None, owner__is_active=True
        ).select_related("owner")
    )
    now = timezone.now()
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(endpoint=endpoint, event=events[pk], next_at=now, created_at=now)
            for _, pk in rows
            for endpoint in endpoints
            if wants(endpoint, events[pk])
        ],
        ignore_conflicts=True,
    )
    position.transaction, position.event_pk = rows[-1]
    position.save()
    return len(rows)


def wants(endpoint: WebhookEndpoint, event: Event) -> bool:
    """Whether the event is the endpoint's owner's to know, and of a type that was asked for."""
    if event.subject_type not in feed.THIN or event.created_at < endpoint.created_at:
        return False
    shared = event.subject_type in feed.SHARED and endpoint.owner.role == Role.ADMIN
    if event.owner_id != endpoint.owner_id and not (event.owner_id is None and shared):
        return False
    if event.type == "webhook.test":
        return event.subject_id == endpoint.webhook_id
    return not endpoint.types or event.type in endpoint.types


def _after(position: WebhookPosition) -> list[tuple[int, int]]:
    """(transaction, id) of the events after it, of transactions that can't be overtaken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT transaction::text::bigint, id FROM events_event"
            " WHERE (transaction, id) > (%s::text::xid8, %s)"
            " AND transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY transaction, id LIMIT %s",
            [str(position.transaction), position.event_pk, HANDED_OUT_AT_ONCE],
        )
        rows: list[tuple[int, int]] = cursor.fetchall()
    return rows


@transaction.atomic
def _take() -> list[WebhookDelivery]:
    now = timezone.now()
    due = WebhookDelivery.objects.filter(
        state=DeliveryState.WAITING,
        next_at__lte=now,
        endpoint__disabled_at=None,
        endpoint__deleted_at=None,
        endpoint__owner__is_active=True,
    )
    rows = list(
        due.select_for_update(of=("self",), skip_locked=True)
        .select_related("endpoint", "endpoint__owner", "event")
        .filter(pk__in=_in_turns(due))
        .order_by("next_at", "pk")
    )
    for delivery in rows:
        delivery.tries += 1
        delivery.next_at = now + LEASE
    WebhookDelivery.objects.bulk_update(rows, ["tries", "next_at"])
    return rows


def _in_turns(due: QuerySet[WebhookDelivery]) -> list[int]:
    """The next to be sent: each owner's first, then each one's second, so that no one waits behind another's queue."""
    place = Window(RowNumber(), partition_by="endpoint__owner", order_by=("next_at", "pk"))
    return list(
        due.annotate(place=place)
        .order_by("place", "next_at", "pk")
        .values_list("pk", flat=True)[:SENT_AT_ONCE]
    )


def _post(pool: urllib3.PoolManager, delivery: WebhookDelivery) -> Result:
    """One request. Nothing of the secret is in what is kept of it."""
    plain = unsigned(delivery)
    body = plain.body
    signed = signatures.headers(delivery.endpoint, delivery.event.event_id, body, timezone.now())
    headers = {**plain.headers, **signed}
    started = time.monotonic()
    status, problem, answer = None, "", ""
    with targets.time_limit() as limit:
        try:
            # The name may have been checked long ago, under other settings.
            targets.check(delivery.endpoint.url)
            response = pool.request(
                "POST", delivery.endpoint.url, body=body, headers=headers, retries=False, redirect=False,
                preload_content=False,
            )  # fmt: skip
            status = response.status
            with closing(response):
                kept = response.read(ANSWER_KEPT, decode_content=False)
            answer = kept.decode("utf-8", "replace").replace("\0", "")
        except targets.TargetRefused as refused:
            problem = str(refused)
        except Exception as error:  # noqa: BLE001 - whatever a receiver provokes is its own failure and nobody else's
            problem = "It took too long." if limit.is_over else type(error).__name__
    spent = int((time.monotonic() - started) * 1000)
    return Result(status, problem[:200], answer[:ANSWER_KEPT], spent)


@transaction.atomic
def _note(delivery: WebhookDelivery, result: Result) -> None:
    now = timezone.now()
    WebhookTry.objects.create(
        delivery=delivery, at=now, milliseconds=result.milliseconds, status=result.status,
        problem=result.problem, answer=result.answer,
    )  # fmt: skip
    rows = WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING)
    if result.accepted:
        rows.update(state=DeliveryState.DELIVERED, ended_at=now)
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(last_success_at=now)
        return
    if result.status == GONE:
        rows.update(state=DeliveryState.FAILED, ended_at=now)
        webhooks.disable(delivery.endpoint, "It answered 410: gone.", actor=None)
        return
    if delivery.tries <= len(PAUSES):
        pause = PAUSES[delivery.tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
        rows.update(next_at=now + pause)
        return
    rows.update(state=DeliveryState.FAILED, ended_at=now)
    _disable_after_endless_failures(delivery)


def _disable_after_endless_failures(delivery: WebhookDelivery) -> None:
    """Four days of tries, and nothing else got through meanwhile either."""
    endpoint = WebhookEndpoint.objects.select_related("owner").get(pk=delivery.endpoint_id)
    if endpoint.last_success_at is None or endpoint.last_success_at < delivery.created_at:
        webhooks.disable(endpoint, "Nothing got through for days.", actor=None)


def forget() -> None:
    """Delete deliveries that ended DELIVERY_KEEP_DAYS ago, with their tries: the oldest have the lowest numbers, and
    some thousands go at a time. The events stay.
    """
    until = timezone.now() - timedelta(days=settings.DELIVERY_KEEP_DAYS)
    for state in (DeliveryState.DELIVERED, DeliveryState.FAILED):
        oldest = WebhookDelivery.objects.filter(state=state).order_by("pk").values_list("pk", "ended_at")
        old = [number for number, ended_at in oldest[:FORGOTTEN_AT_ONCE] if ended_at and ended_at < until]
        with transaction.atomic():
            WebhookTry.objects.filter(delivery__in=old).delete()
            WebhookDelivery.objects.filter(pk__in=old, state=state).delete()
