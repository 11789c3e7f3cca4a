"""What reviewers add to a record: marks, questions to the applicant, decisions, notes. Free text is sealed."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from kyc.models.records import KycRecord
from lucid_payments.clock import LucidNow


class Finding(models.TextChoices):
    GOOD = "good", "In order"
    BAD = "bad", "Not in order"


class KycMark(models.Model):
    """What a reviewer thinks of one field (``field:birth_date``) or document (``document:…``); saved as it is made."""

    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="marks")
    place = models.CharField(max_length=80)
    finding = models.CharField(max_length=4, choices=Finding)
    # For what is not in order: a fixable reason.
    reason_code = models.CharField(max_length=40, blank=True)
    version = models.PositiveSmallIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = "KYC mark"
        constraints = [
            models.UniqueConstraint(fields=["record", "place"], name="kyc_mark_once"),
            models.CheckConstraint(
                condition=Q(finding=Finding.GOOD, reason_code="")
                | (Q(finding=Finding.BAD) & ~Q(reason_code="")),
                name="kyc_mark_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place} of {self.record}"


class InfoRequest(models.Model):
    """One bundled question to the applicant: `items` are place and reason code of all that isn't in order."""

    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="info_requests")
    number = models.PositiveSmallIntegerField()
    items = models.JSONField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    answer_by = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    # Nobody answered in time.
    lapsed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "information request"
        constraints = [
            models.UniqueConstraint(fields=["record", "number"], name="info_request_number_once"),
            models.UniqueConstraint(
                fields=["record"],
                condition=Q(answered_at__isnull=True, lapsed_at__isnull=True),
                name="info_request_one_open",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(lapsed_at__isnull=True),
                name="info_request_ends_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["answer_by"],
                name="info_request_open",
                condition=Q(answered_at__isnull=True, lapsed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"request {self.number} of {self.record}"


class NoteKind(models.TextChoices):
    INTERNAL = "internal", "Internal note"
    REASON = "reason", "Reason given"
    TO_APPLICANT = "to_applicant", "Words to the applicant"


class KycNote(models.Model):
    """Free text, which may name anybody: sealed like the content, and unreadable after it is erased."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="notes")
    kind = models.CharField(max_length=12, choices=NoteKind)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=LucidNow(), editable=False)
    sealed = models.BinaryField()

    class Meta:
        verbose_name = "KYC note"
        indexes = [models.Index(fields=["record", "at"], name="kyc_note_record")]

    def __str__(self) -> str:
        return f"note on {self.record}"


class KycDecision(models.Model):
    """What a person decided about which version, and by which reason of the closed list."""

    append_only = True

    record = models.ForeignKey(KycRecord, models.PROTECT, related_name="decisions")
    version = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=24)
    reason_code = models.CharField(max_length=40)
    risk = models.CharField(max_length=6, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    by_label = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        verbose_name = "KYC decision"
        indexes = [models.Index(fields=["record", "id"], name="kyc_decision_record")]

    def __str__(self) -> str:
        return f"{self.outcome} of {self.record}"
