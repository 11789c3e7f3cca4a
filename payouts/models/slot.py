"""A slot's batch: the payouts that were accepted for one moment of the schedule, and go when it comes.

Not to be taken for `PayoutBatch`, which is what one request asked for: payouts of one request share a slot, and those
of many requests gather in it.
"""

from __future__ import annotations

from datetime import UTC

from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.payout import BatchType


class SlotState(models.TextChoices):
    GATHERING = "gathering", "Gathering"
    RELEASING = "releasing", "Releasing"
    PAUSED = "paused", "Paused"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class PayoutSlot(models.Model):
    batch_type = models.CharField(max_length=10, choices=BatchType)
    due_at = models.DateTimeField(help_text="nothing of it is released before")
    state = models.CharField(max_length=10, choices=SlotState, default=SlotState.GATHERING)
    created_at = models.DateTimeField(db_default=LucidNow())
    opened_at = models.DateTimeField(
        null=True, help_text="when its release began; later than due after a standstill"
    )
    stopped_at = models.DateTimeField(null=True, help_text="when a person last paused or cancelled it")
    stopped_by = models.CharField(max_length=200, blank=True)
    stopped_because = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True, help_text="when the last of its payouts had ended")
    # Written once, at its end; until then they are counted (`payouts.slots.totals`).
    total_payouts = models.IntegerField(null=True)
    total_amount = models.BigIntegerField(null=True, help_text="base units (10⁻⁶ USDT)")
    confirmed_payouts = models.IntegerField(null=True)
    confirmed_amount = models.BigIntegerField(null=True, help_text="base units (10⁻⁶ USDT)")
    failed_payouts = models.IntegerField(null=True)
    cancelled_payouts = models.IntegerField(null=True)
    version = models.IntegerField(default=1, help_text="grows with every change of state")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("batch_type", "due_at"), name="slot_once"),
            models.CheckConstraint(condition=~Q(batch_type="IMMEDIATE"), name="slot_has_a_time"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(state__in=("done", "cancelled")),
                name="slot_ended_is_over",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=False) | ~Q(state="done"), name="slot_done_has_ended"
            ),
        ]
        indexes = [
            models.Index(fields=("due_at", "id"), name="slot_open", condition=Q(ended_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.batch_type} {self.due_at.astimezone(UTC):%Y-%m-%d %H:%M}"
