"""A new version of a policy: at once when it only tightens, by a second person when it loosens anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from lucid_payments import locks
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from routers import two_people
from routers.errors import ActRefused, PolicyRefused
from routers.models import Ask
from routers.models.policy import GLOBAL, RouterPolicy
from routers.policy import rules
from routers.policy.current import Policies, current

KIND: Final = "policy"
# Where more lets more through; a NULL is no cap at all. Of `payout_minimum` less does.
CAPS: Final = (
    "payout_maximum",
    "hourly_limit",
    "daily_limit",
    "recipient_limit",
    "in_flight",
    "fee_cap",
)
FIELDS: Final = ("payout_minimum", *CAPS, "creator_limits", "batch_types")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of two versions side by side."""

    field: str
    before: Any
    after: Any
    loosens: bool


def diff(before: RouterPolicy, after: RouterPolicy) -> list[Change]:
    """What differs between two versions, in the order of the fields."""
    return [
        Change(name, old, new, _loosens(name, old, new))
        for name in FIELDS
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]


@transaction.atomic
def propose(
    scope: str, changes: Mapping[str, Any], *, actor: User, reason: str, base_version: int | None = None
) -> RouterPolicy | Ask:
    """Change fields of a scope's policy: the new version when it only tightens, else what waits for confirmation.

    `base_version` is the one the author looked at. Raises PolicyRefused naming the fields, and ActRefused:
    `not_admin`, `reason`, `changed` when there is a newer version, `nothing` without a difference.
    """
    two_people.require_admin(actor)
    given = two_people.require_reason(reason)
    policies = _locked()
    before = _version(policies, scope)
    if base_version is not None and base_version != before.version:
        raise ActRefused("changed", f"{before} is in force since you looked.")
    after = _changed(before, changes)
    rules.check(after, policies)
    found = diff(before, after)
    if not found:
        raise ActRefused("nothing", "That is the policy in force.")
    if any(change.loosens for change in found):
        proposal = {"base": before.version, "changes": {change.field: change.after for change in found}}
        return two_people.ask(KIND, subject=scope, actor=actor, reason=given, proposal=proposal)
    return _save(after, found, author=actor, second=None, reason=given)


@transaction.atomic
def confirm(ask: Ask, *, actor: User) -> RouterPolicy:
    """Put a proposed version in force. Raises as `two_people.confirm`, and `changed` when it is outdated."""
    confirmed = two_people.confirm(ask, KIND, actor=actor)
    policies = _locked()
    before = _version(policies, confirmed.subject)
    if before.version != confirmed.proposal["base"]:
        raise ActRefused("changed", f"{before} came in force since this was proposed: propose it anew.")
    after = _changed(before, confirmed.proposal["changes"])
    rules.check(after, policies)
    found = diff(before, after)
    return _save(after, found, author=confirmed.asked_by, second=actor, reason=confirmed.reason)


def _locked() -> Policies:
    """One change at a time: what a policy is checked against stays until it is saved."""
    locks.hold_name("router policies")
    return current()


def _version(policies: Policies, scope: str) -> RouterPolicy:
    found = policies.everybody if scope == GLOBAL else policies.routers.get(scope)
    if found is None:
        raise PolicyRefused({"scope": "There is no such router."})
    return found


def _changed(before: RouterPolicy, changes: Mapping[str, Any]) -> RouterPolicy:
    unknown = {name: "There is no such field." for name in changes if name not in FIELDS}
    if unknown:
        raise PolicyRefused(unknown)
    fields = {name: changes.get(name, getattr(before, name)) for name in FIELDS}
    return RouterPolicy(scope=before.scope, version=before.version + 1, **fields)


def _save(
    after: RouterPolicy, changes: list[Change], *, author: User, second: User | None, reason: str
) -> RouterPolicy:
    after.loosens = any(change.loosens for change in changes)
    after.author, after.author_label, after.reason = author, author.get_username(), reason
    after.second, after.second_label = second, second.get_username() if second else ""
    after.save(force_insert=True)
    told = {change.field: [change.before, change.after] for change in changes}
    details = {"scope": after.scope, "version": after.version, "changes": told, "reason": reason}
    log.record("policy.changed", actor=second or author, subject=after, details=details)
    outbox.emit("policy.changed", subject_type="policy", subject_id=after.scope, owner=None, payload=details)
    return after


def _loosens(name: str, old: Any, new: Any) -> bool:
    if name == "payout_minimum":
        return (new or 0) < (old or 0)
    if name == "batch_types":
        return not set(new or ()) <= set(old or ())
    if name == "creator_limits":
        return any(_raises(old.get(role), new.get(role)) for role in {*old, *new})
    return _raises(old, new)


def _raises(old: int | None, new: int | None) -> bool:
    """A cap that is gone is the loosest."""
    return old is not None and (new is None or new > old)
