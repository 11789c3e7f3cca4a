"""Telling endpoints of events, every few seconds."""

from __future__ import annotations

from celery import shared_task

from lucid_payments.events import deliveries
from lucid_payments.locks import AdvisoryLock, only_one


@shared_task(queue="default")
def tell_webhooks() -> None:
    """One worker at a time: slow receivers must not keep the others from their work."""
    with only_one(AdvisoryLock.WEBHOOKS) as mine:
        if mine:
            deliveries.hand_out()
            deliveries.deliver_due()
