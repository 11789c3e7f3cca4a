"""Node operators and their nodes: the plain record that the KYC router's rule reads."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class OperatorStatus(models.TextChoices):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    INFO_REQUESTED = "info_requested"
    PENDING_SECOND_REVIEW = "pending_second_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class NodeOperator(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="node_operator")
    operator_id = models.CharField(max_length=50, unique=True)
    status = models.CharField(max_length=24, choices=OperatorStatus, default=OperatorStatus.DRAFT)
    kyc_hash = models.CharField(max_length=71, blank=True, help_text="sha256: and 64 lower-case hex digits")

    def __str__(self) -> str:
        return self.operator_id


class Node(models.Model):
    node_id = models.CharField(max_length=50, unique=True)
    operator = models.ForeignKey(NodeOperator, models.PROTECT, related_name="nodes")
    is_active = models.BooleanField(default=True)
    reputation = models.DecimalField(max_digits=5, decimal_places=4, null=True, help_text="0 to 1")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reputation__isnull=True) | Q(reputation__gte=0, reputation__lte=1),
                name="node_reputation_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.node_id
