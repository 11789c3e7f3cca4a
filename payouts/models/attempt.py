"""An attempt: one transaction that could pay a payout, its bytes fixed before anybody signs them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.ledger import LedgerTransfer
from payouts.models.payout import Payout


class AttemptState(models.TextChoices):
    PREPARED = "prepared"
    WITHDRAWN = "withdrawn"
    SIGNED = "signed"
    SENT = "sent"
    INCLUDED = "included"
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"
    DEAD = "dead"


# A payout may get a new attempt only when every earlier one is in one of these.
OVER_WITHOUT_PAYING = (AttemptState.WITHDRAWN, AttemptState.REVERTED, AttemptState.DEAD)
# Signed and not yet judged by a solid block: may still land.
UNRESOLVED = (AttemptState.SIGNED, AttemptState.SENT, AttemptState.INCLUDED)
# Money reserved and not yet seen in a block: what the in-flight cap counts.
IN_FLIGHT = (AttemptState.PREPARED, AttemptState.SIGNED, AttemptState.SENT)


class Attempt(models.Model):
    payout = models.ForeignKey(Payout, models.PROTECT, related_name="attempts")
    number = models.SmallIntegerField(help_text="1, 2, … within the payout")
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.PREPARED)

    # The intent, fixed when the attempt is prepared (a trigger refuses any change).
    txid = models.CharField(max_length=64, unique=True)
    raw_data = models.BinaryField()
    owner_address = models.CharField(max_length=34)
    contract_address = models.CharField(max_length=34)
    recipient_address = models.CharField(max_length=34)
    amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT)")
    fee_limit = models.BigIntegerField(help_text="sun")
    expiration_ms = models.BigIntegerField(unique=True, help_text="chain time, ms")
    reference_block = models.BigIntegerField(help_text="number of the solid block the bytes refer to")
    predicted_energy = models.BigIntegerField()
    predicted_fee = models.BigIntegerField(help_text="sun")
    blacklist_clear_at = models.DateTimeField(
        help_text="isBlackListed of recipient and treasury answered no since"
    )
    blacklist_clear_block = models.BigIntegerField(help_text="the head block seen before they were asked")
    reservation = models.OneToOneField(LedgerTransfer, models.PROTECT, related_name="attempt_reserved")
    windows = models.JSONField(help_text="ids of the limit windows the amount is reserved in")
    created_at = models.DateTimeField(db_default=LucidNow())

    # Set once by the signer.
    signed_transaction = models.BinaryField(null=True)
    signed_at = models.DateTimeField(null=True)
    list_versions = models.JSONField(null=True, help_text="sanctions lists that the signer looked at")

    # Broadcast.
    first_sent_at = models.DateTimeField(null=True)
    next_send_at = models.DateTimeField(null=True)
    sends = models.IntegerField(default=0)

    # What the chain says: of the head's view until solid.
    block_number = models.BigIntegerField(null=True)
    block_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    block_timestamp = models.DateTimeField(null=True)
    result = models.CharField(max_length=30, null=True)  # noqa: DJ001
    fee = models.BigIntegerField(null=True, help_text="sun, as charged")
    energy_used = models.BigIntegerField(null=True)
    bandwidth_used = models.BigIntegerField(null=True)
    first_included_at = models.DateTimeField(null=True, help_text="when we first saw it in a block")
    absence = models.JSONField(
        null=True, help_text="each operator's first valid absence after the expiration"
    )
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("payout", "number"), name="attempt_number_once"),
            # The heart of "exactly once": nothing new beside a live attempt, and nothing ever after success.
            models.UniqueConstraint(
                fields=("payout",),
                name="attempt_one_live_per_payout",
                condition=~Q(state__in=("withdrawn", "reverted", "dead")),
            ),
            models.CheckConstraint(
                condition=Q(signed_transaction__isnull=False) | Q(state__in=("prepared", "withdrawn")),
                name="attempt_past_signing_has_bytes",
            ),
        ]
        indexes = [
            models.Index(
                fields=("state", "id"),
                name="attempt_open",
                condition=Q(state__in=("prepared", "signed", "sent", "included")),
            ),
            models.Index(
                fields=("block_number",), name="attempt_by_block", condition=Q(block_number__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payout} attempt {self.number}"


class NodeAnswer(models.Model):
    """What a node said to a broadcast; kept for the human who must look, judged by nobody."""

    append_only: ClassVar[bool] = True
    # Old ones of attempts that are over may go; the trigger holds the others.
    is_forgotten: ClassVar[bool] = True

    attempt = models.ForeignKey(Attempt, models.PROTECT, related_name="answers")
    node = models.CharField(max_length=50)
    outcome = models.CharField(max_length=20)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.node}: {self.code or self.outcome}"
