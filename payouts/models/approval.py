"""Who must agree before a payout may go: the rules in versions, what waits for people, and what they said.

Triggers hold the same as `payouts.approvals`, whoever writes: see the migration that made these tables.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.accounts.roles import Role
from lucid_payments.clock import LucidNow

# As many people as any rule asks for.
MOST: int = 2


class ApprovalRule(models.Model):
    """One version for one role of creators, in force until the next one of that role; never changed.

    Amounts in base units, each "more than"; NULL: this figure asks for nobody.
    """

    append_only: ClassVar[bool] = True

    creator_role = models.CharField(max_length=20, choices=Role)
    version = models.IntegerField(help_text="1, 2, … within the role")
    payout_above = models.BigIntegerField(null=True, help_text="one approval for a payout above it")
    batch_above = models.BigIntegerField(
        null=True, help_text="one approval for a batch whose total is above it"
    )
    day_above = models.BigIntegerField(
        null=True, help_text="one approval once the creator's last 24 hours are above it"
    )
    two_above = models.BigIntegerField(null=True, help_text="two approvals when any of the three is above it")

    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    author_label = models.CharField(max_length=200)
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second_label = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("creator_role", "version")
        constraints = [
            models.UniqueConstraint(fields=("creator_role", "version"), name="approval_rule_version_once"),
            models.CheckConstraint(
                condition=Q(version=1)
                | Q(author__isnull=False, second__isnull=False) & ~Q(author=F("second")),
                name="approval_rule_changed_by_two",
            ),
            models.CheckConstraint(
                condition=(Q(payout_above__isnull=True) | Q(payout_above__gte=0))
                & (Q(batch_above__isnull=True) | Q(batch_above__gte=0))
                & (Q(day_above__isnull=True) | Q(day_above__gte=0))
                & (Q(two_above__isnull=True) | Q(two_above__gte=0)),
                name="approval_rule_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"approvals for {self.creator_role}, version {self.version}"


class RequestState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Called off"


class ApprovalRequest(models.Model):
    """What waits for approvers as one thing: one payout, or all of a batch. Only `state` and `ended_at` ever change.

    `largest`, `total` and `day` are the figures that the rule was asked with, in base units; `day` is what the
    creator made in the 24 hours before, this included.
    """

    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    batch = models.OneToOneField(
        "payouts.PayoutBatch", models.PROTECT, null=True, related_name="approval_request"
    )
    rule = models.ForeignKey(ApprovalRule, models.PROTECT, related_name="+")
    needed = models.SmallIntegerField(help_text="approvals, each by another person")
    network = models.CharField(max_length=20)
    payouts_asked = models.IntegerField()
    largest = models.BigIntegerField()
    total = models.BigIntegerField()
    day = models.BigIntegerField()
    source_hash = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of the file that the batch comes from; empty without one",
    )
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.WAITING)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(needed__gte=1, needed__lte=MOST), name="approval_needed_in_range"
            ),
            models.CheckConstraint(
                condition=Q(state=RequestState.WAITING, ended_at__isnull=True)
                | ~Q(state=RequestState.WAITING) & Q(ended_at__isnull=False),
                name="approval_request_ends_once",
            ),
        ]
        indexes = [
            models.Index(fields=("id",), name="approval_waiting", condition=Q(state=RequestState.WAITING)),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"

    @property
    def is_batch(self) -> bool:
        return self.batch_id is not None


class Decision(models.TextChoices):
    APPROVE = "approve", "Approved"
    REJECT = "reject", "Rejected"


class Approval(models.Model):
    """What one person said to one request, bound to the hash of what it was then; never changed.

    An approval counts while the request's content still has that hash.
    """

    append_only: ClassVar[bool] = True

    request = models.ForeignKey(ApprovalRequest, models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approver_label = models.CharField(max_length=200)
    decision = models.CharField(max_length=7, choices=Decision)
    content_hash = models.CharField(max_length=64)
    number = models.SmallIntegerField(null=True, help_text="1, 2, … of the approvals of this content")
    reason = models.CharField(max_length=300, blank=True)
    found = models.JSONField(default=list, help_text="what each check said at that moment")
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("request", "content_hash", "approver"),
                name="approval_approvers_distinct",
                condition=Q(decision=Decision.APPROVE),
            ),
            models.UniqueConstraint(
                fields=("request", "content_hash", "number"), name="approval_number_once"
            ),
            models.CheckConstraint(
                condition=Q(decision=Decision.APPROVE, number__gte=1, number__lte=MOST)
                | Q(decision=Decision.REJECT, number__isnull=True),
                name="approval_numbered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} by {self.approver_label}"
