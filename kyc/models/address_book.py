"""The address book: recipients that people have looked at, by the name they know them by."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left, Right

from lucid_payments.clock import LucidNow

# So many characters at each end are what people compare.
ENDS: Final = 4


class AddressEntry(models.Model):
    """One address. It counts when a second person has confirmed it, or after the cooling-off time."""

    address = models.CharField(max_length=34)
    name = models.CharField(max_length=60, help_text="what staff call it; no person's name")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    counts_from = models.DateTimeField()
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "address entries"
        constraints = [
            models.UniqueConstraint(
                fields=("address",), condition=Q(removed_at__isnull=True), name="address_once_in_the_book"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False) & ~Q(confirmed_by=F("added_by"))
                ),
                name="address_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(removed_by__isnull=True, removed_at__isnull=True)
                | Q(removed_by__isnull=False, removed_at__isnull=False),
                name="address_removed_by_somebody",
            ),
        ]
        indexes = [
            models.Index(Left("address", ENDS), Right("address", ENDS), name="address_by_its_ends"),
        ]

    def __str__(self) -> str:
        return f"address {self.pk}"

    def counts(self, at: datetime) -> bool:
        """Whether the address is known by this entry at `at` (UTC)."""
        return self.removed_at is None and self.counts_from <= at
