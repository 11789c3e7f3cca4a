"""First answers by idempotency key."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from lucid_payments.clock import LucidNow


class IdempotencyRecord(models.Model):
    """The first answer to a caller's key, committed together with what the request did."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    request = models.CharField(max_length=200, help_text="method and path")
    body_hash = models.CharField(max_length=64, help_text="SHA-256 of the body's bytes")
    status_code = models.PositiveSmallIntegerField()
    body = models.BinaryField(help_text="the answer, byte for byte")
    subject_id = models.CharField(max_length=100, help_text="the payout or batch that was made")
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")]

    def __str__(self) -> str:
        return f"{self.request} {self.key}"
