"""Reading what a record holds about a person: by whom it may be done, and every time it leaves a trace."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from django.db import transaction

from kyc.models import KycNote, KycRecord
from kyc.review import contents
from kyc.review.contents import Declared
from kyc.review.errors import Refused
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area, Verdict


class Purpose(StrEnum):
    """Why somebody reads; the audit log keeps it."""

    REVIEW = "review"
    SCREENING = "screening"
    APPLICANT = "applicant"
    AUDIT = "audit"
    RIGHTS = "rights"


@transaction.atomic
def read(record: KycRecord, *, actor: User, purpose: Purpose, version: int | None = None) -> Declared:
    """The declared fields, opened: for the desk, the auditor and the applicant; the audit log says who and why.

    Raises Refused for anybody else, VaultError (Destroyed after an erasure).
    """
    verdict = admits(actor, record)
    if not verdict:
        raise Refused(verdict.reason)
    declared = contents.opened(record, version)
    log.record(
        "kyc.read",
        actor=actor,
        subject=record,
        details={"purpose": purpose.value, "version": declared.version},
    )
    return declared


def admits(actor: User, record: KycRecord) -> Verdict:
    """Whether this person may read what the record holds: the desk, the auditor, oneself."""
    if actor.is_active and actor.pk == record.operator.user_id:
        return Verdict(True)
    return policy.may_read(actor, Area.KYC)


@transaction.atomic
def notes(record: KycRecord, *, actor: User, purpose: Purpose) -> dict[UUID, str]:
    """What staff wrote about the record, opened, by each note's key; for staff alone, with the same trace.

    Raises Refused, VaultError (Destroyed after an erasure).
    """
    verdict = policy.may_read(actor, Area.KYC)
    if not verdict:
        raise Refused(verdict.reason)
    rows = list(KycNote.objects.filter(record=record).select_related("record__subject"))
    texts = {note.pk: contents.note_text(note) for note in rows}
    if texts:
        details = {"purpose": purpose.value, "notes": len(texts)}
        log.record("kyc.notes_read", actor=actor, subject=record, details=details)
    return texts
