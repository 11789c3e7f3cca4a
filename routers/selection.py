"""Which router pays: the rule of contract.md, and a record of why."""

from __future__ import annotations

from dataclasses import dataclass

from kyc import eligibility
from lucid_payments import clock
from lucid_payments.api.errors import AmountTooHigh, InvalidRouter
from lucid_payments.money import format_usdt
from routers import policy
from routers.choices import RouterType


@dataclass(frozen=True, slots=True)
class RouterDecision:
    """The router chosen and which conditions of the KYC rule held, kept on the payout."""

    router: RouterType
    conditions: dict[str, bool]


def select_router(
    *, node_id: str | None, recipient_address: str, asked_for: str | None = None
) -> RouterDecision:
    """The KYC router when the whole rule holds, else V0. V0 may always be asked for.

    Asking for KYC where the rule doesn't hold raises InvalidRouter, naming the first condition that failed.
    """
    held = eligibility.conditions(node_id, recipient_address, clock.now())
    failed = next((name for name in eligibility.CONDITIONS if not held[name]), None)
    if asked_for == RouterType.KYC and failed:
        raise InvalidRouter(
            details={"router_type": "PayoutRouterKYC is not allowed here.", "condition": failed}
        )
    use_kyc = failed is None and asked_for != RouterType.V0
    return RouterDecision(RouterType.KYC if use_kyc else RouterType.V0, held)


def refuse_what_never_fits(amount: int, router: str) -> None:
    """Raise AmountTooHigh when `amount` (base units) is above what any window could ever release."""
    own, everybody = policy.router_policy(router), policy.global_policy()
    limits = {
        "payout_maximum": own.payout_maximum,
        "hourly_limit": min(own.hourly_limit, everybody.hourly_limit),
        "daily_limit": min(own.daily_limit, everybody.daily_limit),
    }
    for name, limit in limits.items():
        if limit is not None and amount > limit:
            raise AmountTooHigh(
                details={"limit_name": name, "limit": format_usdt(limit), "amount": format_usdt(amount)}
            )
