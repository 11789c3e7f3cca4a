"""What is held about a person, to be handed to them: a machine reads it, and they can prove the commitment with it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import transaction

from kyc.documents import storing
from kyc.models import InfoRequest, KycContent, KycNote, KycRecord, KycStep, NoteKind
from kyc.review import committing, contents, policy, reasons, steps
from kyc.review.errors import Refused
from lucid_payments.accounts.models import User
from lucid_payments.audit import log


@transaction.atomic
def export(record: KycRecord, *, actor: User, reason: str = "") -> bytes:
    """A ZIP: `record.json` with every version and what was said to the applicant, and the documents' pictures.

    The desk's own notes and whatever hints at a list are not in it. For officers and the person alone, and audited;
    `reason` names nobody. Raises Refused for anybody else, VaultError (Destroyed after an erasure).
    """
    oneself = actor.is_active and actor.pk == record.operator.user_id
    if not (oneself or policy.is_officer(actor)):
        raise Refused("Only compliance officers hand over what is held, and the person gets it.")
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("record.json", json.dumps(_told(record), indent=2, ensure_ascii=False))
        for document in storing.of(record):
            for page in document.pages.order_by("number"):
                ending = page.media_type.partition("/")[2]
                archive.writestr(f"documents/{document.pk}-{page.number}.{ending}", storing.opened(page))
    log.record(
        "kyc.exported", actor=actor, subject=record, details={"version": record.version, "reason": reason}
    )
    return packed.getvalue()


def _told(record: KycRecord) -> dict[str, Any]:
    return {
        "application_id": record.public_id,
        "operator_id": record.operator.operator_id,
        "status": steps.outward_state(record),
        "kyc_hash": record.kyc_hash or None,
        "submitted_at": _time(record.submitted_at),
        "decided_at": _time(record.decided_at),
        "expires_at": _time(record.expires_at),
        "kept_until": _time(record.retain_until),
        "versions": [_version(record, content) for content in record.contents.order_by("version")],
        "documents": [
            {"id": str(row.pk), "kind": row.kind, "sha256": row.sha256, "added_at": _time(row.added_at)}
            for row in storing.of(record)
        ],
        "requests": [
            {
                "asked_at": _time(request.asked_at),
                "answered_at": _time(request.answered_at),
                "items": [
                    {"place": item["place"], "reason": reasons.outward([item["reason"]])[0]}
                    for item in request.items
                ],
            }
            for request in InfoRequest.objects.filter(record=record).order_by("number")
        ],
        "messages": [
            {"at": _time(note.at), "text": contents.note_text(note)}
            for note in KycNote.objects.filter(record=record, kind=NoteKind.TO_APPLICANT).order_by("at")
        ],
        "history": [
            {"at": _time(step.at), "act": step.act}
            for step in KycStep.objects.filter(record=record, act__in=_SHOWN).order_by("revision")
        ],
    }


def _version(record: KycRecord, content: KycContent) -> dict[str, Any]:
    """`committed` and `salt` are what `kyc_hash` is made of, for the version that was approved."""
    declared = contents.opened(record, content.version)
    return {
        "version": content.version,
        "declared_at": _time(content.created_at),
        "fields": declared.fields,
        "committed": committing.committed(record, declared),
        "salt": declared.salt.hex(),
    }


def _time(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


# The applicant's own acts and the outcomes, as they were told at the time.
_SHOWN = (
    "begun", "edited", "document_added", "submitted", "info_requested", "answered", "corrected", "restricted",
    "unrestricted", "expiring", "expired", "suspended", "reinstated", "revoked", "rejected", "closed",
)  # fmt: skip
