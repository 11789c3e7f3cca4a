"""A sweep: all that one treasury key holds, sent to the destination that was fixed for the key, in as many
transfers as it takes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.ledger import Currency


class SweepState(models.TextChoices):
    OPEN = "open", "Under way"
    DONE = "done", "Done"


class SweepCause(models.TextChoices):
    SWEEP = "sweep", "Asked for"
    ROTATION = "rotation", "Another key pays from now on"
    COMPROMISE = "compromise", "The key may be known to others"
    JOURNAL = "journal", "Found again in the signer's journal"


class Sweep(models.Model):
    """One act, begun by people and ended by the watcher when the key holds nothing any more."""

    address = models.CharField(max_length=34, help_text="the key's own")
    # What the command read in the signer's file. The signer obeys that file, whatever stands here.
    destination = models.CharField(max_length=34)
    cause = models.CharField(max_length=10, choices=SweepCause)
    with_trx = models.BooleanField(help_text="the TRX too, once nothing more is to be paid with them")
    state = models.CharField(max_length=4, choices=SweepState, default=SweepState.OPEN)
    detail = models.CharField(max_length=300, blank=True, help_text="what it waits for")
    begun_by = models.CharField(max_length=320, help_text="who, in words")
    reason = models.CharField(max_length=500)
    begun_at = models.DateTimeField(db_default=LucidNow())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("address",), name="sweep_one_open_per_key", condition=Q(state="open")
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | Q(state="done", ended_at__isnull=False),
                name="sweep_ended_when_done",
            ),
        ]

    def __str__(self) -> str:
        return f"sweep {self.pk}"


class TransferState(models.TextChoices):
    PREPARED = "prepared"
    SIGNED = "signed"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"
    DEAD = "dead"


# May still land. One that is prepared, too: its signature may stand in the journal alone.
LIVE = (TransferState.PREPARED, TransferState.SIGNED, TransferState.SENT)
LANDED = (TransferState.SUCCEEDED, TransferState.REVERTED)


class SweepTransfer(models.Model):
    """One transaction of a sweep, its bytes fixed before anybody signs them."""

    sweep = models.ForeignKey(Sweep, models.PROTECT, related_name="transfers")
    currency = models.CharField(max_length=4, choices=Currency)
    state = models.CharField(max_length=10, choices=TransferState, default=TransferState.PREPARED)

    # Fixed when it is prepared (a trigger refuses any change).
    txid = models.CharField(max_length=64, unique=True)
    raw_data = models.BinaryField()
    amount = models.BigIntegerField(help_text="base units of USDT, or sun")
    expiration_ms = models.BigIntegerField(help_text="chain time, ms")
    created_at = models.DateTimeField(db_default=LucidNow())

    # Set once by the signer.
    signed_transaction = models.BinaryField(null=True)
    signed_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=300, blank=True, help_text="why the signer didn't sign it")

    next_send_at = models.DateTimeField(null=True)
    sends = models.IntegerField(default=0)
    answers = models.JSONField(default=dict, help_text="each node's last answer to the bytes")

    block_number = models.BigIntegerField(null=True)
    block_id = models.CharField(max_length=64, blank=True)
    result = models.CharField(max_length=30, blank=True)
    fee = models.BigIntegerField(null=True, help_text="sun, as charged")
    absence = models.JSONField(
        null=True, help_text="each operator's first valid absence after the expiration"
    )
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_transaction__isnull=False) | ~Q(state__in=("signed", "sent")),
                name="sweep_transfer_past_signing_has_bytes",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="sweep_transfer_amount_positive"),
        ]
        indexes = [
            models.Index(
                fields=("sweep", "id"),
                name="sweep_transfer_live",
                condition=Q(state__in=("prepared", "signed", "sent")),
            ),
        ]

    def __str__(self) -> str:
        return f"transfer {self.pk} of {self.sweep}"
