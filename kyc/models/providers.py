"""What outside providers said, each answer as it came."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lucid_payments.clock import LucidNow


class ProviderKind(models.TextChoices):
    ANALYTICS = "analytics", "Chain analytics"
    PEP = "pep", "Politically exposed persons"
    TRAVEL_RULE = "travel_rule", "Travel Rule"


class ProviderAnswer(models.Model):
    """One answer about one subject; never changed. The newest one counts."""

    append_only: ClassVar[bool] = True

    kind = models.CharField(max_length=11, choices=ProviderKind)
    provider = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, help_text="an address, an operator or a payout, by its id")
    clear = models.BooleanField()
    words = models.CharField(max_length=300, blank=True)
    reference = models.CharField(max_length=100, blank=True, help_text="the provider's own")
    asked_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("kind", "subject", "-id"), name="provider_answer_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"
