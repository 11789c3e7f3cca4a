"""Showing a page to somebody: by whom it may be seen, for what, and every time it leaves a trace."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from kyc.documents import storing
from kyc.models import KycDocument, KycDocumentPage
from kyc.review.errors import Refused
from kyc.review.reading import Purpose
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area

# Why staff look; the applicant has no use for our picture of their own paper.
PURPOSES = (Purpose.REVIEW, Purpose.SCREENING, Purpose.AUDIT, Purpose.RIGHTS)


@transaction.atomic
def page(document_id: UUID, number: int, *, actor: User, purpose: Purpose) -> tuple[KycDocumentPage, bytes]:
    """One page and its picture, opened; the audit log says who saw it and why.

    Raises Refused for who doesn't work on records, KycDocumentPage.DoesNotExist, VaultError (Destroyed after an
    erasure).
    """
    verdict = policy.may_read(actor, Area.KYC)
    if not verdict or purpose not in PURPOSES:
        raise Refused(verdict.reason or "This is no reason to look.")
    rows = KycDocumentPage.objects.select_related("document__record__subject", "document__record__operator")
    found = rows.get(document=document_id, number=number)
    picture = storing.opened(found)
    log.record(
        "kyc.document_viewed",
        actor=actor,
        subject=found.document.record,
        details={"document": str(document_id), "page": number, "purpose": purpose.value},
    )
    return found, picture


def document(document_id: UUID) -> KycDocument:
    """Raises KycDocument.DoesNotExist."""
    rows = KycDocument.objects.select_related("record__operator", "replaced_by", "replaces")
    return rows.get(pk=document_id)
