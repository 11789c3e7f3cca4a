"""Telling endpoints of events, every few seconds."""

from __future__ import annotations

from celery import shared_task

from lucid_payments.events import deliveries


@shared_task(queue="default")
def tell_webhooks() -> None:
    deliveries.hand_out()
    deliveries.deliver_due()
