"""The session rule: whether a session that Core tells of is paid by itself, and what a credit is worth, in versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from lucid_payments import locks
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit import log
from lucid_payments.backoffice.acts import ActRefused
from lucid_payments.events import outbox
from payouts.models.payout import MINIMUM_AMOUNT
from payouts.models.session_rule import FIELDS, SessionRule

# Of `locks.hold_names`: under it the rule doesn't change, and whoever pays by it pays by the one in force.
LOCK: Final = "session rule"


class RuleRefused(ActRefused):
    """Nothing was changed; `code` is a machine word, the sentence for who tried."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def in_force() -> SessionRule:
    """The latest version."""
    return SessionRule.objects.select_related("account").latest("version")


def locked() -> SessionRule:
    """One change at a time, until the transaction ends."""
    locks.hold_names([LOCK])
    return in_force()


def proposed(before: SessionRule, values: Mapping[str, Any]) -> SessionRule:
    """The version that would follow `before`; nothing is written. Raises RuleRefused for one that makes no sense."""
    after = SessionRule(
        version=before.version + 1,
        **{_column(name): values.get(name, getattr(before, _column(name))) for name in FIELDS},
    )
    if not changed(before, after):
        raise RuleRefused("nothing", "That is the rule in force.")
    if after.amount_per_credit < 0 or after.minimum < MINIMUM_AMOUNT:
        raise RuleRefused("amounts", "The least that is paid is 0.01 USDT.")
    if after.is_running and (after.amount_per_credit == 0 or after.account_id is None):
        raise RuleRefused(
            "whole", "To run it needs an amount per credit, and a service to ask in the name of."
        )
    if after.account_id is not None and not services().filter(pk=after.account_id).exists():
        raise RuleRefused("account", "Payouts are asked for in the name of a service that is active.")
    return after


def changed(before: SessionRule, after: SessionRule) -> list[str]:
    """The fields in which they differ."""
    return [name for name in FIELDS if getattr(before, _column(name)) != getattr(after, _column(name))]


def needs_two(before: SessionRule, after: SessionRule) -> bool:
    """Pausing it takes one person, anything else two."""
    return changed(before, after) != ["is_running"] or after.is_running


@transaction.atomic
def change(
    values: Mapping[str, Any], *, base_version: int, actor: User, second: User | None, reason: str
) -> SessionRule:
    """Put a new version in force; `values` by `FIELDS`, `account` a primary key. `base_version` was looked at.

    Raises RuleRefused: `changed` when there is a newer one, `alone` without the second person it needs, and as
    `proposed` does.
    """
    before = locked()
    if before.version != base_version:
        raise RuleRefused("changed", f"Version {before.version} is in force since you looked.")
    after = proposed(before, values)
    if (needs_two(before, after) and second is None) or actor == second:
        raise RuleRefused("alone", "Another person must confirm it.")
    after.author, after.author_label = actor, actor.get_username()
    after.second, after.second_label = second, second.get_username() if second else ""
    after.reason = reason
    after.save(force_insert=True)
    changes = {
        name: [getattr(before, _column(name)), getattr(after, _column(name))]
        for name in changed(before, after)
    }
    told: dict[str, Any] = {"version": after.version, "changes": changes}
    details = {**told, "reason": reason, "confirmed_by": after.second_label}
    log.record("session_rule.changed", actor=actor, subject=after, details=details)
    outbox.emit(
        "session_rule.changed", subject_type="session_rule", subject_id="sessions", owner=None, payload=told
    )
    return after


def services() -> Any:
    """The accounts in whose name the rule may ask."""
    return User.objects.filter(role=Role.SERVICE, is_active=True).order_by("username")


def _column(name: str) -> str:
    return "account_id" if name == "account" else name
