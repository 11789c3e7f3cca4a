"""Policies and two administrators, for tests of whatever obeys them."""

from __future__ import annotations

from typing import Any

from lucid_payments.accounts.models import User
from payouts.approvals import rules
from payouts.models import ApprovalRule
from routers import killswitch
from routers.models import GLOBAL, RouterPolicy

V0, KYC = "PayoutRouterV0", "PayoutRouterKYC"
_OLD_SETTINGS = {"V0": V0, "KYC": KYC, "CIRCUIT_BREAKER": GLOBAL}


def administrators() -> tuple[User, User]:
    """The same two each time a test asks."""
    first, second = (
        User.objects.get_or_create(username=f"admin-{number}", defaults={"role": "admin"})[0]
        for number in (1, 2)
    )
    return first, second


def set_policy(scope: str = GLOBAL, **changes: Any) -> RouterPolicy:
    """A new version with these fields, without asking whether they make sense together."""
    before = RouterPolicy.objects.filter(scope=scope).latest("version")
    fields = {
        field.name: getattr(before, field.name)
        for field in RouterPolicy._meta.concrete_fields
        if field.name not in ("id", "version", "created_at", "author", "second", "loosens")
    }
    author, second = administrators()
    return RouterPolicy.objects.create(
        **{**fields, **changes}, version=before.version + 1, author=author, second=second, loosens=True
    )


def set_rule(role: str, **changes: int | None) -> ApprovalRule:
    """A new version of who must agree to what this role asks for, by the two administrators."""
    before = rules.in_force()[role]
    author, second = administrators()
    return rules.change(
        role, changes, base_version=before.version, actor=author, second=second, reason="as the test has it"
    )


def ask_no_approvals(*roles: str) -> None:
    """What these roles of creators ask for goes without people, as an operator may have it: throughput is tested."""
    for role in roles:
        set_rule(role, **dict.fromkeys(rules.FIELDS))


def set_limit(name: str, units: int) -> RouterPolicy:
    """One cap (base units) by the name of the setting that gave its first version, `V0_HOURLY_LIMIT` say."""
    prefix = next(prefix for prefix in _OLD_SETTINGS if name.startswith(f"{prefix}_"))
    return set_policy(_OLD_SETTINGS[prefix], **{name.removeprefix(f"{prefix}_").lower(): units})


def release_kill_switch(reason: str = "All is well again.") -> None:
    first, second = administrators()
    assert killswitch.release(actor=first, second=second, reason=reason)
