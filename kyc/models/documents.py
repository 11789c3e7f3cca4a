"""An applicant's documents, as pictures of their pages: sealed, in the order of their coming, and never changed."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from kyc.models.records import KycRecord
from lucid_payments.clock import LucidNow


class DocumentKind(models.TextChoices):
    """What the applicant says that it is."""

    PASSPORT = "passport", "Passport"
    IDENTITY_CARD = "identity_card", "Identity card"
    RESIDENCE_PERMIT = "residence_permit", "Residence permit"
    PROOF_OF_ADDRESS = "proof_of_address", "Proof of address"
    SELFIE = "selfie", "Portrait with the document"
    OTHER = "other", "Something else that was asked for"


class KycDocument(models.Model):
    """`sha256`, `size` and `media_type` are those of the file that was uploaded, which itself isn't kept.

    A better one doesn't change the first: it `replaces` it, and the first is no longer to be decided on.
    """

    append_only = True

    # Its name wherever it has one: nobody can guess it, and it says nothing.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=20, choices=DocumentKind)
    replaces = models.OneToOneField("self", models.PROTECT, null=True, related_name="replaced_by")
    media_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64, help_text="lower-case hex")
    page_count = models.PositiveSmallIntegerField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        verbose_name = "KYC document"
        indexes = [models.Index(fields=["record", "added_at"], name="kyc_document_record")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=DocumentKind.values), name="kyc_document_kind_is_known"
            ),
            models.CheckConstraint(condition=Q(page_count__gt=0), name="kyc_document_has_pages"),
        ]

    def __str__(self) -> str:
        return f"document {self.pk}"


class KycDocumentPage(models.Model):
    """One page as PNG, or as JPEG where it is a photograph. `sha256` is of the picture, before it was sealed."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(KycDocument, models.PROTECT, related_name="pages")
    number = models.PositiveSmallIntegerField()
    media_type = models.CharField(max_length=20)
    width = models.PositiveSmallIntegerField(help_text="pixels")
    height = models.PositiveSmallIntegerField(help_text="pixels")
    sha256 = models.CharField(max_length=64, help_text="lower-case hex")
    sealed = models.BinaryField()

    class Meta:
        verbose_name = "KYC document's page"
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="kyc_document_page_once")]

    def __str__(self) -> str:
        return f"page {self.number} of {self.document_id}"
