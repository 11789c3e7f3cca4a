"""What people do to a breaker: one opens it at once, two close it or half-open it."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from lucid_payments.accounts.models import User
from routers import two_people
from routers.breakers import states
from routers.errors import ActRefused
from routers.models import Ask, Breaker, BreakerState, TripCause

CLOSE: Final = "breaker.close"
HALF_OPEN: Final = "breaker.half_open"


@transaction.atomic
def open_by_hand(router: str, *, actor: User, reason: str) -> bool:
    """Open it until two people close it, also where it stands open for a while by itself.

    False when it was opened by hand or for good already. Raises ActRefused: `not_admin`, `reason`.
    """
    two_people.require_admin(actor)
    given = two_people.require_reason(reason)
    row = states.locked(router)
    if row.state == BreakerState.OPEN and row.cool_down_until is None:
        return False
    states.open_(row, TripCause.BY_HAND, given, actor=actor)
    return True


def ask_close(router: str, *, actor: User, reason: str) -> Ask:
    """Ask to close it with a new sample. Raises ActRefused: `not_admin`, `reason`, `closed`."""
    return _ask(CLOSE, router, actor=actor, reason=reason)


def ask_half_open(router: str, *, actor: User, reason: str) -> Ask:
    """Ask to let probes go. Raises ActRefused: `not_admin`, `reason`, `closed`, `half_open`."""
    return _ask(HALF_OPEN, router, actor=actor, reason=reason)


@transaction.atomic
def confirm_close(ask: Ask, *, actor: User) -> None:
    """Close it. Raises as `two_people.confirm`, and `changed` when it has moved since somebody asked."""
    confirmed = two_people.confirm(ask, CLOSE, actor=actor)
    states.close(_unchanged(confirmed), confirmed.reason, actor=confirmed.asked_by, second=actor)


@transaction.atomic
def confirm_half_open(ask: Ask, *, actor: User) -> None:
    """Half-open it. Raises as `confirm_close`."""
    confirmed = two_people.confirm(ask, HALF_OPEN, actor=actor)
    states.half_open(_unchanged(confirmed), confirmed.reason, actor=confirmed.asked_by, second=actor)


@transaction.atomic
def _ask(kind: str, router: str, *, actor: User, reason: str) -> Ask:
    row = states.locked(router)
    if row.state == BreakerState.CLOSED or (kind == HALF_OPEN and row.state == BreakerState.HALF_OPEN):
        raise ActRefused(str(row.state), f"The breaker of {router} is {row.get_state_display().lower()}.")
    proposal = {"state": str(row.state), "changed_at": row.changed_at.isoformat()}
    return two_people.ask(kind, subject=router, actor=actor, reason=reason, proposal=proposal)


def _unchanged(ask: Ask) -> Breaker:
    """The breaker as it was when somebody asked. One that opened anew since needs a new look."""
    row = states.locked(ask.subject)
    told = {"state": str(row.state), "changed_at": row.changed_at.isoformat()}
    if told != ask.proposal:
        raise ActRefused("changed", f"The breaker of {ask.subject} has moved since: {row.detail}")
    return row
