"""Payouts that were asked for in one request. It is accepted whole; each payout then goes and ends by itself."""

from __future__ import annotations

import secrets
import string

from django.conf import settings
from django.db import models

from lucid_payments.clock import LucidNow
from payouts.models.payout import BatchType, Priority
from routers.choices import RouterType

_ALPHABET = string.ascii_letters + string.digits


def new_batch_id() -> str:
    """An id nobody can guess: 131 bits."""
    return "batch_" + "".join(secrets.choice(_ALPHABET) for _ in range(22))


class PayoutBatch(models.Model):
    batch_id = models.CharField(max_length=40, unique=True, default=new_batch_id, editable=False)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    router_type = models.CharField(  # noqa: DJ001
        max_length=20,
        choices=RouterType,
        null=True,
        help_text="as asked for; NULL: the rule, payout by payout",
    )
    priority = models.SmallIntegerField(choices=Priority)
    batch_type = models.CharField(max_length=10, choices=BatchType)
    total_payouts = models.IntegerField()
    total_amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT)")
    request_id = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=LucidNow())
    ended_at = models.DateTimeField(null=True, help_text="when the last of its payouts ended")

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("creator", "-id"), name="batch_by_creator")]

    def __str__(self) -> str:
        return self.batch_id
