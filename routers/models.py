"""Limit windows and the kill switch."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow


class WindowScope(models.TextChoices):
    GLOBAL = "global"
    ROUTER = "router"


class WindowPeriod(models.TextChoices):
    HOUR = "hour"
    DAY = "day"


class LimitWindow(models.Model):
    """What one scope has reserved and paid in one hour or day (UTC). A new window starts at nothing by itself."""

    scope = models.CharField(max_length=10, choices=WindowScope)
    key = models.CharField(max_length=64, blank=True, help_text="router; empty for the global scope")
    period = models.CharField(max_length=5, choices=WindowPeriod)
    starts_at = models.DateTimeField()
    cap = models.BigIntegerField(help_text="base units; the cap at the latest reservation")
    waived = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    posted = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("scope", "key", "period", "starts_at"), name="limit_window_once"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0, posted__gte=0, waived__gte=0, cap__gte=0),
                name="limit_window_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key} {self.period} {self.starts_at:%Y-%m-%d %H:%M}"


class KillSwitch(models.Model):
    """One row (id 1). While `pulled`, nothing is signed and nothing is broadcast."""

    pulled = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(db_default=LucidNow())

    def __str__(self) -> str:
        return "pulled" if self.pulled else "not pulled"
