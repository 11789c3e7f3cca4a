"""When a payout may go: its batch's slot, and the pause after an attempt that didn't pay."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from payouts.models.payout import BatchType

MAXIMUM_RETRIES = 3


def next_slot(batch_type: str, at: datetime) -> datetime:
    """`IMMEDIATE` now; `HOURLY` at the next full hour, `DAILY` at 24:00, `WEEKLY` at Sunday 24:00 (all UTC)."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    midnight = hour.replace(hour=0)
    match batch_type:
        case BatchType.HOURLY:
            return hour + timedelta(hours=1)
        case BatchType.DAILY:
            return midnight + timedelta(days=1)
        case BatchType.WEEKLY:
            return midnight + timedelta(days=7 - midnight.weekday())
    return at


def after_retry(retries: int, at: datetime) -> datetime:
    """When the next attempt may be made: the pause doubles with each of the `retries` made so far."""
    return at + timedelta(seconds=settings.RETRY_BASE_SECONDS * 2 ** (retries - 1))
