"""What people do to a breaker: one opens it at once, two close it or half-open it.

Who may, and what it takes, is the business of the acts in `routers.acts.breakers`.
"""

from __future__ import annotations

from django.db import transaction

from lucid_payments.accounts.models import User
from routers.breakers import states
from routers.models import BreakerState, TripCause


@transaction.atomic
def open_by_hand(router: str, *, actor: User, reason: str) -> bool:
    """Open it until two people close it, also where it stands open for a while by itself.

    False when it was opened by hand or for good already.
    """
    row = states.locked(router)
    if row.state == BreakerState.OPEN and row.cool_down_until is None:
        return False
    states.open_(row, TripCause.BY_HAND, reason, actor=actor)
    return True


@transaction.atomic
def close_by_hand(router: str, *, actor: User, second: User, reason: str) -> bool:
    """Close it with a new sample. False when it is closed."""
    row = states.locked(router)
    if row.state == BreakerState.CLOSED:
        return False
    states.close(row, reason, actor=actor, second=second)
    return True


@transaction.atomic
def half_open_by_hand(router: str, *, actor: User, second: User, reason: str) -> bool:
    """Let probes go. False unless it is open."""
    row = states.locked(router)
    if row.state != BreakerState.OPEN:
        return False
    states.half_open(row, reason, actor=actor, second=second)
    return True
