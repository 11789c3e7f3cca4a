"""What happened to a record, row by row, for as long as there are rows: without a word about the person."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kyc.models.dossier import KycNote
from kyc.models.records import KycRecord
from lucid_payments.clock import LucidNow


class KycStep(models.Model):
    """One act on a record. Its free text, if any, is a sealed note; `details` holds words of ours and numbers."""

    append_only = True

    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="steps")
    # The record's revision that the act made.
    revision = models.PositiveIntegerField()
    act = models.CharField(max_length=40)
    from_state = models.CharField(max_length=24, blank=True)
    to_state = models.CharField(max_length=24)
    reason_code = models.CharField(max_length=40, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(max_length=200)
    note = models.ForeignKey(KycNote, models.PROTECT, null=True, related_name="+")
    details = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        verbose_name = "KYC step"
        constraints = [models.UniqueConstraint(fields=["record", "revision"], name="kyc_step_once")]

    def __str__(self) -> str:
        return f"{self.act} of {self.record}"
