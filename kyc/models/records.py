"""The KYC record: one verification of one node operator, from its draft to the day its data is destroyed.

A re-verification is a new record beside the one that still holds; approved, it replaces the older one. What was
declared stands in `contents`, sealed; nothing in this table says who the person is. Only `kyc.review` changes a row.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kyc.models.operators import NodeOperator, OperatorStatus
from kyc.models.vault import Subject
from lucid_payments.clock import LucidNow

# Somebody works on it, or is asked to.
UNDECIDED: Final = (
    OperatorStatus.DRAFT,
    OperatorStatus.SUBMITTED,
    OperatorStatus.IN_REVIEW,
    OperatorStatus.INFO_REQUESTED,
    OperatorStatus.PENDING_SECOND_REVIEW,
)
# What a reviewer can work on now.
REVIEWABLE: Final = (
    OperatorStatus.SUBMITTED,
    OperatorStatus.IN_REVIEW,
    OperatorStatus.PENDING_SECOND_REVIEW,
)
# It was approved, and what it says of its operator still counts.
STANDING: Final = (
    OperatorStatus.APPROVED,
    OperatorStatus.EXPIRING,
    OperatorStatus.EXPIRED,
    OperatorStatus.SUSPENDED,
)
# The operator's identity counts as verified.
VERIFIED: Final = (OperatorStatus.APPROVED, OperatorStatus.EXPIRING)


class Risk(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


def new_record_id() -> str:
    return f"kyc_{uuid.uuid4().hex}"


class KycRecord(models.Model):
    """`number` counts the operator's records from 1; `revision` every change of this row."""

    public_id = models.CharField(max_length=40, unique=True, default=new_record_id, editable=False)
    operator = models.ForeignKey(NodeOperator, models.PROTECT, related_name="records")
    number = models.PositiveSmallIntegerField()
    # Whose key opens what this record holds: one key a record, so that each can be destroyed in its own time.
    subject = models.OneToOneField(Subject, models.PROTECT, related_name="kyc_record")
    state = models.CharField(max_length=24, choices=OperatorStatus, default=OperatorStatus.DRAFT)
    revision = models.PositiveIntegerField(default=0)
    # The newest of `contents`; 0 before there is one.
    version = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    # When somebody should have decided. While the applicant is asked the clock stands, since `clock_stopped_at`.
    due_at = models.DateTimeField(null=True)
    clock_stopped_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    # Why it came back to the queue: a word of `review.waking`.
    woke_because = models.CharField(max_length=20, blank=True)

    # Who works on it. Without a running lease anybody may take it over.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    lease_until = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)

    # The decision; a reason is a word of `review.reasons`.
    risk = models.CharField(max_length=6, choices=Risk, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    first_reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second_reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    # The commitment to `version` as it was approved.
    kyc_hash = models.CharField(max_length=71, blank=True, help_text="sha256: and 64 lower-case hex digits")

    expires_at = models.DateTimeField(null=True)
    # The day on which the document that proved the identity ends, known from approval on.
    document_expires = models.DateField(null=True)
    replaced_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    suspended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    # Kept until then at least, for the law's sake; without end while a legal hold is on it.
    retain_until = models.DateTimeField(null=True)
    legal_hold_since = models.DateTimeField(null=True)
    # The person asked that it be kept and not worked with.
    restricted_at = models.DateTimeField(null=True)
    # The key that opened `contents` is gone.
    erased_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "KYC record"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OperatorStatus.values), name="kyc_state_is_known"),
            models.CheckConstraint(condition=Q(risk__in=["", *Risk.values]), name="kyc_risk_is_known"),
            models.UniqueConstraint(fields=["operator", "number"], name="kyc_number_once"),
            models.UniqueConstraint(
                fields=["operator"], condition=Q(state__in=UNDECIDED), name="kyc_one_undecided"
            ),
            models.UniqueConstraint(
                fields=["operator"],
                condition=Q(state__in=STANDING, replaced_by__isnull=True),
                name="kyc_one_standing",
            ),
            models.CheckConstraint(
                condition=Q(lease_until__isnull=True) | Q(owner__isnull=False), name="kyc_lease_is_somebodys"
            ),
            models.CheckConstraint(
                condition=Q(second_reviewer__isnull=True) | ~Q(second_reviewer=F("first_reviewer")),
                name="kyc_reviewed_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=VERIFIED)
                | (Q(first_reviewer__isnull=False, expires_at__isnull=False) & ~Q(kyc_hash="")),
                name="kyc_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=VERIFIED, risk=Risk.HIGH) | Q(second_reviewer__isnull=False),
                name="kyc_high_risk_needs_two",
            ),
        ]
        indexes = [
            # "Take next", and the queues, oldest due first.
            models.Index(fields=["due_at", "id"], name="kyc_due", condition=Q(state__in=REVIEWABLE)),
            models.Index(fields=["owner", "due_at"], name="kyc_mine", condition=Q(state__in=UNDECIDED)),
            models.Index(fields=["state", "id"], name="kyc_state"),
            models.Index(fields=["expires_at"], name="kyc_expires", condition=Q(state__in=STANDING)),
            models.Index(fields=["retain_until"], name="kyc_retained", condition=Q(erased_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.public_id


class PersonsData(KycRecord):
    """The same rows, as what is held about somebody who has rights over it."""

    class Meta:
        proxy = True
        verbose_name = "person's data"
        verbose_name_plural = "persons' data"
