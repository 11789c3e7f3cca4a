"""Webhooks in a test: registered, told of an event, delivered turn by turn."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.events import deliveries, outbox
from lucid_payments.events.models import Event, WebhookDelivery
from tests.api_client import Answer, ApiClient


def register(owner: User, url: str, **fields: Any) -> Answer:
    return ApiClient(owner).post("/webhooks", {"url": url, **fields})


def emit(
    owner: User | None, type: str = "payout.confirmed", subject: str = "payout", **payload: Any
) -> Event:
    with transaction.atomic():
        return outbox.emit(type, subject_type=subject, subject_id="s", owner=owner, payload=payload)


def turn() -> int:
    """One turn of the worker."""
    deliveries.hand_out()
    return deliveries.deliver_due()


def due_now() -> None:
    WebhookDelivery.objects.update(next_at=timezone.now())
