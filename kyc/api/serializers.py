"""The bodies that applicants send. What a field must be says `review.fields`, which refuses by name."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc.models import DocumentKind
from kyc.review.fields import FIELDS
from lucid_payments.api.fields import StrictSerializer

DECLARED = {
    "type": "object",
    "description": "What the applicant declares about the person; all of it as text.",
    "properties": {
        name: {"type": "string", "minLength": 1, "maxLength": 254, "description": f"{field.label}."}
        for name, field in FIELDS.items()
    },
    "required": [name for name, field in FIELDS.items() if field.required],
    "additionalProperties": False,
}


@extend_schema_field(DECLARED)
class DeclaredField(serializers.Field[dict[str, Any], Any, Any, Any]):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be a JSON object.")
        return data


class ApplicationSerializer(StrictSerializer):
    # Taken from the class by its metaclass: not the serializer's own `fields`.
    fields = DeclaredField()  # type: ignore[assignment]


class DocumentSerializer(StrictSerializer):
    kind = serializers.ChoiceField(
        DocumentKind.choices,
        error_messages={"invalid_choice": f"One of {', '.join(DocumentKind.values)}."},
        help_text="What the document is.",
    )
    replaces = serializers.UUIDField(
        required=False, help_text="`document_id` of the one whose place it takes."
    )


class SubmissionSerializer(StrictSerializer):
    """An empty object."""
