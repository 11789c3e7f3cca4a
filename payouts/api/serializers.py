"""What a caller may send to create a payout, checked for form; PayoutManager checks sense."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from lucid_payments.api.fields import AmountField, FreeDataField, StrictSerializer, TextField
from payouts.intake import PayoutOrder
from payouts.models.payout import MAXIMUM_AMOUNT, MINIMUM_AMOUNT, BatchType, OnLimit, Priority
from routers.choices import RouterType

CUSTOM_DATA_BYTES = 1000
PAYOUT_ID = r"payout_[a-zA-Z0-9]{1,33}"


class PayoutOrderSerializer(StrictSerializer):
    """The body of `POST /payouts`. An optional field that is null counts as absent."""

    # Blank, too long, padded: whatever is wrong with an address is LUCID_ERR_2001, and the manager says it.
    recipient_address = serializers.CharField(allow_blank=True, trim_whitespace=False)
    amount_usdt = AmountField(minimum=MINIMUM_AMOUNT, maximum=MAXIMUM_AMOUNT)
    reason = TextField(max_length=200)
    router_type = serializers.ChoiceField(choices=RouterType.values, required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.labels, required=False, allow_null=True)
    batch_type = serializers.ChoiceField(choices=BatchType.values, required=False, allow_null=True)
    session_id = TextField(max_length=50, required=False, allow_null=True)
    node_id = TextField(max_length=50, required=False, allow_null=True)
    custom_data = FreeDataField(max_bytes=CUSTOM_DATA_BYTES, required=False, allow_null=True)
    metadata = FreeDataField(max_bytes=CUSTOM_DATA_BYTES, required=False, allow_null=True)
    reference_id = TextField(max_length=100, required=False, allow_null=True)
    retry_of = TextField(
        required=False,
        allow_null=True,
        validators=[RegexValidator(rf"\A{PAYOUT_ID}\Z", "This isn't a payout's id.")],
    )
    on_limit = serializers.ChoiceField(choices=OnLimit.values, required=False, allow_null=True)

    def validate_recipient_address(self, value: str) -> str:
        # DRF takes a number for text.
        if not isinstance(self.initial_data["recipient_address"], str):
            raise serializers.ValidationError("This must be text.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("metadata") is not None and attrs.get("custom_data") is not None:
            raise serializers.ValidationError(
                {"metadata": ["This is another name of custom_data: give one of them."]}
            )
        return attrs

    def order(self) -> PayoutOrder:
        """The order, once `is_valid` has passed."""
        given = {name: value for name, value in self.validated_data.items() if value is not None}
        given["amount"] = given.pop("amount_usdt")
        if "metadata" in given:
            given["custom_data"] = given.pop("metadata")
        if "priority" in given:
            given["priority"] = Priority[given["priority"]]
        return PayoutOrder(**given)
