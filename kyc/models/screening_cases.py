"""What screening found, kept for reporting whether or not anything was paid, and what people decided about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from kyc.models.screening_lists import EntryKind, ListEntry
from lucid_payments.clock import LucidNow


class Grade(models.TextChoices):
    EXACT = "exact", "The listed address itself"
    TWIN = "twin", "The same key listed as a 0x address"
    FOLDED = "folded", "Listed with look-alike letters"
    NAME = "name", "A similar name"


class CaseState(models.TextChoices):
    OPEN = "open", "Open"
    CLEARED = "cleared", "Cleared"
    CONFIRMED = "confirmed", "Confirmed"


class Moment(models.TextChoices):
    REGISTRATION = "registration", "Registration"
    KYC_APPROVAL = "kyc_approval", "KYC approval"
    CREATION = "creation", "Payout asked for"
    APPROVAL = "approval", "Payout approval"
    RELEASE = "release", "Release"
    SIGNING = "signing", "Signing"
    ACTIVATION = "activation", "A list came into force"


class ScreeningCase(models.Model):
    """One subject against one entry, once for ever: what was decided holds until the list says something else.

    For an address the subject is the address; for a name it is whose name it is, never the name itself.
    """

    kind = models.CharField(max_length=8, choices=EntryKind)
    subject = models.CharField(max_length=80)
    entry = models.ForeignKey(ListEntry, models.PROTECT, related_name="cases")
    grade = models.CharField(max_length=6, choices=Grade)
    score = models.SmallIntegerField(null=True, help_text="how alike two names are, of 100")
    state = models.CharField(max_length=9, choices=CaseState, default=CaseState.OPEN)
    times = models.IntegerField(default=0, help_text="how often it was met")
    opened_at = models.DateTimeField(db_default=LucidNow())
    last_at = models.DateTimeField(db_default=LucidNow())
    reason_code = models.CharField(max_length=40, blank=True)
    note = models.CharField(max_length=300, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("subject", "entry"), name="screening_case_once"),
            models.CheckConstraint(
                condition=Q(state=CaseState.OPEN, decided_by__isnull=True)
                | (~Q(state=CaseState.OPEN) & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="screening_case_decided_by_somebody",
            ),
            # The listed address itself is never a mistake of ours.
            models.CheckConstraint(
                condition=~Q(grade=Grade.EXACT, state=CaseState.CLEARED), name="screening_exact_never_cleared"
            ),
        ]
        indexes = [
            models.Index(
                fields=("opened_at", "id"), name="screening_case_open", condition=Q(state=CaseState.OPEN)
            )
        ]

    def __str__(self) -> str:
        return f"Screening case {self.pk}"


class ScreeningEncounter(models.Model):
    """When and how a case's subject came to us; the same request again only counts."""

    case = models.ForeignKey(ScreeningCase, models.PROTECT, related_name="encounters")
    fingerprint = models.CharField(max_length=64)
    moment = models.CharField(max_length=12, choices=Moment)
    about = models.CharField(max_length=80, blank=True, help_text="payout, node or record, by its id")
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    amount = models.BigIntegerField(null=True, help_text="base units (10⁻⁶ USDT) that were asked for")
    lists = models.JSONField(default=dict, help_text="list versions in force then")
    request_id = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=10)
    times = models.IntegerField(default=1)
    first_at = models.DateTimeField(db_default=LucidNow())
    last_at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("case", "fingerprint"), name="screening_encounter_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_moment_display()} {self.about}"
