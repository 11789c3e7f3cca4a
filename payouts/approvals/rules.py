"""How many people must agree: a table by the creator's role (compliance.md, "Approval"), in versions.

What an end user asks for of a session of their own (`payouts.own_sessions`) is compared with no single payout's
threshold; all else that the rule asks still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from lucid_payments import locks
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import CREATE, PERMISSIONS, Role
from lucid_payments.audit import log
from lucid_payments.database import rows
from lucid_payments.events import outbox
from payouts import tally
from payouts.approvals.errors import Refused
from payouts.models.approval import MOST, ApprovalRule

DAY: Final = timedelta(hours=24)
# As it stands, since every order asks it: Django takes longer to put it together than the database to answer.
_WITH_DAY: Final = f"""
SELECT *, {{day}} AS day FROM {ApprovalRule._meta.db_table} WHERE creator_role = %s ORDER BY version DESC LIMIT 1
"""  # noqa: S608 - a table's name, and parameters
FIELDS: Final = ("payout_above", "batch_above", "day_above", "two_above")
CREATORS: Final = tuple(role for role in Role if CREATE in PERMISSIONS[role])


@dataclass(frozen=True, slots=True)
class Figures:
    """What a rule is asked with, in base units: the largest payout, their total (NULL for one payout alone), and all
    that their creator asked for in the last 24 hours, these included, whatever became of it.
    """

    largest: int
    total: int | None
    day: int


def needed(rule: ApprovalRule, figures: Figures, *, own_session: bool = False) -> int:
    """So many approvals, by as many people. Of the three figures the one that asks for most counts.

    `own_session`: it is the price of the creator's own session, which one payout's threshold isn't for.
    """
    asked = (
        (figures.largest, None if own_session else rule.payout_above),
        (figures.total, rule.batch_above),
        (figures.day, rule.day_above),
    )
    if any(_above(figure, rule.two_above) for figure, _ in asked):
        return MOST
    return 1 if any(_above(figure, limit) for figure, limit in asked) else 0


def _above(figure: int | None, limit: int | None) -> bool:
    return figure is not None and limit is not None and figure > limit


def hold_creator(creator: User) -> str:
    """The name of the lock under which one creator's requests come one by one, for `locks.hold_names`."""
    return f"approvals {creator.pk}"


def in_force_with_day(creator: User, at: datetime) -> tuple[ApprovalRule, int]:
    """The creator's rule, and what they asked for in the 24 hours before `at`; one statement.

    Exact only under `hold_creator`. Raises DoesNotExist for a role without a rule: nobody is paid by no rule.
    """
    day, bounds = tally.amount_asked_for(creator.pk, at - DAY, at)
    found: Any = next(iter(rows.read(ApprovalRule, _WITH_DAY.format(day=day), [*bounds, creator.role])), None)
    if found is None:
        raise ApprovalRule.DoesNotExist
    return found, found.day


def in_force() -> dict[str, ApprovalRule]:
    """The latest version of every role's rule."""
    rows = ApprovalRule.objects.order_by("creator_role", "-version").distinct("creator_role")
    found = {row.creator_role: row for row in rows}
    return {role.value: found[role] for role in CREATORS}


def locked() -> dict[str, ApprovalRule]:
    """One change at a time, until the transaction ends."""
    locks.hold_names(["approval rules"])
    return in_force()


@transaction.atomic
def change(
    role: str, values: Mapping[str, int | None], *, base_version: int, actor: User, second: User, reason: str
) -> ApprovalRule:
    """Put a new version in force: two people, always. `base_version` is the one that was looked at.

    Raises Refused: `changed` when there is a newer one, `nothing` without a difference, `alone` for one person.
    What waits already needs what it needed.
    """
    before = locked()[role]
    if before.version != base_version:
        raise Refused("changed", f"Version {before.version} is in force since you looked.")
    after = proposed(before, values)
    if actor.pk == second.pk:
        raise Refused("alone", "Another person must confirm it.")
    after.author, after.author_label = actor, actor.get_username()
    after.second, after.second_label, after.reason = second, second.get_username(), reason
    after.save(force_insert=True)
    changes = {
        name: [getattr(before, name), getattr(after, name)]
        for name in FIELDS
        if getattr(before, name) != getattr(after, name)
    }
    told: dict[str, Any] = {"creator_role": role, "version": after.version, "changes": changes}
    log.record(
        "approval_rule.changed",
        actor=actor,
        subject=after,
        details={**told, "reason": reason, "confirmed_by": after.second_label},
    )
    outbox.emit(
        "approval_rule.changed", subject_type="approval_rule", subject_id=role, owner=None, payload=told
    )
    return after


def proposed(before: ApprovalRule, values: Mapping[str, int | None]) -> ApprovalRule:
    """The version that would follow `before`; nothing is written. Raises Refused `nothing`."""
    after = ApprovalRule(
        creator_role=before.creator_role,
        version=before.version + 1,
        **{name: values.get(name, getattr(before, name)) for name in FIELDS},
    )
    if all(getattr(before, name) == getattr(after, name) for name in FIELDS):
        raise Refused("nothing", "That is the rule in force.")
    return after
