"""The form field for a TRON address: whole, and with a checksum that fits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from payouts.tron import addresses
from payouts.tron.addresses import InvalidAddress


class AddressField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"})
        super().__init__(label="Address", max_length=64, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        """Raises ValidationError with what is wrong with it."""
        address: str = super().clean(value)
        try:
            addresses.decode(address)
        except InvalidAddress as error:
            raise ValidationError(str(error)) from error
        return address
