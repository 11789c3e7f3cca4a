"""The signer's own caps, which nothing here can raise: what is allowed beyond them would never be signed."""

from __future__ import annotations

from django.conf import settings

from lucid_payments.money import format_usdt
from routers.models import WindowPeriod


def ceiling(period: str) -> int:
    """What the signer signs for in such a period at most (base units)."""
    return int(settings.SIGNER_HOURLY_CAP if period == WindowPeriod.HOUR else settings.SIGNER_DAILY_CAP)


def ceiling_sentence(period: str) -> str:
    """Why no more can be allowed, and what moves that."""
    setting = "SIGNER_HOURLY_CAP" if period == WindowPeriod.HOUR else "SIGNER_DAILY_CAP"
    return (
        f"The signer signs for at most {format_usdt(ceiling(period))} USDT in one {period} and would refuse the"
        f" rest. Set {setting} for the signer's process and start it anew to move that."
    )
