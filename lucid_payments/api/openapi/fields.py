"""How the strict fields of requests, and the values that answers have in common, read in the description."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

# No control character, and not blank. (What is blank to Python, to a hair.)
TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$"


class TextFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "lucid_payments.api.fields.TextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        return {"minLength": 1, "pattern": TEXT_PATTERN, **schema}


class AmountFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "lucid_payments.api.fields.AmountField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        low, high = (bound / 1_000_000 for bound in (self.target.minimum, self.target.maximum))
        return {
            "description": f"USDT, from {low:g} to {high:g}, at most 6 decimals; read as a decimal, never as a float.",
            "oneOf": [
                {"type": "number", "minimum": low, "maximum": high},
                {"type": "string", "pattern": r"^[0-9]{1,14}(\.[0-9]{1,6}0*)?$"},
            ],
        }


class FreeDataFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "lucid_payments.api.fields.FreeDataField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": True,
            "description": f"Your own, kept as it is; at most {self.target.max_bytes} bytes as JSON.",
        }


@extend_schema_field({"type": "number", "description": "USDT, exact: read it as a decimal."})
class Usdt(serializers.Field[Any, Any, Any, Any]):
    """An amount in an answer."""


@extend_schema_field({"type": "number", "description": "TRX, exact: read it as a decimal."})
class Trx(serializers.Field[Any, Any, Any, Any]):
    """A fee in an answer."""


@extend_schema_field({"type": "string", "format": "date-time", "description": "UTC, ISO 8601, with `Z`."})
class Moment(serializers.Field[Any, Any, Any, Any]):
    """A time in an answer."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class FreeObject(serializers.Field[Any, Any, Any, Any]):
    """An object in an answer whose names aren't ours to list."""
