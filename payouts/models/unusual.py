"""Amounts that stand out from what their creator asked for before."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class LargestOfDay(models.Model):
    """The largest payout that a user created on a day (UTC), in base units: thirty rows tell what is usual."""

    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    day = models.DateField()
    amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT)")

    class Meta:
        verbose_name_plural = "largest of days"
        constraints = [models.UniqueConstraint(fields=("creator", "day"), name="largest_once_a_day")]

    def __str__(self) -> str:
        return f"{self.creator} {self.day}"


class UnusualAmount(models.Model):
    """A payout far above what its creator had asked for in the thirty days before."""

    payout = models.OneToOneField("payouts.Payout", models.PROTECT, primary_key=True, related_name="+")
    before = models.BigIntegerField(help_text="base units of the largest one before it")
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.payout)
