"""Cases: what no rule can end, so that two people must, and the searches of the chain that they decide by."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.attempt import Attempt
from payouts.models.payout import Payout


class CaseKind(models.TextChoices):
    UNRESOLVED = "unresolved", "Not resolved in time"
    PAID_DIFFERENTLY = "paid_differently", "Paid differently from what was asked"
    UNKNOWN_TRANSFER = "unknown_transfer", "Left the treasury and isn't ours"


class CaseEnd(models.TextChoices):
    BY_ITSELF = "by_itself", "Resolved by itself"
    PAID = "paid", "It was paid"
    REVERTED = "reverted", "It failed in its block"
    NEVER = "never", "It can never land"
    BOOKED = "booked", "Booked as it moved"
    NOTHING = "nothing", "Nothing was missing"


class ManualCase(models.Model):
    """Something that waits for people. Opened by the watcher, closed by an act of two or by its own end."""

    kind = models.CharField(max_length=20, choices=CaseKind)
    payout = models.ForeignKey(Payout, models.PROTECT, null=True, related_name="cases")
    attempt = models.ForeignKey(Attempt, models.PROTECT, null=True, related_name="cases")
    txid = models.CharField(max_length=64, blank=True, help_text="empty while only the balance tells")
    amount = models.BigIntegerField(help_text="base units: asked for, or missing")
    sentence = models.CharField(max_length=500, help_text="why a person is needed")
    first_block = models.BigIntegerField(help_text="where a search of the chain begins")
    last_block = models.BigIntegerField(
        null=True, help_text="where it ends; none: the first block past the expiration"
    )
    opened_at = models.DateTimeField(db_default=LucidNow())
    closed_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=10, choices=CaseEnd, null=True)  # noqa: DJ001
    closed_by = models.CharField(max_length=320, blank=True, help_text="who, in words")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("kind", "attempt"),
                name="case_once_per_attempt",
                condition=Q(attempt__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("txid",),
                name="case_once_per_unknown_transfer",
                condition=Q(kind="unknown_transfer") & ~Q(txid=""),
            ),
            models.UniqueConstraint(
                fields=("kind",),
                name="case_one_open_of_the_balance",
                condition=Q(kind="unknown_transfer", txid="", closed_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, end__isnull=True)
                | Q(closed_at__isnull=False, end__isnull=False),
                name="case_closed_with_its_end",
            ),
        ]
        indexes = [
            models.Index(fields=("id",), name="case_open", condition=Q(closed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}"


class ChainSearch(models.Model):
    """One search of the chain that was asked for: which blocks, at which nodes, by whom. Done by a worker."""

    append_only: ClassVar[bool] = True

    case = models.ForeignKey(ManualCase, models.PROTECT, related_name="searches")
    first_block = models.BigIntegerField()
    last_block = models.BigIntegerField(null=True)
    nodes = models.JSONField(help_text="names of the nodes whose blocks are read")
    elsewhere = models.CharField(
        max_length=500, blank=True, help_text="what people found in sources of their own"
    )
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"search {self.pk} of {self.case}"


class Conclusion(models.TextChoices):
    """What a search shows, by our own rules."""

    PAID = "paid", "Paid"
    PAID_DIFFERENTLY = "paid_differently", "Paid differently"
    REVERTED = "reverted", "Failed in its block"
    NEVER = "never", "Can never land"
    MAY_LAND = "may_land", "May still land"
    CONTRADICTION = "contradiction", "Nodes contradict one another"
    UNANSWERED = "unanswered", "Too few nodes answered"
    UNKNOWN_FOUND = "unknown_found", "Unknown transfers found"
    NOTHING_FOUND = "nothing_found", "No unknown transfer found"


class Evidence(models.Model):
    """What a search showed, never changed: each node's words, and what follows from them."""

    append_only: ClassVar[bool] = True

    search = models.OneToOneField(ChainSearch, models.PROTECT, related_name="evidence")
    conclusion = models.CharField(max_length=20, choices=Conclusion)
    sentence = models.CharField(max_length=500)
    told = models.JSONField(help_text="each node's words")
    facts = models.JSONField(help_text="what the nodes agree on, and acts are done by")
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"evidence {self.pk}"


class UnknownTransfer(models.Model):
    """A transaction that moved value out of the treasury, wasn't ours, and was booked by two people."""

    append_only: ClassVar[bool] = True

    txid = models.CharField(max_length=64, unique=True)
    case = models.ForeignKey(ManualCase, models.PROTECT, related_name="booked")
    evidence = models.ForeignKey(Evidence, models.PROTECT, related_name="+")
    block_number = models.BigIntegerField()
    amount = models.BigIntegerField(help_text="base units of USDT that left the treasury")
    trx = models.BigIntegerField(help_text="sun that left it beside the fee")
    fee = models.BigIntegerField(help_text="sun")
    account = models.CharField(max_length=40, help_text="what it was booked to")
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.txid
