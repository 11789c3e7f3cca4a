"""First answers by idempotency key; callers who are blocked, and why."""

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
    body = models.BinaryField(help_text="the answer, byte for byte; emptied when it is replayed no more")
    subject_id = models.CharField(max_length=100, help_text="the payout or batch that was made")
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")]
        # What is still to be emptied.
        indexes = [
            models.Index(fields=["created_at"], name="idempotency_with_body", condition=~models.Q(body=b""))
        ]

    def __str__(self) -> str:
        return f"{self.request} {self.key}"


class BlockCause(models.TextChoices):
    RATE_LIMIT = "rate_limit", "Too many requests"
    AUTHENTICATION = "authentication", "Failed authentications"
    BY_HAND = "by_hand", "Blocked by staff"


class Block(models.Model):
    """A caller who is answered nothing for a while; `subject` is `key:…`, `user:…` or `circuit:…`.

    `blocked_by` is empty for the system's own; `ends_at` for one that lasts until it is released.
    """

    subject = models.CharField(max_length=100)
    # As it was called then: names change, circuits end.
    label = models.CharField(max_length=200)
    cause = models.CharField(max_length=20, choices=BlockCause)
    offences = models.IntegerField(default=0)
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "blocked caller"
        # Every request asks it.
        indexes = [
            models.Index(
                fields=["subject", "ends_at"], name="block_in_force", condition=models.Q(released_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.label


class OffenceTally(models.Model):
    """How often a caller went too far in ten minutes, to the last ten; for staff, nothing is decided by it."""

    subject = models.CharField(max_length=100, blank=True)
    label = models.CharField(max_length=200)
    cause = models.CharField(max_length=20, choices=BlockCause)
    window_at = models.DateTimeField()
    count = models.IntegerField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "cause", "window_at"], name="offence_tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.count} by {self.label}"
