"""The rule by which sessions are paid one by one, in versions, and the sessions that it has to pay."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow
from payouts.models.payout import MINIMUM_AMOUNT, BatchType, Payout
from payouts.models.work import WorkEvent
from routers.choices import RouterType

# What a version says; the rest is who made it and when.
FIELDS: Final = ("is_running", "amount_per_credit", "minimum", "router_type", "batch_type", "account")


class SessionRule(models.Model):
    """One version, in force until the next one; never changed. Amounts in base units (10⁻⁶ USDT).

    A trigger holds that one person alone may pause it and nothing else: see the migration that made this table.
    """

    append_only: ClassVar[bool] = True

    version = models.IntegerField(unique=True, help_text="1, 2, …")
    is_running = models.BooleanField(help_text="whether sessions told from then on are paid by it")
    amount_per_credit = models.BigIntegerField(help_text="what a credit is worth; 0: sessions have no price")
    minimum = models.BigIntegerField(help_text="a session worth less is left to the month")
    router_type = models.CharField(  # noqa: DJ001
        max_length=20, choices=RouterType, null=True, help_text="NULL: chosen by the routers' rule"
    )
    batch_type = models.CharField(max_length=10, choices=BatchType)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="the service in whose name, limits and approvals it asks",
    )

    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    author_label = models.CharField(max_length=200)
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second_label = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("version",)
        constraints = [
            models.CheckConstraint(
                condition=Q(version=1)
                | Q(is_running=False, author__isnull=False, second__isnull=True)
                | Q(author__isnull=False, second__isnull=False) & ~Q(author=F("second")),
                name="session_rule_runs_by_two",
            ),
            models.CheckConstraint(
                condition=Q(amount_per_credit__gte=0, minimum__gte=MINIMUM_AMOUNT),
                name="session_rule_amounts",
            ),
            models.CheckConstraint(
                condition=Q(is_running=False) | Q(amount_per_credit__gt=0, account__isnull=False),
                name="session_rule_running_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"session rule, version {self.version}"


class PaymentState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    ASKED = "asked", "Asked for"
    LEFT = "left", "Left to the month"


class SessionPayment(models.Model):
    """One session that was told while the rule ran. It waits until its payout is there; what that is for is decided
    when it is asked for, by what is told of the session until then.
    """

    session_id = models.CharField(max_length=50, unique=True)
    state = models.CharField(max_length=7, choices=PaymentState, default=PaymentState.WAITING)
    told_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    # Of what waits: when it is tried next, how often it was.
    try_at = models.DateTimeField(db_default=LucidNow())
    tries = models.IntegerField(default=0)
    note = models.CharField(max_length=300, blank=True, help_text="what is in the way, or why it was left")
    # Of what was asked for: by which event and version, and what it was worth (base units).
    event = models.ForeignKey(WorkEvent, models.PROTECT, null=True, db_index=False, related_name="+")
    rule = models.ForeignKey(SessionRule, models.PROTECT, null=True, db_index=False, related_name="+")
    credits = models.BigIntegerField(null=True)
    amount = models.BigIntegerField(null=True)
    payout = models.OneToOneField(Payout, models.PROTECT, null=True, related_name="session_payment")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state=PaymentState.WAITING, payout__isnull=True, ended_at__isnull=True)
                | Q(
                    state=PaymentState.ASKED,
                    payout__isnull=False,
                    ended_at__isnull=False,
                    event__isnull=False,
                    rule__isnull=False,
                    amount__gt=0,
                )
                | Q(state=PaymentState.LEFT, payout__isnull=True, ended_at__isnull=False),
                name="session_payment_is_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=("try_at", "id"),
                name="session_payment_waiting",
                condition=Q(state=PaymentState.WAITING),
            ),
        ]

    def __str__(self) -> str:
        return f"payment of session {self.session_id}"
