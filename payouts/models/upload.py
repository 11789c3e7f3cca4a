"""Files of payouts: each kept as it came, with what the check found; submitted as one batch at most once."""

from __future__ import annotations

import secrets
import string

from django.conf import settings
from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.payout import BatchType, Priority
from routers.choices import RouterType

_ALPHABET = string.ascii_letters + string.digits


def new_upload_id() -> str:
    """An id nobody can guess: 131 bits."""
    return "upload_" + "".join(secrets.choice(_ALPHABET) for _ in range(22))


class FileKind(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "XLSX"


class UploadState(models.TextChoices):
    REFUSED = "refused", "Something is wrong"
    CHECKED = "checked", "Checked"
    SUBMITTED = "submitted", "Submitted"


class PayoutUpload(models.Model):
    """One file and its last check. The file itself, who gave it and what for never change; triggers hold that.

    `rows`: of each row its line and the cells of our columns as text. `findings`: of each thing found its line (0: the
    file as a whole), column, cell, whether it is wrong or only to be looked at, what it is, and what would be right.
    """

    upload_id = models.CharField(max_length=40, unique=True, default=new_upload_id, editable=False)
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    name = models.CharField(max_length=200, help_text="the file's name, as it was given")
    kind = models.CharField(max_length=4, choices=FileKind)
    content = models.BinaryField(help_text="the file as it came")
    size = models.IntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64, db_index=True)
    router_type = models.CharField(max_length=20, choices=RouterType, null=True)  # noqa: DJ001
    priority = models.SmallIntegerField(choices=Priority)
    batch_type = models.CharField(max_length=10, choices=BatchType)
    state = models.CharField(max_length=10, choices=UploadState)
    rows = models.JSONField()
    findings = models.JSONField()
    rows_count = models.IntegerField()
    wrong_rows = models.IntegerField()
    total_amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT), of the rows without an error")
    recipients = models.IntegerField(help_text="addresses")
    first_time = models.IntegerField(help_text="addresses of them that were never paid")
    look_alikes = models.IntegerField(help_text="rows whose address looks like another one")
    duplicates = models.IntegerField(
        help_text="rows that look like another one, here or among recent payouts"
    )
    uploaded_at = models.DateTimeField(db_default=LucidNow())
    checked_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    batch = models.OneToOneField(
        "payouts.PayoutBatch", models.PROTECT, null=True, related_name="upload", help_text="what became of it"
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("sha256",), name="upload_submitted_once", condition=Q(state=UploadState.SUBMITTED)
            ),
            models.CheckConstraint(
                condition=Q(
                    state=UploadState.SUBMITTED, batch__isnull=False, submitted_at__isnull=False, wrong_rows=0
                )
                | ~Q(state=UploadState.SUBMITTED) & Q(batch__isnull=True, submitted_at__isnull=True),
                name="upload_submitted_has_a_batch",
            ),
        ]

    def __str__(self) -> str:
        return self.upload_id
