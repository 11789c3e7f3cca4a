"""Erasing: the record's data key is destroyed, and nothing that it sealed can be read again, in no backup either.

Hash, signature, timeline and audit entries stay and still verify; they never said who it was.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from kyc import vault
from kyc.models import KycLookup, KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.review import policy, reasons, steps
from kyc.review.errors import Conflict, Refused
from kyc.review.policy import Act
from lucid_payments import clock
from lucid_payments.accounts.models import User

# A draft that nobody hands in is forgotten.
DRAFTS_LAST: Final = timedelta(days=90)
AT_ONCE: Final = 200


@transaction.atomic
def erase(
    record: KycRecord, *, actor: User | None, second: User | None = None, code: str, reason: str = ""
) -> KycRecord:
    """Destroy what is known; for good, so two officers do it, or the retention's end (`actor` None).

    `reason` names nobody: it stays, as evidence.

    Raises Conflict while a legal hold or the retention stands against it, saying which; Refused for one person alone.
    """
    if code not in reasons.ERASURE:
        raise Refused("Choose one of the reasons.")
    if actor is not None and (second is None or second == actor or not policy.is_officer(second)):
        raise Refused("It can't be undone: two compliance officers do it.")
    begun = steps.begin(record, Act.ERASE, actor)
    row = begun.row
    # A draft that is gone mustn't stand in the way of the next one.
    to = State.REJECTED if row.state == State.DRAFT else None
    KycLookup.objects.filter(record=row).delete()
    vault.destroy(row.subject, actor=actor)
    return steps.finish(
        begun,
        to=to,
        code=code,
        details={"confirmed_by": second.get_username(), "reason": reason} if second else {},
        erased_at=begun.now,
        document_expires=None,
    )


def erase_due() -> int:
    """Erase what is kept no longer: ended, past its retention, under no hold; and drafts nobody handed in."""
    now = clock.now()
    over = Q(retain_until__lte=now) | Q(state=State.DRAFT, created_at__lte=now - DRAFTS_LAST)
    due = KycRecord.objects.filter(over, erased_at=None, legal_hold_since=None).order_by("pk")
    done = 0
    for record in due[:AT_ONCE]:
        try:
            erase(record, actor=None, code="retention_over")
        except Conflict:
            # A hold came in between; the next run looks again.
            continue
        done += 1
    return done
