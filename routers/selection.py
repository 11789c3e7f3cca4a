"""Which router pays: the rule of contract.md, and a record of why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kyc.attestation.in_force import Standing
from kyc.limits import UNLIMITED, AttestedLimits
from lucid_payments.api.errors import AmountTooHigh, InvalidRequest, InvalidRouter
from lucid_payments.money import format_usdt
from routers import policy
from routers.choices import RouterType
from routers.policy import Policies
from routers.rules import RULES, Request


@dataclass(frozen=True, slots=True)
class RouterDecision:
    """The router chosen and which conditions of the gated ones held, kept on the payout."""

    router: RouterType
    conditions: dict[str, bool]


def select_router(
    *, standing: Standing | None, recipient_address: str, at: datetime, asked_for: str | None = None
) -> RouterDecision:
    """The first router whose whole rule holds, which V0's always does, or the one that is asked for.

    `standing` is that of the node which the order names, if there is such a node, and `at` the time (UTC) of asking.
    Asking for a router whose rule doesn't hold raises InvalidRouter, naming the first condition that failed. No
    query is made.
    """
    request = Request(standing=standing, recipient_address=recipient_address, at=at)
    held = {router: rule.conditions(request) for router, rule in RULES.items()}
    failed = {
        router: next((name for name, holds in conditions.items() if not holds), None)
        for router, conditions in held.items()
    }
    conditions = {name: holds for found in held.values() for name, holds in found.items()}
    if asked_for is not None:
        _refuse_unmet(asked_for, failed[asked_for])
        return RouterDecision(RouterType(asked_for), conditions)
    chosen = next(router for router, missing in failed.items() if missing is None)
    return RouterDecision(RouterType(chosen), conditions)


def refuse_what_never_fits(
    amount: int,
    router: str,
    *,
    role: str = "",
    policies: Policies | None = None,
    attested: AttestedLimits = UNLIMITED,
) -> None:
    """Raise AmountTooHigh when `amount` (base units) is above what any window could ever release.

    `role` is the creator's, `attested` what the attestation that it is paid under allows, if there is one. Raises
    InvalidRequest below the router's minimum.
    """
    in_force = policies or policy.current()
    own = in_force.routers[router]
    limits = {
        "payout_maximum": own.payout_maximum,
        "hourly_limit": in_force.hourly_limit(router),
        "daily_limit": in_force.daily_limit(router),
        "recipient_limit": own.recipient_limit,
        "creator_limit": in_force.creator_limit(role),
        "attested_per_payout": attested.per_payout,
        "attested_daily": attested.daily,
        "attested_monthly": attested.monthly,
    }
    for name, limit in limits.items():
        if limit is not None and amount > limit:
            raise AmountTooHigh(
                details={"limit_name": name, "limit": format_usdt(limit), "amount": format_usdt(amount)}
            )
    if own.payout_minimum is not None and amount < own.payout_minimum:
        least = format_usdt(own.payout_minimum)
        raise InvalidRequest({"amount_usdt": [f"The least that {router} pays is {least} USDT."]})


def subject_of(router: str, node_id: str | None) -> str:
    """The node under whose attestation `router` pays; empty where it asks for none."""
    return (node_id or "") if router == RouterType.KYC else ""


def refuse_batch_type(batch_type: str, router: str, policies: Policies) -> None:
    """Raise InvalidRequest when the router's policy doesn't take this batch."""
    allowed = policies.routers[router].batch_types or []
    if batch_type not in allowed:
        raise InvalidRequest({"batch_type": [f"{router} takes {', '.join(allowed) or 'no payouts'}."]})


def _refuse_unmet(router: str, condition: str | None) -> None:
    if condition is None:
        return
    sentence = f"{router} is not allowed here: {RULES[router].refusals[condition]}"
    raise InvalidRouter(details={"router_type": sentence, "condition": condition})
