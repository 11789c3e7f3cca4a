"""What a policy must obey before it is saved: alone, and beside the other scopes'."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from lucid_payments.accounts.roles import Role
from lucid_payments.money import SUN_PER_TRX, format_usdt
from routers import ceilings
from routers.choices import BATCH_TYPES, RouterType
from routers.errors import PolicyRefused
from routers.models.policy import GLOBAL, RouterPolicy
from routers.models.windows import WindowPeriod
from routers.policy.current import Policies

Finding = Iterator[tuple[str, str]]


def check(new: RouterPolicy, others: Policies) -> None:
    """Raise PolicyRefused, naming each field, when `new` can't stand beside the policies in force."""
    found: dict[str, str] = {}
    for rule in (_amounts, _order, _fits_own_windows, _fits_global_windows, _closed_lists, _fees, _ceilings):
        for field, sentence in rule(new, others):
            found.setdefault(field, sentence)
    if found:
        raise PolicyRefused(found)


def _amounts(new: RouterPolicy, others: Policies) -> Finding:
    for field in ("hourly_limit", "daily_limit", "in_flight"):
        value = getattr(new, field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield field, "Give a whole number of at least 0."
    for field in ("payout_minimum", "payout_maximum", "recipient_limit", "fee_cap"):
        value = getattr(new, field)
        if value is None and new.scope != GLOBAL:
            yield field, "A router needs one."
        if value is not None and new.scope == GLOBAL:
            yield field, "Only routers have one."
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            yield field, "Give a whole number of at least 0."


def _order(new: RouterPolicy, others: Policies) -> Finding:
    if new.daily_limit <= new.hourly_limit:
        yield "daily_limit", "A day's limit at or below an hour's lets one hour empty the day."
    if (new.payout_minimum or 0) > (new.payout_maximum or 0):
        yield "payout_minimum", "It is above the maximum."


def _fits_own_windows(new: RouterPolicy, others: Policies) -> Finding:
    """`payout_maximum` of a router against every window its payouts draw on."""
    if new.payout_maximum is None:
        return
    for name in ("hourly_limit", "daily_limit", "recipient_limit"):
        limit = getattr(new, name)
        if limit is not None and new.payout_maximum > limit:
            yield "payout_maximum", f"It would never fit the {_named(name)} of {format_usdt(limit)} USDT."
    for name in ("hourly_limit", "daily_limit"):
        limit = getattr(others.everybody, name)
        if new.payout_maximum > limit:
            yield (
                "payout_maximum",
                f"It would never fit the global {_named(name)} of {format_usdt(limit)} USDT.",
            )


def _named(limit: str) -> str:
    """A limit's column as people say it: ``hourly_limit`` is the hourly limit."""
    return limit.replace("_", " ")


def _fits_global_windows(new: RouterPolicy, others: Policies) -> Finding:
    if new.scope != GLOBAL:
        return
    for router, policy in others.routers.items():
        for name in ("hourly_limit", "daily_limit"):
            if policy.payout_maximum is not None and policy.payout_maximum > getattr(new, name):
                highest = format_usdt(policy.payout_maximum)
                yield (
                    name,
                    f"One payout of {router} may be {highest} USDT and would never fit: lower that first.",
                )


def _closed_lists(new: RouterPolicy, others: Policies) -> Finding:
    if new.scope == GLOBAL and new.batch_types is not None:
        yield "batch_types", "Only routers have them."
    if new.scope != GLOBAL and not set(new.batch_types or ()) <= set(BATCH_TYPES):
        yield "batch_types", "Give some of " + ", ".join(BATCH_TYPES) + "."
    if new.scope != GLOBAL and new.creator_limits:
        yield "creator_limits", "Creators are capped over all routers together."
    for role, limit in new.creator_limits.items():
        if role not in Role.values or not isinstance(limit, int) or limit < 0:
            yield "creator_limits", "Give an amount of at least 0 by role."
    if new.scope != GLOBAL and new.scope not in RouterType.values:
        yield "scope", "There is no such router."


def _fees(new: RouterPolicy, others: Policies) -> Finding:
    ceiling = settings.FEE_LIMIT_CAP_TRX
    if (new.fee_cap or 0) > ceiling * SUN_PER_TRX:
        yield "fee_cap", f"The signer signs no fee limit above {ceiling} TRX (FEE_LIMIT_CAP_TRX)."


def _ceilings(new: RouterPolicy, others: Policies) -> Finding:
    """Only what is raised: an installation may have started with caps above its signer's."""
    before = others.of(new.scope)
    for name, period in (("hourly_limit", WindowPeriod.HOUR), ("daily_limit", WindowPeriod.DAY)):
        limit = getattr(new, name)
        if before is not None and limit > max(getattr(before, name), ceilings.ceiling(period)):
            yield name, ceilings.ceiling_sentence(period)
