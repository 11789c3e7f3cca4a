"""What a caller may send beside a file of payouts, and to submit it."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lucid_payments.api.fields import StrictSerializer, TextField
from payouts.models.payout import BatchType, Priority
from payouts.uploads.receiving import Terms
from routers.choices import RouterType


class TermsSerializer(StrictSerializer):
    """The parts of `POST /payouts/batch/upload` beside the file: what all its payouts have in common."""

    router_type = serializers.ChoiceField(choices=RouterType.values, required=False)
    priority = serializers.ChoiceField(choices=Priority.labels, required=False)
    batch_type = serializers.ChoiceField(choices=BatchType.values, required=False)

    def terms(self) -> Terms:
        """Once `is_valid` has passed."""
        told: dict[str, Any] = self.validated_data
        return Terms(
            told.get("router_type"),
            Priority[told.get("priority", Priority.NORMAL.label)],
            told.get("batch_type", BatchType.HOURLY),
        )


@extend_schema_field({"type": "boolean"})
class FlagField(serializers.Field[bool, Any, bool, Any]):
    """True or false, and nothing that is taken for one of them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Give true or false.")
        return data


class FileSubmissionSerializer(StrictSerializer):
    """The body of `POST /payouts/batch/upload/{upload_id}/submit`."""

    sha256 = TextField(
        validators=[RegexValidator(r"\A[0-9a-f]{64}\Z", "64 hexadecimal digits, in lower case.")],
        help_text="Of the file that is meant.",
    )
    duplicates_meant = FlagField(
        required=False, help_text="You have looked at its duplicates and look-alikes, and mean all of them."
    )
