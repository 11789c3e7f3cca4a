"""What one administrator asked for and a second one must confirm."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow


class AskState(models.TextChoices):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Ask(models.Model):
    """An act that waits for its second person; void after `expires_at`, whatever `state` says."""

    kind = models.CharField(max_length=30)
    subject = models.CharField(max_length=120, help_text="scope or window that the act is about")
    proposal = models.JSONField(default=dict)
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_by_label = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_default=LucidNow())
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=AskState, default=AskState.WAITING)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    answered_by_label = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="confirmed")
                | Q(answered_by__isnull=False) & ~Q(answered_by=F("asked_by")),
                name="ask_confirmed_by_a_second_person",
            ),
        ]
        indexes = [models.Index(fields=("expires_at",), name="ask_waiting", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
