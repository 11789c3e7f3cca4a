"""The forms of Blockchain Core's events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from lucid_payments.api.fields import StrictSerializer, TextField
from payouts.tron import addresses

# How far another machine's clock may be ahead of ours.
AHEAD: Final = timedelta(minutes=10)
MOST_SESSIONS: Final = 10**12
MOST_MEGABYTES: Final = 10**12


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentField(serializers.Field[datetime, Any, datetime, Any]):
    """A time in ISO 8601 with its offset; UTC inside. What has yet to come is refused."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise serializers.ValidationError(
                "Give a time in ISO 8601 with its offset, such as 2026-01-31T12:00:00Z."
            )
        try:
            utc = moment.astimezone(UTC)
        except OverflowError:
            raise serializers.ValidationError("This time is out of range.") from None
        if utc > self.context["now"] + AHEAD:
            raise serializers.ValidationError("This hasn't happened yet.")
        return utc


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MOST_SESSIONS})
class CountField(serializers.Field[int, Any, int, Any]):
    """A whole number that isn't negative; no text and no boolean taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int) or not 0 <= data <= MOST_SESSIONS:
            raise serializers.ValidationError(f"Give a whole number from 0 to {MOST_SESSIONS}.")
        return data


class ExactField(serializers.Field[Decimal, Any, Decimal, Any]):
    """A plain decimal number, as JSON's or as text; never a float."""

    def __init__(self, *, maximum: int, places: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maximum = maximum
        self.places = places

    def to_internal_value(self, data: Any) -> Decimal:
        found = None
        # A float here was written with an exponent; everything else with a point is a Decimal.
        if isinstance(data, int | str | Decimal) and not isinstance(data, bool):
            text = str(data)
            if text.isascii() and text.replace(".", "", 1).isdigit():
                try:
                    found = Decimal(text)
                except InvalidOperation:
                    found = None
        if found is None or found > self.maximum or found != found.quantize(Decimal(1).scaleb(-self.places)):
            raise serializers.ValidationError(
                f"Give a decimal number from 0 to {self.maximum} with at most {self.places} decimals."
            )
        # One way to write it, so that 5 and "5.0" are the same fact.
        return found.quantize(Decimal(1).scaleb(-self.places))


@extend_schema_field(
    {"oneOf": [{"type": "number", "minimum": 0, "maximum": MOST_MEGABYTES}, {"type": "string"}]}
)
class MegabytesField(ExactField):
    pass


@extend_schema_field({"type": "string", "pattern": r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$"})
class ScoreField(ExactField):
    pass


@extend_schema_field({"type": "string", "pattern": "^T[1-9A-HJ-NP-Za-km-z]{33}$"})
class WalletField(TextField):
    def to_internal_value(self, data: Any) -> str:
        address = super().to_internal_value(data)
        try:
            addresses.decode(address)
        except addresses.InvalidAddress as error:
            raise serializers.ValidationError(str(error)) from None
        return address


class FactSerializer(StrictSerializer):
    """What every event has; `context["now"]` is the time it comes at (UTC). `corrects` names an event it replaces."""

    event_id = TextField(max_length=100)
    occurred_at = MomentField()
    corrects = TextField(max_length=100, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("corrects") == attrs["event_id"]:
            raise serializers.ValidationError({"corrects": ["An event can't correct itself."]})
        return {name: value for name, value in attrs.items() if value is not None}


class SessionSerializer(FactSerializer):
    """A session that ended: a node's work, a user's, or both."""

    session_id = TextField(max_length=50)
    node_id = TextField(max_length=50, required=False, allow_null=True)
    user_id = TextField(max_length=50, required=False, allow_null=True)
    started_at = MomentField()
    ended_at = MomentField()
    sessions_relayed = CountField()
    megabytes_relayed = MegabytesField(maximum=MOST_MEGABYTES, places=6)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        found = super().validate(attrs)
        if "node_id" not in found and "user_id" not in found:
            raise serializers.ValidationError({"node_id": ["Give node_id, user_id, or both."]})
        if found["ended_at"] < found["started_at"]:
            raise serializers.ValidationError({"ended_at": ["It ended before it started."]})
        return found


class ReputationSerializer(FactSerializer):
    node_id = TextField(max_length=50)
    score = ScoreField(maximum=1, places=4)


class RegistrationSerializer(FactSerializer):
    node_id = TextField(max_length=50)
    operator_id = TextField(max_length=50)
    wallet_address = WalletField(max_length=34)


class DeregistrationSerializer(FactSerializer):
    node_id = TextField(max_length=50)


class TakenSerializer(StrictSerializer):
    """What became of a report."""

    accepted = serializers.IntegerField(min_value=0, help_text="Events that were new.")
    repeated = serializers.IntegerField(
        min_value=0, help_text="Events that had been told before, word for word."
    )
