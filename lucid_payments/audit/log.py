"""Writing the audit log, inside the transaction of the act that it records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models

from lucid_payments.accounts.models import User
from lucid_payments.audit import origin
from lucid_payments.audit.models import AuditEntry

SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One act to record. `actor` is a user, or the name of the process that acted by itself."""

    action: str
    actor: User | str | None
    subject: models.Model | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""


def record(
    action: str,
    *,
    actor: User | str | None,
    subject: models.Model | None = None,
    details: Mapping[str, Any] | None = None,
    request_id: str = "",
) -> AuditEntry:
    """Write one entry. `action` is a machine word like ``payout.created``.

    Raises RuntimeError outside a transaction: an act and its entry are committed together or not at all.
    """
    fact = Fact(action=action, actor=actor, subject=subject, details=details or {}, request_id=request_id)
    return record_many([fact])[0]


def record_many(facts: Iterable[Fact]) -> list[AuditEntry]:
    """Write the entries of many acts with one INSERT. Raises RuntimeError outside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("An audit entry is written in the transaction of its act; there is none.")
    return AuditEntry.objects.bulk_create([_entry(fact) for fact in facts])


def _entry(fact: Fact) -> AuditEntry:
    user = fact.actor if isinstance(fact.actor, User) else None
    label = user.get_username() if user is not None else str(fact.actor or SYSTEM)
    subject, where = fact.subject, origin.current()
    return AuditEntry(
        actor=user,
        actor_label=label[:200],
        action=fact.action,
        object_type=subject._meta.label_lower if subject is not None else "",
        object_id=str(subject.pk) if subject is not None else "",
        object_label=str(subject)[:200] if subject is not None else "",
        request_id=fact.request_id or where.request_id,
        role=user.role if user is not None else "",
        client=where.client[:100],
        details=dict(fact.details),
    )
