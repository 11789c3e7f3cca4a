"""`GET /limits`: what the caller may ask for, and how much of it is left now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments import clock
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.views import LucidView, caller
from lucid_payments.money import BASE_UNITS_PER_USDT, to_decimal
from payouts.api import schema
from payouts.api.stats import FULL
from routers import limits
from routers.choices import RouterType
from routers.limits import Claim, Room, Slot
from routers.models import LimitWindow, WindowScope
from routers.policy import Policies

# The room of windows that are everybody's would tell each payout of others: to the hundred is enough to plan by.
GRAIN: Final = 100 * BASE_UNITS_PER_USDT


class LimitsView(LucidView):
    permissions = {"GET": roles.LIST}
    rate_limits = {"GET": 30}

    @schema.get_limits
    def get(self, request: Request) -> Response:
        user, now = caller(request), clock.now()
        claims = {router: Claim(router, "", user.pk, user.role, 0) for router in _routers(user)}
        room = limits.room(now, list(claims.values()))
        return Response(
            {
                "routers": [_router(user, router, claim, room) for router, claim in claims.items()],
                "generated_at": now,
            }
        )


def _routers(user: User) -> list[str]:
    """contract.md, "Roles": end users are paid through V0 alone."""
    return [RouterType.V0.value] if user.role == Role.END_USER else list(RouterType.values)


def _router(user: User, router: str, claim: Claim, room: Room) -> dict[str, Any]:
    policies = room.policies
    own = policies.routers[router]
    slots = limits.slots_of(claim, room.starts, policies)
    return {
        "router_type": router,
        "minimum_usdt": _usdt(own.payout_minimum),
        "maximum_usdt": _usdt(_most(policies, router, user.role)),
        "batch_types": own.batch_types or [],
        "windows": [_window(user, slot, cap, room.windows) for slot, cap in slots.items()],
    }


def _most(policies: Policies, router: str, role: str) -> int | None:
    """The largest payout that could ever be released for this caller."""
    own = policies.routers[router]
    caps = (
        own.payout_maximum, policies.hourly_limit(router), policies.daily_limit(router), own.recipient_limit,
        policies.creator_limit(role),
    )  # fmt: skip
    return min((cap for cap in caps if cap is not None), default=None)


def _window(user: User, slot: Slot, cap: int, windows: Mapping[Slot, LimitWindow]) -> dict[str, Any]:
    """A recipient's window is whole for an address that nothing was paid to yet: its room isn't shown."""
    left: int | None = windows[slot].free
    if slot.scope == WindowScope.RECIPIENT:
        left = None
    elif slot.scope != WindowScope.CREATOR and user.role not in FULL:
        left = windows[slot].free // GRAIN * GRAIN
    return {
        "scope": slot.scope,
        "period": slot.period,
        "limit_usdt": _usdt(cap),
        "remaining_usdt": _usdt(left),
        "resets_at": slot.ends_at,
    }


def _usdt(units: int | None) -> Any:
    return None if units is None else to_decimal(units)
