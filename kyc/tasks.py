"""What the KYC desk does by itself: thin tasks, each safe to run twice, at once, late or never."""

from __future__ import annotations

from celery import shared_task


@shared_task(queue="default")
def sweep() -> None:
    from kyc.review.sweeping import sweep as sweep_records

    sweep_records()
