"""A record's documents: added by the applicant, listed, never changed.

Row and pictures are one transaction in one database: a process that dies in between leaves neither, and nothing has
to be swept. One backup holds both, and whoever destroys the record's data key has erased the pictures, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import transaction

from kyc import vault
from kyc.documents.converting import Converted
from kyc.models import DocumentKind, KycDocument, KycDocumentPage, KycRecord
from kyc.review import marking, steps
from kyc.review.errors import Refused
from kyc.review.policy import Act
from lucid_payments.accounts.models import User

# More than any case needs; what was replaced counts, too.
MOST_DOCUMENTS: Final = 30


@transaction.atomic
def add(
    record: KycRecord, kind: DocumentKind, found: Converted, *, actor: User, replaces: UUID | None = None
) -> KycDocument:
    """Seal what `converting.convert` made of an upload, while the record is a draft or asked about.

    Raises Refused for one document too many or a `replaces` that is no current document of this record; Conflict in
    any other state; VaultError.
    """
    begun = steps.begin(record, Act.ADD_DOCUMENT, actor)
    row = begun.row
    if KycDocument.objects.filter(record=row).count() >= MOST_DOCUMENTS:
        raise Refused(f"A record has at most {MOST_DOCUMENTS} documents.")
    if replaces is not None and not marking.current_documents(row).filter(pk=replaces).exists():
        raise Refused("There is no such document to replace.")
    document = KycDocument.objects.create(
        record=row,
        kind=kind,
        replaces_id=replaces,
        media_type=found.media_type,
        size=found.size,
        sha256=found.sha256,
        page_count=len(found.pages),
        added_by=actor,
        added_at=begun.now,
    )
    pages = []
    for number, picture in enumerate(found.pages, start=1):
        page = KycDocumentPage(
            document=document,
            number=number,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            sha256=hashlib.sha256(picture.content).hexdigest(),
        )
        page.sealed = vault.seal(row.subject, _place(page), picture.content)
        pages.append(page)
    KycDocumentPage.objects.bulk_create(pages)
    steps.finish(begun, details={"document": str(document.pk), "kind": kind.value, "sha256": found.sha256})
    return document


def of(record: KycRecord) -> Sequence[KycDocument]:
    """All of a record's documents, oldest first; those with a `replaced_by` are no longer current."""
    rows = KycDocument.objects.filter(record=record).select_related("replaced_by")
    return list(rows.order_by("added_at", "pk"))


def opened(page: KycDocumentPage) -> bytes:
    """The picture. Whoever shows it to somebody does it by `showing`. Raises VaultError."""
    return vault.open(page.document.record.subject, _place(page), page.sealed)


def _place(page: KycDocumentPage) -> vault.Place:
    return vault.Place("kyc_kycdocumentpage", "sealed", str(page.pk), page.number)
