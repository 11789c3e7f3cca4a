"""The versions of each router's policy and of the one for all payouts together."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow

GLOBAL = "global"


class RouterPolicy(models.Model):
    """One version, in force from `created_at` until the next one of its scope; never changed.

    Amounts in base units, the fee cap in sun. NULL: this scope has no cap of that kind.
    """

    append_only: ClassVar[bool] = True

    scope = models.CharField(max_length=20, help_text="a router's name, or global")
    version = models.IntegerField(help_text="1, 2, … within the scope")
    payout_minimum = models.BigIntegerField(null=True)
    payout_maximum = models.BigIntegerField(null=True)
    hourly_limit = models.BigIntegerField()
    daily_limit = models.BigIntegerField()
    recipient_limit = models.BigIntegerField(null=True, help_text="per recipient and day")
    creator_limits = models.JSONField(
        default=dict, help_text="per creator and day, by role; no entry, no cap"
    )
    batch_types = models.JSONField(null=True, help_text="those that may be asked for")
    in_flight = models.IntegerField(help_text="payouts released and not yet seen in a block")
    fee_cap = models.BigIntegerField(null=True, help_text="sun, the highest fee limit of one transaction")

    loosens = models.BooleanField(
        default=False, help_text="lets something through that the one before didn't"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    author_label = models.CharField(max_length=200)
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second_label = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("scope", "version")
        constraints = [
            models.UniqueConstraint(fields=("scope", "version"), name="router_policy_version_once"),
            models.CheckConstraint(
                condition=Q(hourly_limit__gte=0, daily_limit__gte=0, in_flight__gte=0),
                name="router_policy_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(loosens=False)
                | Q(author__isnull=False, second__isnull=False) & ~Q(author=F("second")),
                name="router_policy_loosened_by_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} version {self.version}"
