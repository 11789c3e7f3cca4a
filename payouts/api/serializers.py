"""What a caller may send to create a payout, checked for form; PayoutManager checks sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lucid_payments.api.error_shape import by_field
from lucid_payments.api.errors import BatchRefused, InvalidRequest, LucidError
from lucid_payments.api.fields import AmountField, FreeDataField, StrictSerializer, TextField
from payouts.models.payout import MAXIMUM_AMOUNT, MINIMUM_AMOUNT, BatchType, OnLimit, Priority
from payouts.order import PayoutOrder
from routers.choices import RouterType

CUSTOM_DATA_BYTES = 1000
PAYOUT_ID = r"payout_[a-zA-Z0-9]{1,33}"


MAX_BATCH = 100


# Blank, too long, padded: whatever is wrong with an address is LUCID_ERR_2001, and the manager says it.
@extend_schema_field({"type": "string", "pattern": "^T[1-9A-HJ-NP-Za-km-z]{33}$"})
class AddressField(serializers.Field[str, Any, str, Any]):
    """Any text; the description says what it must be."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be text.")
        return data


class OrderFields(StrictSerializer):
    """What one payout says of itself. An optional field that is null counts as absent."""

    recipient_address = AddressField()
    amount_usdt = AmountField(minimum=MINIMUM_AMOUNT, maximum=MAXIMUM_AMOUNT)
    reason = TextField(max_length=200)
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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("metadata") is not None and attrs.get("custom_data") is not None:
            raise serializers.ValidationError(
                {"metadata": ["This is another name of custom_data: give one of them."]}
            )
        return attrs


class PayoutOrderSerializer(OrderFields):
    """The body of `POST /payouts`."""

    router_type = serializers.ChoiceField(choices=RouterType.values, required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.labels, required=False, allow_null=True)
    batch_type = serializers.ChoiceField(choices=BatchType.values, required=False, allow_null=True)
    on_limit = serializers.ChoiceField(choices=OnLimit.values, required=False, allow_null=True)

    def order(self) -> PayoutOrder:
        """The order, once `is_valid` has passed."""
        return _order(self.validated_data)


@extend_schema_field(OrderFields)
class AsItCameField(serializers.Field[Any, Any, Any, Any]):
    """A part of the body that is looked at later, and then named by its index: described as what it must be."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class BatchSerializer(StrictSerializer):
    """The body of `POST /payouts/batch`. Its payouts are checked one by one, each named by its index."""

    payouts = serializers.ListField(child=AsItCameField(), min_length=1, max_length=MAX_BATCH)
    router_type = serializers.ChoiceField(choices=RouterType.values, required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.labels, required=False, allow_null=True)
    batch_type = serializers.ChoiceField(choices=BatchType.values, required=False, allow_null=True)

    def orders(self) -> list[PayoutOrder]:
        """The orders, once `is_valid` has passed. Raises BatchRefused for items that are no orders."""
        shared = {
            "router_type": self.validated_data.get("router_type"),
            "priority": self.validated_data.get("priority"),
            "batch_type": self.validated_data.get("batch_type") or BatchType.HOURLY,
        }
        refused: dict[int, LucidError] = {}
        orders = []
        for index, item in enumerate(self.validated_data["payouts"]):
            fields = OrderFields(data=item)
            if fields.is_valid():
                orders.append(_order({**fields.validated_data, **shared}))
            else:
                refused[index] = InvalidRequest(by_field(fields.errors))
        if refused:
            raise BatchRefused(refused)
        return orders


class CancellationSerializer(StrictSerializer):
    """The body of `POST /payouts/{payout_id}/cancel`."""

    reason = TextField(max_length=200, required=False, allow_null=True)


def _order(fields: Mapping[str, Any]) -> PayoutOrder:
    given = {name: value for name, value in fields.items() if value is not None}
    given["amount"] = given.pop("amount_usdt")
    if "metadata" in given:
        given["custom_data"] = given.pop("metadata")
    if "priority" in given:
        given["priority"] = Priority[given["priority"]]
    return PayoutOrder(**given)
