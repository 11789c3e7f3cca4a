"""The error breaker of each router, its history, and the kill switches."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow
from routers.models.policy import GLOBAL


class BreakerState(models.TextChoices):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class TripCause(models.TextChoices):
    """Why a breaker opened. Only the first four end by themselves."""

    ERROR_RATE = "error_rate"
    CONSECUTIVE = "consecutive_failures"
    UNKNOWN = "unknown_attempts"
    PROBE = "failed_probe"
    BY_HAND = "opened_by_hand"
    COMPLIANCE = "compliance"
    RECONCILIATION = "reconciliation"
    KEY = "key"
    KILL_SWITCH = "kill_switch"


class Breaker(models.Model):
    """One row a router."""

    scope = models.CharField(max_length=20, unique=True)
    state = models.CharField(max_length=10, choices=BreakerState, default=BreakerState.CLOSED)
    cause = models.CharField(max_length=25, choices=TripCause, blank=True)
    detail = models.CharField(max_length=300, blank=True, help_text="why it isn't closed, for people")
    version = models.PositiveIntegerField(default=1, db_default=1, help_text="counts its changes")
    changed_at = models.DateTimeField(db_default=LucidNow())
    closed_at = models.DateTimeField(null=True, help_text="attempts that ended until then don't count")
    opened_at = models.DateTimeField(null=True)
    cool_down_until = models.DateTimeField(null=True, help_text="then half-open; NULL: people close it")
    trips = models.SmallIntegerField(default=0, help_text="on the day of `trips_on`")
    trips_on = models.DateField(null=True)

    class Meta:
        ordering = ("scope",)

    def __str__(self) -> str:
        return f"{self.scope} {self.state}"


class BreakerEvent(models.Model):
    """One change of a breaker's state; never changed."""

    append_only: ClassVar[bool] = True

    scope = models.CharField(max_length=20)
    from_state = models.CharField(max_length=10, choices=BreakerState)
    to_state = models.CharField(max_length=10, choices=BreakerState)
    cause = models.CharField(max_length=25, blank=True)
    detail = models.CharField(max_length=300)
    sample = models.JSONField(default=list, help_text="the attempts that tripped it, oldest first")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(max_length=200)
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second_label = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            # People may open alone; whatever a person loosens needs a second one.
            models.CheckConstraint(
                condition=Q(actor__isnull=True)
                | Q(to_state="open")
                | Q(second__isnull=False) & ~Q(second=F("actor")),
                name="breaker_loosened_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.to_state}"


class KillSwitch(models.Model):
    """One row for everything (id 1) and one a router. While it is `pulled`, nothing of its scope is signed or sent."""

    scope = models.CharField(max_length=20, unique=True, default=GLOBAL)
    pulled = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    second = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_label = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1, db_default=1, help_text="counts its changes")
    changed_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(pulled=True)
                | Q(actor__isnull=True)
                | Q(second__isnull=False) & ~Q(second=F("actor")),
                name="killswitch_released_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {'pulled' if self.pulled else 'not pulled'}"
