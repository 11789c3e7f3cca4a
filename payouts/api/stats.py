"""`GET /stats`: what was asked for and what became of it, and how breaker and limits stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments import clock
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import InvalidRequest
from lucid_payments.api.views import LucidView, caller
from lucid_payments.money import to_decimal
from payouts import tally
from payouts.api import schema
from payouts.tally import Sums
from routers import limits, standing
from routers.choices import RouterType
from routers.models import WindowPeriod

ALL: Final = "all"
# Back from now, to the minute, and not since the calendar's last turn: a new day doesn't begin with empty figures.
PERIODS: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": tally.LONGEST,
}
FULL: Final = frozenset({Role.ADMIN, Role.AUDITOR})


class StatsView(LucidView):
    permissions = {"GET": roles.STATS}
    rate_limits = {"GET": 20}

    @schema.get_stats
    def get(self, request: Request) -> Response:
        period = _choice(request, "period", list(PERIODS), "day")
        router = _choice(request, "router_type", [*RouterType.values, ALL], ALL)
        user, now = caller(request), clock.now()
        found = tally.read(PERIODS[period], now, None if user.role in FULL else user.pk)
        asked = RouterType.values if router == ALL else [router]
        by_router = {name: found.get(name, Sums()) for name in asked}
        return Response(
            {
                "period": period,
                "router_type": router,
                **_figures(Sums.of(by_router.values())),
                "payouts_by_router": {
                    name: {"count": sums.count, "amount_usdt": to_decimal(sums.amount)}
                    for name, sums in by_router.items()
                },
                **_standing(user, None if router == ALL else router, now),
                "generated_at": now,
            }
        )


def _figures(sums: Sums) -> dict[str, Any]:
    """Counts and amounts of what was created in the period; the rate is of those of them that have ended."""
    rate = _rounded(Decimal(100 * sums.confirmed) / sums.ended) if sums.ended else None
    return {
        "total_payouts": sums.count,
        "total_amount_usdt": to_decimal(sums.amount),
        "success_rate": rate,
        "average_amount_usdt": to_decimal(sums.amount // sums.count) if sums.count else None,
    }


def _standing(user: User, router: str | None, now: datetime) -> dict[str, Any]:
    """Of the whole system, and so only for who may see all of it. Usage is what is reserved and paid, in USDT."""
    names = ("circuit_breaker_status", "circuit_breaker_reason", "daily_limit_usage", "hourly_limit_usage")
    if user.role not in FULL:
        return dict.fromkeys(names)
    room = limits.room(now)
    stands, windows = standing.of(router, room), standing.windows_of(room, router)
    usage = [to_decimal(windows[period].used) for period in (WindowPeriod.DAY, WindowPeriod.HOUR)]
    return dict(zip(names, (stands.status, stands.reason, *usage), strict=True))


def _rounded(rate: Decimal) -> Decimal:
    return rate.quantize(Decimal("0.01"))


def _choice(request: Request, name: str, choices: list[str], default: str) -> str:
    value = request.query_params.get(name, default)
    if value not in choices:
        raise InvalidRequest({name: ["Give one of " + ", ".join(choices) + "."]})
    return value
