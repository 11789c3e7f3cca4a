"""What each router may pay: per payout and per window, in base units."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from routers.choices import RouterType


@dataclass(frozen=True, slots=True)
class Policy:
    """Caps in base units; `payout_maximum` None means the API's own maximum."""

    hourly_limit: int
    daily_limit: int
    payout_maximum: int | None = None


def global_policy() -> Policy:
    return Policy(
        hourly_limit=settings.CIRCUIT_BREAKER_HOURLY_LIMIT, daily_limit=settings.CIRCUIT_BREAKER_DAILY_LIMIT
    )


def router_policy(router: str) -> Policy:
    if router == RouterType.KYC:
        return Policy(settings.KYC_HOURLY_LIMIT, settings.KYC_DAILY_LIMIT, settings.KYC_PAYOUT_MAXIMUM)
    return Policy(settings.V0_HOURLY_LIMIT, settings.V0_DAILY_LIMIT, settings.V0_PAYOUT_MAXIMUM)
