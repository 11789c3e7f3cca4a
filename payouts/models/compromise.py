"""Treasury keys that others may know: nothing is paid from them, and nobody should send anything to them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lucid_payments.clock import LucidNow


class CompromisedKey(models.Model):
    """Declared once, by whoever found out, and never taken back."""

    append_only: ClassVar[bool] = True

    address = models.CharField(max_length=34, unique=True, help_text="the key's own")
    declared_by = models.CharField(max_length=320, help_text="who, in words")
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(db_default=LucidNow())

    def __str__(self) -> str:
        return self.address
