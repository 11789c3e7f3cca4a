"""Break-glass: what one administrator let through alone in one hour, and what a second one says of it afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow
from routers.models.windows import LimitWindow

DAY: Final = timedelta(days=1)


class Verdict(models.TextChoices):
    JUSTIFIED = "justified", "Justified"
    NOT_JUSTIFIED = "not_justified", "Not justified"


class BreakGlass(models.Model):
    """One use. Its facts never change, it is reviewed once, and none stands within 24 hours of another."""

    window = models.ForeignKey(LimitWindow, models.PROTECT, related_name="broken")
    amount = models.BigIntegerField(help_text="base units on top of the window's cap")
    reason = models.CharField(max_length=300)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    actor_label = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=LucidNow())
    ends_at = models.DateTimeField(help_text="when its window ends, and what it let through with it")
    again_at = models.DateTimeField(help_text="not used again before")
    verdict = models.CharField(max_length=13, choices=Verdict, blank=True)
    note = models.CharField(max_length=500, blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reviewer_label = models.CharField(max_length=200, blank=True)
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="break_glass_positive"),
            models.CheckConstraint(
                condition=Q(reviewer__isnull=True) | ~Q(reviewer=F("actor")),
                name="break_glass_reviewed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(reviewer__isnull=True, reviewed_at__isnull=True, verdict="")
                | Q(reviewer__isnull=False, reviewed_at__isnull=False, verdict__in=Verdict.values),
                name="break_glass_reviewed_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.window} by {self.actor_label}"

    @property
    def review_due(self) -> datetime:
        """The end of the next day, UTC."""
        midnight = self.ends_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + 2 * DAY if self.ends_at > midnight else midnight + DAY
