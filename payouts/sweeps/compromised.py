"""Which treasury keys others may know. It outlives their sweeps, and holds though none could be begun."""

from __future__ import annotations

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from payouts.models.compromise import CompromisedKey

EVENT = "treasury.compromised"


@transaction.atomic
def declare(address: str, *, by: User, reason: str) -> bool:
    """From now on nothing is paid from this key and nobody is asked to top it up. False: it was declared before."""
    row, is_new = CompromisedKey.objects.get_or_create(
        address=address, defaults={"declared_by": by.get_username(), "reason": reason[:500]}
    )
    if is_new:
        log.record(EVENT, actor=by, subject=row, details={"key": address, "reason": reason})
        outbox.emit(
            EVENT, subject_type="treasury", subject_id=address, owner=None, payload={"address": address}
        )
    return is_new


def sentence(row: CompromisedKey) -> str:
    """What people and holds are told of the key that pays."""
    return (
        f"The key that pays may be known to others since {row.at:%Y-%m-%d %H:%M} UTC: nothing is paid from it until"
        " another takes its place. Send nothing to it."
    )


def known(address: str) -> CompromisedKey | None:
    """The declaration about this key, with its moment; None for a key that nobody declared."""
    return CompromisedKey.objects.filter(address=address).first()
