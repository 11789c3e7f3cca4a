"""Beginning an act, the same from a page and from the prompt: all that must hold, and then the deed or the question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts, second_person
from lucid_payments.backoffice.acts import Act, ActRefused, ChangedSince, Outcome, Performance
from lucid_payments.backoffice.models import TwoPersonAct

CHANGED: Final = "This has changed since you looked. Read it again: nothing was done."


@transaction.atomic
def begin(
    act: Act,
    key: str,
    *,
    seen: str,
    data: Mapping[str, Any],
    actor: User,
    reason: str,
    request_id: str = "",
) -> Outcome | TwoPersonAct:
    """Do one person's act, or ask a second person for it; everything or nothing.

    `seen` is the version that `actor` looked at. Raises ChangedSince, ActRefused and Http404.
    """
    require_reason(act, reason)
    subject = act.lock(key)
    if act.version(subject) != seen:
        raise ChangedSince(CHANGED)
    verdict = act.allowed(actor, subject)
    if not verdict:
        raise ActRefused(verdict.reason)
    if act.needs_second(subject, data):
        return second_person.ask(
            act, key, subject, data=data, actor=actor, reason=reason, request_id=request_id
        )
    return act.perform(
        subject, Performance(actor=actor, confirmer=None, reason=reason, data=data, request_id=request_id)
    )


def require_reason(act: Act, reason: str) -> None:
    """Raises ActRefused for a reason too short to say anything, or too long to be kept whole."""
    if not act.minimum_reason <= len(reason.strip()) <= acts.LONGEST_REASON:
        raise ActRefused(
            f"Give a reason of {act.minimum_reason} to {acts.LONGEST_REASON} characters: the audit log keeps it."
        )
