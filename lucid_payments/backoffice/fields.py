"""Form fields of the back office."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from lucid_payments.money import parse_usdt


class AmountField(forms.CharField):
    """USDT (or TRX) typed as people write it, ``1,234.50``; the value is in base units (or sun), None when empty."""

    def __init__(self, *, minimum: int = 0, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        self.minimum = minimum
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            units = parse_usdt(text.replace(",", ""))
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if units < self.minimum:
            raise ValidationError("Give an amount above 0.")
        return units
