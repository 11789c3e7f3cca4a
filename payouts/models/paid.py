"""What was paid and what it cost, added up by the hour, so that nobody need count a million rows to know it."""

from __future__ import annotations

from django.db import models


class PaidHour(models.Model):
    """One hour (UTC), kept in the transactions that end payouts and book fees. Amounts in base units, fees in sun."""

    starts_at = models.DateTimeField(primary_key=True)
    confirmed = models.BigIntegerField(default=0, help_text="payouts confirmed in this hour")
    amount = models.BigIntegerField(default=0, help_text="base units that they paid")
    failed = models.BigIntegerField(default=0, help_text="payouts that failed for good in this hour")
    transactions = models.BigIntegerField(default=0, help_text="ours in solid blocks, paid or reverted")
    fee = models.BigIntegerField(default=0, help_text="sun that they burned")
    energy = models.BigIntegerField(default=0)
    bandwidth = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("starts_at",)

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"
