"""A payout: what somebody asked us to pay, once, and the append-only timeline of what became of it."""

from __future__ import annotations

import secrets
import string
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left, Right

from lucid_payments.clock import LucidNow
from lucid_payments.money import BASE_UNITS_PER_USDT
from routers.choices import RouterType
from routers.models import RouterPolicy

_ALPHABET = string.ascii_letters + string.digits
MINIMUM_AMOUNT = BASE_UNITS_PER_USDT // 100
MAXIMUM_AMOUNT = 10_000 * BASE_UNITS_PER_USDT
# As many characters of an address as people compare at each of its ends.
ENDS = 4


def new_payout_id() -> str:
    """An id nobody can guess: 131 bits."""
    return "payout_" + "".join(secrets.choice(_ALPHABET) for _ in range(22))


class PayoutStatus(models.TextChoices):
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RELEASED = "released"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    MANUAL = "manual"


# Ended, and nobody was paid: what it was for may be asked for again.
UNPAID = (PayoutStatus.FAILED, PayoutStatus.CANCELLED, PayoutStatus.REJECTED)
ENDED = (PayoutStatus.CONFIRMED, *UNPAID)

# What a client sees (contract.md, "Enumerations").
PUBLIC_STATUS: dict[str, str] = {
    PayoutStatus.AWAITING_APPROVAL: "pending",
    PayoutStatus.SCHEDULED: "pending",
    PayoutStatus.RELEASED: "processing",
    PayoutStatus.SENT: "processing",
    PayoutStatus.MANUAL: "processing",
    PayoutStatus.CONFIRMED: "confirmed",
    PayoutStatus.FAILED: "failed",
    PayoutStatus.CANCELLED: "cancelled",
    PayoutStatus.REJECTED: "cancelled",
}


class HoldReason(models.TextChoices):
    APPROVAL = "approval"
    SLOT = "slot"
    HOURLY_LIMIT = "hourly_limit"
    DAILY_LIMIT = "daily_limit"
    RECIPIENT_LIMIT = "recipient_limit"
    CREATOR_LIMIT = "creator_limit"
    SUBJECT_LIMIT = "subject_limit"
    IN_FLIGHT = "in_flight"
    BREAKER = "breaker"
    KILL_SWITCH = "kill_switch"
    PAUSED = "paused"
    TREASURY_USDT = "treasury_usdt"
    TREASURY_TRX = "treasury_trx"
    TOKEN_PAUSED = "token_paused"  # noqa: S105 - the token is USDT
    SCREENING = "screening"
    LIST_STALE = "list_stale"
    KYC = "kyc"
    ATTESTATION = "attestation"
    NODE_INACTIVE = "node_inactive"
    COOLING_OFF = "cooling_off"
    SIGNER = "signer"
    CLOCK = "clock"
    NODES = "nodes"
    RETRY = "retry"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    MANUAL = "manual"


def public_hold(reason: str | None) -> str | None:
    """What a client sees: contract.md's list is closed, and the attested node is who receives."""
    return HoldReason.RECIPIENT_LIMIT.value if reason == HoldReason.SUBJECT_LIMIT else reason


class Priority(models.IntegerChoices):
    """The order of release; the number is the rank."""

    URGENT = 0, "URGENT"
    HIGH = 1, "HIGH"
    NORMAL = 2, "NORMAL"
    LOW = 3, "LOW"


class BatchType(models.TextChoices):
    IMMEDIATE = "IMMEDIATE"
    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class OnLimit(models.TextChoices):
    HOLD = "hold"
    REFUSE = "refuse"


class Payout(models.Model):
    payout_id = models.CharField(max_length=40, unique=True, default=new_payout_id, editable=False)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="payouts")
    status = models.CharField(max_length=20, choices=PayoutStatus, default=PayoutStatus.SCHEDULED)
    hold_reason = models.CharField(max_length=20, choices=HoldReason, null=True, blank=True)  # noqa: DJ001
    recipient_address = models.CharField(max_length=34)
    amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT)")
    reason = models.CharField(max_length=200)
    router_type = models.CharField(max_length=20, choices=RouterType)
    router_conditions = models.JSONField(default=dict, help_text="which conditions of the router rule held")
    policy_version = models.ForeignKey(
        RouterPolicy,
        models.PROTECT,
        null=True,
        editable=False,
        help_text="the router's, as it was accepted by",
    )
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    batch_type = models.CharField(max_length=10, choices=BatchType, default=BatchType.IMMEDIATE)
    on_limit = models.CharField(max_length=6, choices=OnLimit, default=OnLimit.HOLD)
    batch = models.ForeignKey("payouts.PayoutBatch", models.PROTECT, null=True, related_name="payouts")
    slot = models.ForeignKey(
        "payouts.PayoutSlot",
        models.PROTECT,
        null=True,
        db_index=False,
        editable=False,
        related_name="payouts",
        help_text="whose batch it goes with; NULL: at once, or not before its approvals",
    )
    approval = models.ForeignKey(
        "payouts.ApprovalRequest",
        models.PROTECT,
        null=True,
        db_index=False,
        editable=False,
        related_name="payouts",
        help_text="what people had to agree to; NULL: nobody had to",
    )
    session_id = models.CharField(max_length=50, null=True, blank=True)  # noqa: DJ001
    node_id = models.CharField(max_length=50, null=True, blank=True)  # noqa: DJ001
    reference_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001
    retry_of = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="replacement")
    custom_data = models.JSONField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    request_id = models.CharField(max_length=64, blank=True)
    due_at = models.DateTimeField(db_default=LucidNow(), help_text="not released before")
    retries = models.SmallIntegerField(default=0, help_text="signed attempts that ended without paying")
    failure_code = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001
    failure_message = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=LucidNow())
    ended_at = models.DateTimeField(null=True, blank=True)
    version = models.IntegerField(default=1, help_text="grows with every change of state")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=MINIMUM_AMOUNT, amount__lte=MAXIMUM_AMOUNT),
                name="payout_amount_in_range",
            ),
            models.UniqueConstraint(
                fields=("creator", "reference_id"), name="payout_reference_once_per_creator"
            ),
            # By whatever door: a session is paid once to one recipient (compliance.md, "Monthly distribution").
            models.UniqueConstraint(
                fields=("session_id", "recipient_address"),
                name="payout_session_paid_once",
                condition=Q(session_id__isnull=False) & ~Q(status__in=("failed", "cancelled", "rejected")),
            ),
            models.CheckConstraint(
                condition=Q(failure_code__isnull=False) | ~Q(status__in=("failed", "rejected")),
                name="payout_failure_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=("priority", "due_at", "id"), name="payout_due", condition=Q(status="scheduled")
            ),
            models.Index(fields=("status", "id"), name="payout_by_status"),
            models.Index(fields=("creator", "-id"), name="payout_by_creator"),
            models.Index(fields=("recipient_address", "-id"), name="payout_by_recipient"),
            models.Index(fields=("created_at", "id"), name="payout_by_creation"),
            models.Index(
                fields=("node_id", "-id"), name="payout_by_node", condition=Q(node_id__isnull=False)
            ),
            models.Index(
                fields=("approval", "id"), name="payout_by_approval", condition=Q(approval__isnull=False)
            ),
            models.Index(
                fields=("slot", "status"),
                include=("amount", "hold_reason"),
                name="payout_by_slot",
                condition=Q(slot__isnull=False),
            ),
            # Addresses that were paid, by the ends that people look at.
            models.Index(
                Left("recipient_address", ENDS),
                Right("recipient_address", ENDS),
                "recipient_address",
                name="payout_paid_by_ends",
                condition=Q(status="confirmed"),
            ),
        ]

    def __str__(self) -> str:
        return self.payout_id

    @property
    def public_status(self) -> str:
        return PUBLIC_STATUS[self.status]


class PayoutTransition(models.Model):
    """One step of a payout's timeline; never changed."""

    append_only: ClassVar[bool] = True

    payout = models.ForeignKey(Payout, models.PROTECT, related_name="transitions")
    attempt = models.ForeignKey("payouts.Attempt", models.PROTECT, null=True, related_name="transitions")
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20)
    hold_reason = models.CharField(max_length=20, null=True)  # noqa: DJ001
    actor_label = models.CharField(max_length=200)
    detail = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} to {self.to_status}"
