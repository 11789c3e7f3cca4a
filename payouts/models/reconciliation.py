"""Reconciliation: each comparison of the chain with the books, and each difference that it found."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow
from payouts.models.ledger import Currency, LedgerTransfer


class RunState(models.TextChoices):
    QUEUED = "queued", "Waiting to start"
    RUNNING = "running", "Running"
    CLEAN = "clean", "Chain and books agree"
    DIFFERENCES = "differences", "Differences found"
    INCONCLUSIVE = "inconclusive", "Inconclusive"


OPEN_RUN = (RunState.QUEUED, RunState.RUNNING)
CONCLUSIVE = (RunState.CLEAN, RunState.DIFFERENCES)


class RunTrigger(models.TextChoices):
    HOURLY = "hourly", "Hourly"
    ADMIN = "admin", "Back office"
    COMMAND = "command", "Command line"
    RETRY = "retry", "Tried again"


class ReconciliationRun(models.Model):
    """One comparison. How far it has come stands in its row, so that a killed one goes on from there.

    Without a range it checks each ledger row since the last one, and the balances at the newest final block;
    with one it reads every block of it.
    """

    state = models.CharField(max_length=12, choices=RunState, default=RunState.QUEUED)
    trigger = models.CharField(max_length=8, choices=RunTrigger)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(max_length=200)
    tries = models.SmallIntegerField(default=1, help_text="which try of the same question this is")

    ranged = models.BooleanField(default=False, help_text="a range was asked for: its blocks are all read")
    from_time = models.DateTimeField(
        null=True, help_text="first moment of the range, where it was asked by time"
    )
    to_time = models.DateTimeField(null=True, help_text="its end, not included; none: the newest final block")
    from_block = models.BigIntegerField(null=True, help_text="first block to be read")
    to_block = models.BigIntegerField(
        null=True, help_text="last block to be read; in the end the balances' block"
    )
    to_block_id = models.CharField(max_length=64, blank=True)

    rows_from = models.BigIntegerField(null=True, help_text="ledger rows after this id are checked")
    rows_to = models.BigIntegerField(null=True, help_text="and up to this one")
    rows_checked_to = models.BigIntegerField(null=True)
    blocks_checked_to = models.BigIntegerField(null=True)
    searched = models.BooleanField(default=False, help_text="blocks were read because the balances differed")

    chain_usdt = models.BigIntegerField(null=True, help_text="base units, at the last block")
    books_usdt = models.BigIntegerField(
        null=True, help_text="base units that the books and cases say it holds"
    )
    chain_trx = models.BigIntegerField(null=True, help_text="sun, at the last block")
    books_trx = models.BigIntegerField(null=True, help_text="sun that the books and cases say it holds")
    booked_usdt = models.BigIntegerField(
        default=0, help_text="base units found on chain and booked as deposits"
    )
    booked_trx = models.BigIntegerField(default=0, help_text="sun, likewise")
    transactions_checked = models.IntegerField(default=0)
    blocks_read = models.IntegerField(default=0)
    zero_value_logs = models.IntegerField(default=0, help_text="transfers of nothing, which anybody can make")
    node_calls = models.IntegerField(default=0)
    detail = models.CharField(max_length=500, blank=True)

    asked_at = models.DateTimeField(db_default=LucidNow())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("state",), name="reconciliation_one_running", condition=Q(state="running")
            ),
        ]
        indexes = [models.Index(fields=("state", "id"), name="reconciliation_run_by_state")]

    def __str__(self) -> str:
        return f"Reconciliation {self.pk}"


class CaseKind(models.TextChoices):
    UNKNOWN_OUTGOING = "unknown_outgoing", "Left the treasury, not in the books"
    FOREIGN_TRANSACTION = "foreign_transaction", "The treasury's transaction, not ours"
    MISSING_ON_CHAIN = "missing_on_chain", "In the books, not on the chain"
    AMOUNT_DIFFERS = "amount_differs", "Amount differs"
    RECIPIENT_DIFFERS = "recipient_differs", "Recipient differs"
    FEE_DIFFERS = "fee_differs", "Fee differs"
    BALANCE_DIFFERS = "balance_differs", "Balance differs"


class CaseState(models.TextChoices):
    OPEN = "open", "Open"
    EXPLAINED = "explained", "Explained"


class ReconciliationCase(models.Model):
    """A difference that two providers confirmed, both sides as they were then. Amounts in base units and sun.

    `chain_…` is what left the treasury by this transaction as the chain shows it; what the books say of it is
    read from the ledger. A balance's case has no transaction: its difference stands in `difference`.
    """

    run = models.ForeignKey(ReconciliationRun, models.PROTECT, related_name="cases")
    kind = models.CharField(max_length=20, choices=CaseKind)
    state = models.CharField(max_length=9, choices=CaseState, default=CaseState.OPEN)
    txid = models.CharField(max_length=64, blank=True)
    block_number = models.BigIntegerField(null=True)
    block_id = models.CharField(max_length=64, blank=True)
    block_time = models.DateTimeField(null=True)
    chain_usdt = models.BigIntegerField(default=0, help_text="base units out of the treasury")
    chain_trx = models.BigIntegerField(default=0, help_text="sun out of the treasury, the fee included")
    currency = models.CharField(max_length=4, choices=Currency)
    difference = models.BigIntegerField(help_text="chain less books, as the treasury's holdings show it")
    chain = models.JSONField(default=dict, help_text="the chain's side as found")
    books = models.JSONField(default=dict, help_text="the books' side as found")
    opened_at = models.DateTimeField(db_default=LucidNow())

    explanation = models.CharField(max_length=500, blank=True)
    closed_by_label = models.CharField(max_length=200, blank=True)
    confirmed_by_label = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True)
    booking = models.ForeignKey(
        LedgerTransfer, models.PROTECT, null=True, related_name="+", help_text="made to set the books right"
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("kind", "txid"), name="case_once_per_transaction", condition=~Q(txid="")
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | Q(state="explained", closed_at__isnull=False),
                name="case_closed_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=("state", "id"), name="reconciliation_case_by_state"),
        ]

    def __str__(self) -> str:
        return f"Case {self.pk}"
