"""What an applicant is told: never a value that was declared, an internal word, or that a list was matched."""

from __future__ import annotations

from typing import Any

from kyc.documents import storing
from kyc.models import InfoRequest, KycContent, KycDocument, KycRecord, KycStep
from kyc.models.operators import OperatorStatus as State
from kyc.review import contents, reasons, steps
from kyc.review.policy import Act

# Where a reason stands that was given with the state; in the others it is the desk's own business.
_WITH_REASON = (State.REJECTED, State.SUSPENDED, State.REVOKED)


def application(record: KycRecord) -> dict[str, Any]:
    """Its status, what it consists of, and what is asked."""
    content = KycContent.objects.filter(record=record, version=record.version).first()
    codes = [record.reason_code] if record.reason_code and record.state in _WITH_REASON else []
    return {
        "application_id": record.public_id,
        "status": steps.outward_state(record),
        "reasons": reasons.outward(codes),
        "declared": list(content.names) if content else [],
        "version": record.version,
        "documents": [document(found) for found in storing.of(record)],
        "information_request": _asked(record),
        "created_at": record.created_at,
        "submitted_at": record.submitted_at,
        "decided_at": record.decided_at,
        "expires_at": record.expires_at,
    }


def summary(record: KycRecord) -> dict[str, Any]:
    """One line of the list."""
    return {
        "application_id": record.public_id,
        "status": steps.outward_state(record),
        "created_at": record.created_at,
    }


def document(found: KycDocument) -> dict[str, Any]:
    better: KycDocument | None = getattr(found, "replaced_by", None)
    return {
        "document_id": str(found.pk),
        "kind": found.kind,
        "media_type": found.media_type,
        "size": found.size,
        "sha256": found.sha256,
        "pages": found.page_count,
        "added_at": found.added_at,
        "replaced_by": str(better.pk) if better else None,
    }


def _asked(record: KycRecord) -> dict[str, Any] | None:
    """The open request, with the words that the desk chose to add for the applicant."""
    asked = InfoRequest.objects.filter(record=record, answered_at=None, lapsed_at=None).first()
    if asked is None or record.state != State.INFO_REQUESTED:
        return None
    step = KycStep.objects.filter(record=record, act=Act.ASK.value).select_related(
        "note__record__subject"
    ).latest("revision")  # fmt: skip
    return {
        "number": asked.number,
        "items": [
            {"place": item["place"], "reason": reasons.outward([item["reason"]])[0]} for item in asked.items
        ],
        "message": contents.note_text(step.note) if step.note and record.erased_at is None else None,
        "asked_at": asked.asked_at,
        "answer_by": asked.answer_by,
    }
