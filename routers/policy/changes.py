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
from routers.errors import PolicyRefused, Refused
from routers.models.policy import RouterPolicy
from routers.policy import rules
from routers.policy.current import Policies, current

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
        Change(name, old, new, loosens(name, old, new))
        for name in FIELDS
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that obeys the rules and isn't in force yet, and the one that it would follow."""

    before: RouterPolicy
    after: RouterPolicy
    changes: list[Change]

    @property
    def loosens(self) -> bool:
        return any(change.loosens for change in self.changes)


def propose(scope: str, changes: Mapping[str, Any], policies: Policies | None = None) -> Proposal:
    """What changing these fields would make of a scope's policy; nothing is written.

    Raises PolicyRefused naming the fields, and Refused `nothing` without a difference.
    """
    in_force = policies or current()
    before = in_force.of(scope)
    if before is None:
        raise PolicyRefused({"scope": "There is no such router."})
    after = _changed(before, changes)
    rules.check(after, in_force)
    found = diff(before, after)
    if not found:
        raise Refused("nothing", "That is the policy in force.")
    return Proposal(before, after, found)


@transaction.atomic
def change(
    scope: str,
    changes: Mapping[str, Any],
    *,
    base_version: int,
    actor: User,
    second: User | None = None,
    reason: str,
) -> RouterPolicy:
    """Put a new version in force. `base_version` is the one the author looked at.

    Raises as `propose`, and Refused: `changed` when there is a newer version, `alone` when it loosens anything
    and there is no second person.
    """
    proposal = propose(scope, changes, locked())
    if base_version != proposal.before.version:
        raise Refused("changed", f"{proposal.before} is in force since you looked.")
    if proposal.loosens and second is None:
        raise Refused("alone", "This loosens the policy: a second person must confirm it.")
    return _save(proposal, author=actor, second=second, reason=reason)


def locked() -> Policies:
    """One change at a time: what a policy is checked against stays until the transaction ends."""
    locks.hold_names(["router policies"])
    return current()


def _changed(before: RouterPolicy, changes: Mapping[str, Any]) -> RouterPolicy:
    unknown = {name: "There is no such field." for name in changes if name not in FIELDS}
    if unknown:
        raise PolicyRefused(unknown)
    fields = {name: changes.get(name, getattr(before, name)) for name in FIELDS}
    return RouterPolicy(scope=before.scope, version=before.version + 1, **fields)


def _save(proposal: Proposal, *, author: User, second: User | None, reason: str) -> RouterPolicy:
    after = proposal.after
    after.loosens = proposal.loosens
    after.author, after.author_label, after.reason = author, author.get_username(), reason
    after.second, after.second_label = second, second.get_username() if second else ""
    after.save(force_insert=True)
    told = {change.field: [change.before, change.after] for change in proposal.changes}
    details = {"scope": after.scope, "version": after.version, "changes": told, "reason": reason}
    confirmed = {"confirmed_by": after.second_label} if second else {}
    log.record("policy.changed", actor=author, subject=after, details=details | confirmed)
    outbox.emit("policy.changed", subject_type="policy", subject_id=after.scope, owner=None, payload=details)
    return after


def loosens(name: str, old: Any, new: Any) -> bool:
    """Whether this value of a field, or of one role's cap, lets something through that the old one didn't."""
    if name == "payout_minimum":
        return (new or 0) < (old or 0)
    if name == "batch_types":
        return not set(new or ()) <= set(old or ())
    if isinstance(old, dict):
        return any(_raises(old.get(role), new.get(role)) for role in {*old, *new})
    return _raises(old, new)


def _raises(old: int | None, new: int | None) -> bool:
    """A cap that is gone is the loosest."""
    return old is not None and (new is None or new > old)
