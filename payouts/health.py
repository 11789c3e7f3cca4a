"""What health answers say of TRON and of the limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from lucid_payments import clock
from lucid_payments.api.health_checks import HEALTHY, UNHEALTHY
from lucid_payments.money import BASE_UNITS_PER_USDT, to_decimal
from payouts.models import ChainState
from routers import limits, standing
from routers.models import WindowPeriod

STALE_AFTER: Final = timedelta(seconds=120)
# Exact figures would tell strangers each payout.
ROUNDING: Final = 100 * BASE_UNITS_PER_USDT


def tron(exact: bool) -> dict[str, Any]:
    """Healthy while an operator's nodes are usable and were read within two minutes."""
    chain = ChainState.objects.filter(pk=1).first()
    fresh = chain is not None and chain.read_at is not None and clock.now() - chain.read_at < STALE_AFTER
    healthy = chain is not None and fresh and chain.operators_usable > 0
    return {
        "status": HEALTHY if healthy else UNHEALTHY,
        "network": settings.TRON_NETWORK,
        "latest_block": (chain.head_number or None) if chain is not None else None,
    }


def circuit_breaker(exact: bool) -> dict[str, Any]:
    """Open while a breaker is, a kill switch is pulled or a global window is full. Rounds unless `exact`."""
    room = limits.room(clock.now())
    windows = standing.windows_of(room)
    return {
        "status": standing.of(None, room).status,
        "daily_limit_remaining": _shown(windows[WindowPeriod.DAY].free, exact),
        "hourly_limit_remaining": _shown(windows[WindowPeriod.HOUR].free, exact),
    }


def _shown(units: int, exact: bool) -> Any:
    return to_decimal(units if exact else units - units % ROUNDING)
