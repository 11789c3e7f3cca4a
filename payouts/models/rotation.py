"""From one treasury key to the next: which address pays, and which paid before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow
from payouts.models.sweep import Sweep


class TreasuryRotation(models.Model):
    """From this row on the new address pays. The old one is watched, and counted, for ever."""

    append_only: ClassVar[bool] = True

    old_address = models.CharField(max_length=34)
    new_address = models.CharField(max_length=34)
    sweep = models.ForeignKey(Sweep, models.PROTECT, related_name="rotations")
    begun_by = models.CharField(max_length=320, help_text="both, in words")
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(old_address=F("new_address")), name="rotation_to_another_key"
            ),
            # A key that was left is never come back to.
            models.UniqueConstraint(fields=("old_address",), name="rotation_leaves_a_key_once"),
            models.UniqueConstraint(fields=("new_address",), name="rotation_comes_to_a_key_once"),
        ]

    def __str__(self) -> str:
        return f"rotation {self.pk}"
