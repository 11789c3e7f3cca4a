"""What we know of the chain and of our own processes, shared by all of them through single rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow


class ChainState(models.Model):
    """One row (id 1): the latest reading of the chain, written by the watcher, read by every gate."""

    head_number = models.BigIntegerField(default=0)
    head_time_ms = models.BigIntegerField(default=0, help_text="the lower of the providers' heads")
    solid_number = models.BigIntegerField(default=0)
    solid_id = models.CharField(max_length=64, blank=True)
    solid_time_ms = models.BigIntegerField(default=0)
    read_at = models.DateTimeField(null=True, help_text="when the heads were last read")
    operators_usable = models.SmallIntegerField(default=0)
    quarantine = models.JSONField(default=dict)
    clock_trips = models.SmallIntegerField(
        default=0, help_text="polls in a row with the clock off by over 60 s"
    )

    treasury_usdt = models.BigIntegerField(default=0, help_text="base units, at head")
    treasury_trx = models.BigIntegerField(default=0, help_text="sun, at head")
    older_usdt = models.BigIntegerField(default=0, help_text="base units of the keys before the paying one")
    older_trx = models.BigIntegerField(default=0, help_text="sun of the keys before the paying one")
    energy_left = models.BigIntegerField(default=0, help_text="staked or rented, not used up")
    staked_bandwidth_left = models.BigIntegerField(default=0)
    free_bandwidth_left = models.BigIntegerField(default=0)
    treasury_read_at = models.DateTimeField(null=True)
    treasury_block = models.BigIntegerField(default=0, help_text="head when the balances were read")
    token_refusal = models.CharField(max_length=100, blank=True, help_text="why USDT can't be sent, if so")
    token_read_at = models.DateTimeField(null=True)

    head_scanned = models.BigIntegerField(default=0)
    solid_scanned = models.BigIntegerField(default=0)
    control_txid = models.CharField(max_length=64, blank=True, help_text="of the last non-empty solid block")
    control_block = models.BigIntegerField(default=0, help_text="the last as of this solid block")

    solid_scanned_id = models.CharField(max_length=64, blank=True)
    foreign_txid = models.CharField(max_length=64, blank=True, help_text="left the treasury and isn't ours")
    foreign_block = models.BigIntegerField(default=0)
    inflow = models.BigIntegerField(
        default=0, help_text="base units above the books, seen but not yet booked"
    )
    inflow_since = models.BigIntegerField(default=0, help_text="solid height at which it was first seen")
    statement_at = models.DateTimeField(null=True, help_text="last time all outgoing value was in our ledger")
    statement_block = models.BigIntegerField(default=0, help_text="head when that was stated last")
    statement_detail = models.CharField(max_length=300, blank=True)
    short_since_round = models.PositiveBigIntegerField(
        null=True,
        help_text="the signer's round when the treasury was first seen to hold too little; NULL: enough",
    )

    def __str__(self) -> str:
        return f"head {self.head_number}, solid {self.solid_number}"


class Treasury(ChainState):
    """The same row, for the page that is about the money."""

    class Meta:
        proxy = True


class ChainBlock(models.Model):
    """Head blocks scanned lately: their parent links show a reorganisation."""

    number = models.BigIntegerField(primary_key=True)
    block_id = models.CharField(max_length=64)
    parent_id = models.CharField(max_length=64)

    def __str__(self) -> str:
        return str(self.number)


class SignerState(models.Model):
    """One row (id 1): the signer's heartbeat, and whether it may sign."""

    heartbeat_at = models.DateTimeField(null=True)
    rounds = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="how often it compared its journal with this database"
    )
    # What the signer says of its own caps. It obeys its own file, whatever stands here.
    hourly_cap = models.BigIntegerField(null=True, help_text="base units")
    daily_cap = models.BigIntegerField(null=True, help_text="base units")
    address = models.CharField(max_length=34, blank=True)
    addresses = models.JSONField(default=list, help_text="whose keys it holds, around a rotation two")
    journal_head = models.CharField(max_length=64, blank=True, help_text="the last line's digest")
    journal_txid = models.CharField(max_length=64, blank=True, help_text="the last line's transaction")
    journal_seq = models.BigIntegerField(default=0)
    journal_place = models.CharField(max_length=64, blank=True, help_text="which file, on which machine")
    locked_reason = models.CharField(max_length=300, blank=True)
    journal_lost = models.BooleanField(default=False, help_text="locked because the journal is another one")
    locked_until_ms = models.BigIntegerField(default=0, help_text="chain time the solid head must pass")

    def __str__(self) -> str:
        return self.address


class Alarm(models.Model):
    """Something a person should know; raised once, cleared when it ends."""

    kind = models.CharField(max_length=40)
    detail = models.CharField(max_length=300)
    raised_at = models.DateTimeField(db_default=LucidNow())
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("kind",), name="alarm_raised_once", condition=Q(cleared_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.kind


class OrphanState(models.TextChoices):
    OPEN = "open"
    PAID = "paid"
    HARMLESS = "harmless"


class OrphanSignature(models.Model):
    """A line of the signer's journal that the database doesn't know: signed, and then the database was restored.

    While it is open the signer is locked; a payout equal in recipient and amount to an open or paid one is held.
    """

    txid = models.CharField(max_length=64, unique=True)
    payout_label = models.CharField(max_length=40, help_text="the payout id the journal names")
    recipient_address = models.CharField(max_length=34)
    amount = models.BigIntegerField(help_text="base units (10⁻⁶ USDT)")
    expiration_ms = models.BigIntegerField()
    raw_data = models.BinaryField()
    state = models.CharField(max_length=8, choices=OrphanState, default=OrphanState.OPEN)
    absence = models.JSONField(null=True)
    found_at = models.DateTimeField(db_default=LucidNow())
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=("recipient_address", "amount"), name="orphan_by_payment")]

    def __str__(self) -> str:
        return self.txid
