"""Strict input: no coercion, and no field that we don't know."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from lucid_payments.api import json_format
from lucid_payments.money import InvalidAmount, parse_usdt

MAX_UNKNOWN_NAMED: Final = 20
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields by name: `status` or `approved_by` in a body is an error, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError({"body": ["The body must be a JSON object."]})
        writable = {name for name, field in self.fields.items() if not field.read_only}
        unknown = [name for name in data if name not in writable][:MAX_UNKNOWN_NAMED]
        if unknown:
            raise serializers.ValidationError({name[:100]: ["Unknown field."] for name in unknown})
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Text exactly as it came: no number taken for text, no blank cut, no control character."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be text.")
        if _CONTROL.search(data):
            raise serializers.ValidationError("This may hold no control characters.")
        if not data.strip():
            raise serializers.ValidationError("This may not be blank.")
        return super().to_internal_value(data)


class SecretField(serializers.CharField):
    """Text of any kind, and nothing but text: REST framework alone would take a number for it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be text.")
        return super().to_internal_value(data)


class AmountField(serializers.Field[int, Any, Decimal, Any]):
    """USDT as a JSON number or decimal text, at most 6 decimals; base units inside. Never a float."""

    def __init__(self, *, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def to_internal_value(self, data: Any) -> int:
        # A float here was written with an exponent; everything else with a point is a Decimal.
        if isinstance(data, bool) or not isinstance(data, int | str | Decimal):
            raise serializers.ValidationError(
                "Give a plain decimal number such as 5.50: no exponent, no true or false."
            )
        text = f"{data:f}" if isinstance(data, Decimal) else str(data)
        try:
            units = parse_usdt(text)
        except InvalidAmount as error:
            raise serializers.ValidationError(str(error)) from None
        if not self.minimum <= units <= self.maximum:
            low, high = (json_format.dumps(_usdt(bound)) for bound in (self.minimum, self.maximum))
            raise serializers.ValidationError(f"The amount must be from {low} to {high} USDT.")
        return units


class FreeDataField(serializers.Field[dict[str, Any], Any, Any, Any]):
    """The caller's own JSON object, of at most `max_bytes` as compact JSON in UTF-8."""

    def __init__(self, *, max_bytes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_bytes = max_bytes

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be a JSON object.")
        if len(json_format.dumps(data).encode()) > self.max_bytes:
            raise serializers.ValidationError(f"This may have at most {self.max_bytes} bytes as JSON.")
        stored: dict[str, Any] = _storable(data)
        return stored


def _usdt(units: int) -> Decimal:
    return Decimal(units).scaleb(-6).normalize()


def _storable(value: Any) -> Any:
    """The same value in types the database gives back unchanged; raises ValidationError where none does."""
    match value:
        case dict():
            return {key: _storable(item) for key, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case Decimal():
            number = float(value)
            if Decimal(repr(number)) != value:
                raise serializers.ValidationError(
                    "A number has too many digits to be kept exactly; send it as text."
                )
            return number
        case _:
            return value
