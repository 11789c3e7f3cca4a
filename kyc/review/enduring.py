"""After the approval: suspended, reinstated, revoked, and what time alone does."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.review import reasons, steps
from kyc.review.deciding import decide, kept_from
from kyc.review.errors import Conflict
from kyc.review.policy import Act
from lucid_payments.accounts.models import User


@transaction.atomic
def suspend(record: KycRecord, *, actor: User | None, code: str, text: str = "") -> KycRecord:
    """Nothing is paid by this record from now on; by a person, or by the system (None) on what it finds."""
    begun = steps.begin(record, Act.SUSPEND, actor)
    note = decide(begun, code, reasons.SUSPENSION, begun.row.risk, text)
    return steps.finish(begun, to=State.SUSPENDED, code=code, note=note, reason_code=code, suspended_by=actor)


@transaction.atomic
def reinstate(record: KycRecord, *, actor: User, code: str, text: str = "") -> KycRecord:
    """A suspension is lifted, by another person than who made it; the record stands as its dates say."""
    begun = steps.begin(record, Act.REINSTATE, actor)
    note = decide(begun, code, reasons.REINSTATEMENT, begun.row.risk, text)
    expires = begun.row.expires_at
    if expires is None or expires <= begun.now:
        raise Conflict("It has expired meanwhile: a new verification is needed.")
    due = expires - timedelta(days=settings.KYC_EXPIRING_DAYS) <= begun.now
    return steps.finish(
        begun,
        to=State.EXPIRING if due else State.APPROVED,
        code=code,
        note=note,
        reason_code=code,
        suspended_by=None,
    )


@transaction.atomic
def revoke(
    record: KycRecord, *, actor: User, code: str, text: str = "", seen: int | None = None
) -> KycRecord:
    """The approval is taken back for good; only a new application leads to another."""
    begun = steps.begin(record, Act.REVOKE, actor, seen=seen)
    note = decide(begun, code, reasons.REVOCATION, begun.row.risk, text)
    return steps.finish(
        begun,
        to=State.REVOKED,
        code=code,
        note=note,
        reason_code=code,
        retain_until=kept_from(begun.now),
    )


@transaction.atomic
def begin_expiring(record: KycRecord) -> KycRecord:
    """The re-verification is due. The system's own. Raises Conflict before its time."""
    begun = steps.begin(record, Act.EXPIRING, None)
    soon = begun.now + timedelta(days=settings.KYC_EXPIRING_DAYS)
    if begun.row.expires_at is None or begun.row.expires_at > soon:
        raise Conflict("It isn't due yet.")
    return steps.finish(begun, to=State.EXPIRING, told={"expires_at": begun.row.expires_at.isoformat()})


@transaction.atomic
def expire(record: KycRecord) -> KycRecord:
    """Nobody verified it again in time. The system's own. Raises Conflict before its time."""
    begun = steps.begin(record, Act.EXPIRE, None)
    if begun.row.expires_at is None or begun.row.expires_at > begun.now:
        raise Conflict("It hasn't expired.")
    return steps.finish(begun, to=State.EXPIRED, retain_until=kept_from(begun.now))
