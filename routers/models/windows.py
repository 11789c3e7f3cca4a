"""Limit windows, and what two people let through on top of one."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow


class WindowScope(models.TextChoices):
    """In the order in which windows of one period are locked."""

    GLOBAL = "global"
    ROUTER = "router"
    RECIPIENT = "recipient"
    CREATOR = "creator"
    SUBJECT = "subject"


class WindowPeriod(models.TextChoices):
    """In the order in which windows are locked."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


class LimitWindow(models.Model):
    """What one scope has reserved and paid in one period (UTC). A new window starts at nothing by itself."""

    scope = models.CharField(max_length=10, choices=WindowScope)
    key = models.CharField(
        max_length=64,
        blank=True,
        help_text="router; router and address; creator's id; node's id; empty for global",
    )
    period = models.CharField(max_length=5, choices=WindowPeriod)
    starts_at = models.DateTimeField()
    cap = models.BigIntegerField(help_text="base units; the cap at the latest reservation")
    waived = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    posted = models.BigIntegerField(default=0)
    reached_at = models.DateTimeField(null=True, help_text="when it first had no room for a payout")

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

    @property
    def used(self) -> int:
        """Base units reserved and paid."""
        return self.reserved + self.posted

    @property
    def free(self) -> int:
        """Base units left; a cap lowered below what is used leaves nothing."""
        return max(0, self.cap + self.waived - self.used)


class LimitWaiver(models.Model):
    """An amount that two people let through on top of one window's cap; ends with the window, never changed."""

    append_only: ClassVar[bool] = True

    window = models.ForeignKey(LimitWindow, models.PROTECT, related_name="waivers")
    amount = models.BigIntegerField(help_text="base units")
    reason = models.CharField(max_length=300)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    actor_label = models.CharField(max_length=200)
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    second_label = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="limit_waiver_positive"),
            models.CheckConstraint(condition=~Q(actor=F("second")), name="limit_waiver_by_two"),
        ]

    def __str__(self) -> str:
        return f"{self.window} by {self.actor_label}"
