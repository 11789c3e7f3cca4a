"""Deliveries that have ended go when their time is over; what waits, and every event, stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import tasks
from lucid_payments.events.models import (
    DeliveryState,
    Event,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookTry,
)


@pytest.mark.django_db
def test_deliveries_go_after_their_days_and_events_stay() -> None:
    now = timezone.now()
    owner = User.objects.create_user("client", role="service")
    endpoint = WebhookEndpoint.objects.create(owner=owner, url="https://example.org", created_at=now)
    kept = []
    for state, days_ago, stays in (
        (DeliveryState.DELIVERED, 91, False),
        (DeliveryState.FAILED, 91, False),
        (DeliveryState.DELIVERED, 89, True),
        (DeliveryState.WAITING, 91, True),
    ):
        ended = now - timedelta(days=days_ago)
        event = Event.objects.create(
            type="payout.confirmed", subject_type="payout", subject_id="p", owner=owner
        )
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint, event=event, state=state, next_at=ended, created_at=ended,
            ended_at=None if state == DeliveryState.WAITING else ended,
        )  # fmt: skip
        WebhookTry.objects.create(delivery=delivery, at=ended, milliseconds=1, status=500)
        kept += [delivery.pk] if stays else []
    tasks.forget()
    assert list(WebhookDelivery.objects.order_by("pk").values_list("pk", flat=True)) == kept
    assert list(WebhookTry.objects.order_by("delivery").values_list("delivery", flat=True)) == kept
    assert Event.objects.count() == 4
