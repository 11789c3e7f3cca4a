"""Acts that loosen something: one administrator asks, another one confirms within the hour, or nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit import log
from lucid_payments.events import outbox
from routers.errors import ActRefused
from routers.models import Ask, AskState

LIFETIME: Final = timedelta(hours=1)


@transaction.atomic
def ask(
    kind: str,
    *,
    subject: str,
    actor: User,
    reason: str,
    proposal: Mapping[str, Any] | None = None,
    shortest_reason: int = 1,
) -> Ask:
    """Write down what `actor` asks for. Raises ActRefused: `not_admin`, `reason`."""
    require_admin(actor)
    given = require_reason(reason, shortest=shortest_reason)
    row = Ask.objects.create(
        kind=kind,
        subject=subject,
        proposal=dict(proposal or {}),
        reason=given,
        asked_by=actor,
        asked_by_label=actor.get_username(),
        expires_at=clock.now() + LIFETIME,
    )
    details = {"ask": row.pk, "subject": subject, "reason": given, **row.proposal}
    log.record(f"{kind}.asked", actor=actor, details=details)
    outbox.emit(f"{kind}.asked", subject_type="ask", subject_id=str(row.pk), owner=None, payload=details)
    return row


def confirm(row: Ask, kind: str, *, actor: User) -> Ask:
    """Take the second person's word, once. The caller acts on it in the same transaction, or raises.

    Raises ActRefused: `not_admin`, `same_person`, `expired`, `answered`.
    """
    return _answer(row, kind, actor=actor, state=AskState.CONFIRMED)


@transaction.atomic
def withdraw(row: Ask, *, actor: User) -> Ask:
    """Call it off: by who asked, or by who was to confirm. Raises ActRefused as `confirm` does."""
    withdrawn = _answer(row, row.kind, actor=actor, state=AskState.WITHDRAWN)
    log.record(f"{row.kind}.withdrawn", actor=actor, details={"ask": row.pk, "subject": row.subject})
    return withdrawn


def waiting() -> list[Ask]:
    """What still waits for a second person, oldest first."""
    rows = Ask.objects.filter(state=AskState.WAITING, expires_at__gt=clock.now())
    return list(rows.select_related("asked_by"))


def require_admin(actor: User) -> None:
    """Asked of the row as it is now: a role taken away counts at once. Raises ActRefused."""
    if not User.objects.filter(pk=actor.pk, role=Role.ADMIN, is_active=True).exists():
        raise ActRefused("not_admin", f"{actor.get_username()} isn't an active administrator.")


def require_reason(reason: str, *, shortest: int = 1) -> str:
    """The reason without blanks around it. Raises ActRefused when it is too short to say anything."""
    given = reason.strip()
    if len(given) < shortest:
        raise ActRefused(
            "reason", f"Give a reason of at least {shortest} characters: the audit log keeps it."
        )
    return given[:300]


def _answer(row: Ask, kind: str, *, actor: User, state: AskState) -> Ask:
    require_admin(actor)
    locked = Ask.objects.select_for_update(of=("self",)).select_related("asked_by").get(pk=row.pk, kind=kind)
    if locked.state != AskState.WAITING:
        raise ActRefused("answered", f"This was {locked.state} already by {locked.answered_by_label}.")
    now = clock.now()
    if locked.expires_at <= now:
        raise ActRefused("expired", "Nobody confirmed this within the hour: ask for it anew.")
    if state == AskState.CONFIRMED:
        if locked.asked_by_id == actor.pk:
            raise ActRefused("same_person", "Who asked can't confirm: a second administrator must.")
        require_admin(locked.asked_by)
    locked.state, locked.answered_by, locked.answered_at = state, actor, now
    locked.answered_by_label = actor.get_username()
    locked.save(update_fields=["state", "answered_by", "answered_by_label", "answered_at"])
    return locked
