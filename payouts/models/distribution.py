"""The monthly distribution: runs with what went into them, who is entitled to what, and in which chunks it is paid.

Triggers hold the same as `payouts.distribution`, whoever writes: see the migration that made these tables.
"""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow
from lucid_payments.money import BASE_UNITS_PER_USDT
from payouts.models.payout import Payout
from payouts.models.work import WorkEvent
from routers.choices import RouterType

# compliance.md: below it an amount carries over to the next month.
MINIMUM: Final = 5 * BASE_UNITS_PER_USDT
# compliance.md: so many people approve a run.
APPROVALS_NEEDED: Final = 2


class RunState(models.TextChoices):
    DRAFT = "draft", "Draft"
    FROZEN = "frozen", "Frozen"
    COMPUTED = "computed", "Computed"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    SETTLED = "settled", "Settled"
    REPORTED = "reported", "Reported"


class PoolKind(models.TextChoices):
    FIXED = "fixed", "A fixed sum"
    RATE = "rate", "A rate per credit"


class RecipientKind(models.TextChoices):
    NODE = "node", "Node"
    USER = "user", "User"


class DistributionRun(models.Model):
    """One month's run; one row a period, for ever. Amounts in base units (10⁻⁶ USDT), times UTC."""

    period = models.CharField(max_length=7, unique=True, help_text="2026-10")
    starts_at = models.DateTimeField(help_text="the cut-off before; sessions that ended from then on")
    cut_off = models.DateTimeField(help_text="sessions that ended before it")
    state = models.CharField(max_length=9, choices=RunState, default=RunState.DRAFT)

    seed = models.CharField(
        max_length=64, blank=True, help_text="id of the first solid block from the cut-off on"
    )
    seed_block = models.BigIntegerField(null=True)
    pool_kind = models.CharField(max_length=5, choices=PoolKind, blank=True)
    pool_amount = models.BigIntegerField(null=True, help_text="the fixed sum, or the rate for one credit")
    pool_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="who entered the pool",
    )
    minimum = models.BigIntegerField(default=MINIMUM, help_text="below it an amount carries over")

    # As frozen.
    seen_up_to = models.BigIntegerField(
        null=True, help_text="the last reported event that it saw; what came later is a later run's"
    )
    inputs = models.BigIntegerField(default=0, help_text="rows of work taken, corrections included")
    adjustments = models.BigIntegerField(
        default=0, help_text="of them late, or taking back what was corrected"
    )
    paid_by_themselves = models.BigIntegerField(
        default=0, help_text="rows left out, since a payout names their session"
    )
    inputs_hash = models.CharField(max_length=64, blank=True)
    recipients = models.IntegerField(default=0)
    credits = models.BigIntegerField(default=0)
    carried_in = models.BigIntegerField(default=0, help_text="what earlier runs carried or held")
    # As computed.
    computation = models.SmallIntegerField(
        default=0, help_text="1, 2, …: approvals of an earlier one count no more"
    )
    pool = models.BigIntegerField(default=0, help_text="what is shared: the sum of all shares")
    run_hash = models.CharField(max_length=64, blank=True, help_text="what approvals bind to")

    scheduled_for = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=LucidNow())
    settled_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1, help_text="grows with every change of state")

    class Meta:
        ordering = ("-period",)
        constraints = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("cut_off")), name="run_period_in_order"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=RunState.DRAFT) | ~Q(seed="") & ~Q(inputs_hash=""),
                name="run_frozen_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "frozen")) | ~Q(run_hash="") & ~Q(pool_kind=""),
                name="run_computed_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.period}"


class RunStep(models.Model):
    """Who did what to a run; never changed."""

    append_only: ClassVar[bool] = True

    run = models.ForeignKey(DistributionRun, models.PROTECT, related_name="steps")
    action = models.CharField(max_length=20)
    from_state = models.CharField(max_length=9, blank=True)
    to_state = models.CharField(max_length=9)
    actor_label = models.CharField(max_length=200)
    detail = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.action}: {self.from_state or 'new'} to {self.to_state}"


class RunInput(models.Model):
    """One reported session as a run took it; never changed.

    `sign` is 1 for work that counts, and -1 for what an earlier run counted and Core has corrected since.
    """

    append_only: ClassVar[bool] = True

    # Checked by who writes them, in one statement for a month: two million single look-ups would take longer than all
    # the rest. Neither runs nor events are ever deleted.
    run = models.ForeignKey(DistributionRun, models.PROTECT, db_constraint=False, related_name="work")
    event = models.ForeignKey(
        WorkEvent, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    sign = models.SmallIntegerField()
    kind = models.CharField(max_length=4, choices=RecipientKind)
    recipient = models.CharField(max_length=50)
    session_id = models.CharField(max_length=50)
    sessions = models.BigIntegerField()
    megabytes = models.DecimalField(max_digits=18, decimal_places=6)
    ended_at = models.DateTimeField()
    adjustment = models.BooleanField(help_text="of an earlier period")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of what stands here")

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(sign__in=(1, -1)), name="run_input_sign"),
            models.UniqueConstraint(fields=("event", "sign"), name="run_input_counts_once"),
        ]
        indexes = [models.Index(fields=("session_id",), name="run_input_by_session")]

    def __str__(self) -> str:
        return f"{self.session_id} in {self.run}"


class Outcome(models.TextChoices):
    """What the computation says of an entitlement."""

    PAY = "pay", "Paid"
    CARRY = "carry", "Carried over"
    HOLD = "hold", "Held"


class EntitlementState(models.TextChoices):
    """How an entitlement stands by now."""

    FROZEN = "frozen", "Not computed yet"
    DUE = "due", "Due"
    HELD = "held", "Held"
    PAID = "paid", "Paid"
    CARRIED = "carried", "Carried over"
    MOVED = "moved", "Moved to a later run"


class LineHold(models.TextChoices):
    """Why an entitlement isn't paid now."""

    NO_WALLET = "no_wallet", "No wallet"
    NOT_REGISTERED = "not_registered", "Not registered here, or disabled"
    NODE_INACTIVE = "node_inactive", "Node not active"
    KYC = "kyc", "Not verified"
    ATTESTATION = "attestation", "No attestation that allows it"
    REPUTATION = "reputation", "Reputation too low"
    SCREENING = "screening", "Recipient not accepted"
    ADDRESS_CHANGED = "address_changed", "Address changed since the freeze"
    TOO_SMALL = "too_small", "A chunk would be too small for its router"
    REFUSED = "refused", "Refused"
    CALLED_OFF = "called_off", "Called off or failed"


class Entitlement(models.Model):
    """What one recipient gets of one run.

    First what was frozen, which never changes; then what was computed, which stays once it is approved; then how far
    its payment has come.
    """

    run = models.ForeignKey(DistributionRun, models.PROTECT, related_name="entitlements")
    kind = models.CharField(max_length=4, choices=RecipientKind)
    recipient = models.CharField(max_length=50)
    sessions = models.BigIntegerField()
    megabytes = models.DecimalField(max_digits=24, decimal_places=6)
    credits = models.BigIntegerField()
    carried_in = models.BigIntegerField(help_text="from earlier runs")
    rank = models.IntegerField(help_text="0, 1, … in the order of the hashes; the order of payment")
    router_type = models.CharField(max_length=20, choices=RouterType)
    address = models.CharField(max_length=34, blank=True, help_text="as frozen; empty: there was none")

    share = models.BigIntegerField(default=0, help_text="of this run's pool")
    amount = models.BigIntegerField(help_text="share and what was carried in")
    outcome = models.CharField(max_length=5, choices=Outcome, blank=True)
    outcome_reason = models.CharField(max_length=16, choices=LineHold, blank=True)

    state = models.CharField(max_length=7, choices=EntitlementState, default=EntitlementState.FROZEN)
    hold_reason = models.CharField(max_length=16, choices=LineHold, blank=True)
    hold_detail = models.CharField(max_length=300, blank=True)
    pay_to = models.CharField(
        max_length=34, blank=True, help_text="the frozen address, or what two people confirmed"
    )
    committed = models.BigIntegerField(default=0, help_text="in payouts that are open or confirmed")
    paid = models.BigIntegerField(default=0, help_text="confirmed on the chain")
    next_chunk = models.IntegerField(default=1, help_text="the number of the next chunk, and so its round")
    look_again_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("run", "rank")
        constraints = [
            models.UniqueConstraint(fields=("run", "kind", "recipient"), name="entitlement_once_per_run"),
            models.UniqueConstraint(fields=("run", "rank"), name="entitlement_rank_once"),
            models.CheckConstraint(
                condition=Q(amount=F("share") + F("carried_in")), name="entitlement_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(share__gte=0, carried_in__gte=0, paid__gte=0)
                & Q(paid__lte=F("committed"))
                & Q(committed__lte=F("amount")),
                name="entitlement_never_more_than_is_due",
            ),
            models.CheckConstraint(
                condition=~Q(state=EntitlementState.HELD) | ~Q(hold_reason=""),
                name="entitlement_hold_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=("run", "router_type", "next_chunk", "rank"),
                name="entitlement_next",
                condition=Q(state=EntitlementState.DUE, committed__lt=F("amount")),
            ),
            models.Index(
                fields=("run", "look_again_at"),
                name="entitlement_held",
                condition=Q(state=EntitlementState.HELD),
            ),
            models.Index(fields=("kind", "recipient", "-run"), name="entitlement_of_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.recipient} in {self.run_id}"

    @property
    def remaining(self) -> int:
        """Base units for which there is no payout yet."""
        return self.amount - self.committed


class Carry(models.Model):
    """What was left of an entitlement, taken into a later run, once; never changed."""

    append_only: ClassVar[bool] = True

    source = models.OneToOneField(Entitlement, models.PROTECT, related_name="carry")
    run = models.ForeignKey(
        DistributionRun, models.PROTECT, related_name="carries", help_text="that takes it in"
    )
    kind = models.CharField(max_length=4, choices=RecipientKind)
    recipient = models.CharField(max_length=50)
    amount = models.BigIntegerField()
    was_held = models.BooleanField(help_text="held, and not only below the minimum")

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "carries"
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="carry_is_something")]

    def __str__(self) -> str:
        return f"carry of {self.source_id}"


class Chunk(models.Model):
    """One payout of an entitlement; (run, recipient, number) is its permanent reference. Never changed.

    A further try replaces one that failed or was called off: the payout says which (`retry_of`).
    """

    append_only: ClassVar[bool] = True

    entitlement = models.ForeignKey(Entitlement, models.PROTECT, related_name="chunks")
    number = models.IntegerField(help_text="1, 2, …; the round it was paid in")
    attempt = models.SmallIntegerField(default=1, help_text="1, or which further try")
    payout = models.OneToOneField(Payout, models.PROTECT, related_name="chunk")
    created_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("entitlement", "number", "attempt"), name="chunk_once"),
            models.CheckConstraint(condition=Q(number__gte=1, attempt__gte=1), name="chunk_numbered"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of {self.entitlement_id}"


class RunApproval(models.Model):
    """One person's approval of a run, bound to the run's hash; never changed. It counts while the hash is the run's."""

    append_only: ClassVar[bool] = True

    run = models.ForeignKey(DistributionRun, models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approver_label = models.CharField(max_length=200)
    run_hash = models.CharField(max_length=64)
    number = models.SmallIntegerField(help_text="1 or 2 of this hash")
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("run", "run_hash", "approver"), name="run_approvers_distinct"),
            models.UniqueConstraint(fields=("run", "run_hash", "number"), name="run_approval_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=APPROVALS_NEEDED), name="run_approval_numbered"
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.number} of {self.run_id}"
