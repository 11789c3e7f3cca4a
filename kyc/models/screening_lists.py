"""Sanctions lists by version, each kept for ever with its file, its entries and what was wrong with its rows."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow


class ListState(models.TextChoices):
    STAGED = "staged", "Being checked"
    CHECKED = "checked", "Checked, not in force"
    REFUSED = "refused", "Refused"
    ACTIVE = "active", "In force"
    RETIRED = "retired", "Retired"


class ListVersion(models.Model):
    """One file of one list, from its arrival on. At most one of a list is in force."""

    list_name = models.CharField(max_length=40)
    number = models.IntegerField(help_text="1, 2, … within the list")
    state = models.CharField(max_length=8, choices=ListState, default=ListState.STAGED)
    format = models.CharField(max_length=20)
    # Empty: it was fetched by the system.
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(db_default=LucidNow())
    size = models.BigIntegerField(help_text="bytes")
    file_sha256 = models.CharField(max_length=64)
    stated_sha256 = models.CharField(max_length=64, blank=True, help_text="what its publisher says")
    published_on = models.DateField(null=True)

    # What the check found.
    addresses = models.IntegerField(default=0)
    names = models.IntegerField(default=0)
    quarantined = models.IntegerField(default=0)
    checks = models.JSONField(default=list, help_text="name, verdict, sentence of each check")

    activated_at = models.DateTimeField(null=True)
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)
    # When these very bytes last came from their source; the age of a list counts from here.
    fresh_at = models.DateTimeField(null=True)
    overridden_until = models.DateTimeField(null=True, help_text="two people let it count although it is old")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("list_name", "number"), name="list_number_once"),
            models.UniqueConstraint(
                fields=("list_name",), name="list_one_in_force", condition=Q(state=ListState.ACTIVE)
            ),
            models.CheckConstraint(
                condition=Q(activated_by__isnull=True)
                | Q(uploaded_by__isnull=True)
                | ~Q(activated_by=F("uploaded_by")),
                name="list_activated_by_another",
            ),
            models.CheckConstraint(
                condition=Q(second__isnull=True)
                | (
                    ~Q(second=F("activated_by")) & (Q(uploaded_by__isnull=True) | ~Q(second=F("uploaded_by")))
                ),
                name="list_second_is_another",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(ListState.ACTIVE, ListState.RETIRED))
                | Q(activated_by__isnull=False, activated_at__isnull=False, fresh_at__isnull=False),
                name="list_in_force_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list_name}, version {self.number}"


class ListFilePart(models.Model):
    """A piece of a version's file, compressed: the very bytes that came stay to be looked at again."""

    append_only: ClassVar[bool] = True

    version = models.ForeignKey(ListVersion, models.PROTECT, related_name="parts")
    number = models.IntegerField()
    data = models.BinaryField(help_text="zlib")

    class Meta:
        constraints = [models.UniqueConstraint(fields=("version", "number"), name="list_part_once")]

    def __str__(self) -> str:
        return f"{self.version_id} part {self.number}"


class EntryKind(models.TextChoices):
    ADDRESS = "address", "Address"
    NAME = "name", "Name"


class AddressForm(models.TextChoices):
    TRON = "tron", "TRON address"
    EVM = "evm", "0x address"
    OTHER = "other", "Address of another chain"


class ListEntry(models.Model):
    """One listed address or name, whatever versions it stands in; another content is another entry.

    `in_force` alone changes: the version that makes it count now, if any.
    """

    list_name = models.CharField(max_length=40)
    content_hash = models.BinaryField(help_text="SHA-256 over everything the list says of it")
    kind = models.CharField(max_length=8, choices=EntryKind)
    value = models.CharField(max_length=300, help_text="the address, folded to plain letters, or the name")
    form = models.CharField(max_length=5, choices=AddressForm, blank=True)
    key = models.BinaryField(null=True, help_text="the 20 bytes that a TRON and a 0x address share")
    folded = models.BooleanField(default=False, help_text="look-alike letters were replaced")
    uid = models.CharField(max_length=40, blank=True, help_text="the list's own number of the listed party")
    label = models.CharField(max_length=300, blank=True, help_text="the listed party's name")
    program = models.CharField(max_length=200, blank=True)
    ticker = models.CharField(max_length=20, blank=True)
    in_force = models.ForeignKey(ListVersion, models.PROTECT, null=True, related_name="entries_in_force")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("list_name", "content_hash"), name="list_entry_once"),
        ]
        indexes = [
            models.Index(
                fields=("key",),
                name="list_entry_by_key",
                condition=Q(in_force__isnull=False, key__isnull=False),
            ),
            models.Index(
                fields=("list_name", "id"), name="list_entry_in_force", condition=Q(in_force__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list_name}: {self.value}"


class ListContents(models.Model):
    """Which entries a version holds: an auditor can tell what was known when."""

    append_only: ClassVar[bool] = True

    version = models.OneToOneField(ListVersion, models.PROTECT, primary_key=True, related_name="contents")
    entry_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return str(self.version_id)


class QuarantinedRow(models.Model):
    """A row that names an address which isn't one: it can't be matched, and people must see that."""

    append_only: ClassVar[bool] = True

    version = models.ForeignKey(ListVersion, models.PROTECT, related_name="quarantine")
    place = models.CharField(max_length=60, help_text="line, or the party's number")
    text = models.CharField(max_length=200)
    why = models.CharField(max_length=200)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


class Rescreening(models.Model):
    """Everybody looked at anew because a version came into force; goes on where it was cut off."""

    version = models.OneToOneField(ListVersion, models.PROTECT, related_name="rescreening")
    source = models.CharField(max_length=40, blank=True, help_text="whose subjects are being looked at")
    cursor = models.CharField(max_length=200, blank=True)
    total = models.IntegerField(default=0)
    screened = models.IntegerField(default=0)
    hits = models.IntegerField(default=0)
    started_at = models.DateTimeField(db_default=LucidNow())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=("id",), name="rescreening_open", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"after {self.version}"
