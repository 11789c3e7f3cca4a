"""What was declared, in versions, sealed under the record's own data key, and the blind index to find it again."""

from __future__ import annotations

import uuid

from django.db import models

from kyc.models.records import KycRecord
from lucid_payments.clock import LucidNow


class KycContent(models.Model):
    """One version of the declared fields and the salt of their commitment. Rows stay; erasing destroys the key."""

    append_only = True

    # Known before the row is written: it is part of what the seal binds.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="contents")
    version = models.PositiveSmallIntegerField()
    schema = models.CharField(max_length=40)
    # Which fields were declared: names of ours, no values.
    names = models.JSONField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        verbose_name = "KYC content"
        constraints = [models.UniqueConstraint(fields=["record", "version"], name="kyc_version_once")]

    def __str__(self) -> str:
        return f"version {self.version} of {self.record}"


class KycLookup(models.Model):
    """A keyed hash of one field, to find a person by a whole value; gone with the person."""

    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="lookups")
    field = models.CharField(max_length=40)
    digest = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "KYC look-up"
        constraints = [models.UniqueConstraint(fields=["record", "field"], name="kyc_lookup_once")]
        indexes = [models.Index(fields=["field", "digest"], name="kyc_lookup")]

    def __str__(self) -> str:
        return f"{self.field} of {self.record}"
