"""Acts that wait for a second person, and the tokens of acts that were done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow

# An act that nobody confirms within this time is over.
LASTS: Final = timedelta(hours=1)


class ActState(models.TextChoices):
    ASKED = "asked", "Waiting"
    CONFIRMED = "confirmed", "Confirmed"
    REFUSED = "refused", "Refused"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


class TwoPersonAct(models.Model):
    """What one person asked for and another must confirm; who asked never confirms, by constraint too.

    `version` is a fingerprint of what the asker saw: an act whose subject changed since can't be confirmed.
    """

    kind = models.CharField(max_length=60)
    # The subject's key and name as the kind gives them; a row that doesn't exist yet is named by what is asked.
    subject_key = models.CharField(max_length=200)
    subject_label = models.CharField(max_length=200)
    facts = models.JSONField()
    data = models.JSONField(default=dict)
    version = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ActState.choices, default=ActState.ASKED)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    refused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answer = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("asked_by")),
                name="act_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(state=ActState.CONFIRMED, confirmed_by__isnull=False)
                | (~Q(state=ActState.CONFIRMED) & Q(confirmed_by__isnull=True)),
                name="act_confirmed_by_somebody",
            ),
            models.CheckConstraint(condition=Q(state__in=ActState.values), name="act_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=ActState.ASKED, answered_at__isnull=True)
                | (~Q(state=ActState.ASKED) & Q(answered_at__isnull=False)),
                name="act_answered_once",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject_key"], condition=Q(state=ActState.ASKED), name="act_asked_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_label}"

    def is_over(self, now: datetime) -> bool:
        return self.state != ActState.ASKED or self.expires_at <= now


class SpentToken(models.Model):
    """The token of a form that did its act: the same POST again does nothing."""

    token = models.CharField(max_length=64, primary_key=True)
    # The machine's clock, as sessions have it.
    spent_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"spent at {self.spent_at:%Y-%m-%d %H:%M}"
