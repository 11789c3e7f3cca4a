"""Double entry in base units (USDT) and sun (TRX). A transfer is pending, then posted or voided, each once."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow


class Currency(models.TextChoices):
    USDT = "USDT"
    TRX = "TRX"


class LedgerAccount(models.Model):
    """An account with its running totals; they are sums of its transfers, kept in the same transaction."""

    name = models.CharField(max_length=40, unique=True)
    currency = models.CharField(max_length=4, choices=Currency)
    debits_posted = models.BigIntegerField(default=0)
    credits_posted = models.BigIntegerField(default=0)
    debits_pending = models.BigIntegerField(default=0)
    credits_pending = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    debits_posted__gte=0, credits_posted__gte=0, debits_pending__gte=0, credits_pending__gte=0
                ),
                name="ledger_totals_not_negative",
            ),
            # The treasury can't pay what it doesn't have.
            models.CheckConstraint(
                condition=~Q(name="treasury")
                | Q(debits_posted__gte=F("credits_posted") + F("credits_pending")),
                name="ledger_treasury_not_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TransferKind(models.TextChoices):
    PENDING = "pending"
    POST = "post"
    VOID = "void"
    DIRECT = "direct"


class LedgerTransfer(models.Model):
    append_only: ClassVar[bool] = True

    kind = models.CharField(max_length=7, choices=TransferKind)
    # Indexed below together with the number: an account's latest rows are found among millions.
    debit = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+", db_index=False)
    credit = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField(help_text="base units of USDT or sun")
    # Unique: a pending transfer is posted or voided once, whoever tries twice.
    pending = models.OneToOneField("self", models.PROTECT, null=True, related_name="outcome")
    payout = models.ForeignKey("payouts.Payout", models.PROTECT, null=True, related_name="ledger_transfers")
    txid = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(fields=("txid",), name="ledger_by_txid", condition=~Q(txid="")),
            models.Index(fields=("debit", "-id"), name="ledger_by_debit"),
            models.Index(fields=("credit", "-id"), name="ledger_by_credit"),
            # Rows come in the order of time: a day of millions is found by a few pages of this.
            BrinIndex(fields=("at",), name="ledger_by_time"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_two_accounts"),
            models.CheckConstraint(
                condition=Q(kind__in=("post", "void"), pending__isnull=False)
                | Q(kind__in=("pending", "direct"), pending__isnull=True),
                name="ledger_outcome_names_its_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.debit_id}/{self.credit_id}"
