"""The bodies of answers about payouts, as the API's description shows them. `representation` and its like make them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from lucid_payments.api.errors import FAILURE_MESSAGES
from lucid_payments.api.openapi.fields import FreeObject, Moment, Trx, Usdt
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.batches import COMPLETED, FAILED, PROCESSING
from payouts.execution import CANCELLED
from payouts.models.payout import PUBLIC_STATUS, BatchType, HoldReason, Priority, public_hold
from routers.choices import RouterType
from routers.models import BreakerState, WindowPeriod, WindowScope

STATUSES = list(dict.fromkeys(PUBLIC_STATUS.values()))
HOLDS = [reason.value for reason in HoldReason if public_hold(reason) == reason]
BATCH_PATTERN = r"^batch_[a-zA-Z0-9]+$"
PAYOUT_PATTERN = r"^payout_[a-zA-Z0-9]+$"

FAILURES = ", ".join(
    [*(f"`{code}` ({message})" for code, message in FAILURE_MESSAGES.items()), f"`{CANCELLED}` (called off)"]
)


class FailureShown(serializers.Serializer[Any]):
    code = serializers.CharField(allow_null=True, help_text=FAILURES)
    message = serializers.CharField(allow_null=True)


class PayoutShown(serializers.Serializer[Any]):
    """Every field is always there, null when unknown."""

    payout_id = serializers.RegexField(PAYOUT_PATTERN)
    status = serializers.ChoiceField(STATUSES)
    recipient_address = serializers.CharField()
    amount_usdt = Usdt()
    reason = serializers.CharField()
    router_type = serializers.ChoiceField(RouterType.values)
    priority = serializers.ChoiceField(Priority.labels)
    batch_type = serializers.ChoiceField(BatchType.values)
    session_id = serializers.CharField(allow_null=True)
    node_id = serializers.CharField(allow_null=True)
    batch_id = serializers.RegexField(BATCH_PATTERN, allow_null=True)
    reference_id = serializers.CharField(allow_null=True)
    retry_of = serializers.RegexField(
        PAYOUT_PATTERN, allow_null=True, help_text="The payout that this one replaces."
    )
    custom_data = FreeObject(allow_null=True)
    txid = serializers.RegexField(
        r"^[0-9a-f]{64}$", allow_null=True, help_text="The transaction, from the moment it is signed."
    )
    confirmations = serializers.IntegerField(min_value=0, max_value=REQUIRED_CONFIRMATIONS)
    block_number = serializers.IntegerField(allow_null=True)
    block_timestamp = Moment(allow_null=True)
    fee_trx = Trx(allow_null=True)
    hold_reason = serializers.ChoiceField(
        HOLDS, allow_null=True, help_text="What it waits for while `pending`."
    )
    failure = FailureShown(allow_null=True)
    estimated_completion = Moment(
        allow_null=True,
        help_text="When it is probably confirmed; null while a person is awaited, and at the end.",
    )
    created_at = Moment()
    confirmed_at = Moment(allow_null=True)
    request_id = serializers.CharField(allow_null=True, help_text="The request that created it.")


class PaginationShown(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Exact up to 10,000, from there on a rounded estimate.")
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    has_next = serializers.BooleanField()
    has_previous = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class FiltersShown(serializers.Serializer[Any]):
    """The filters as applied."""

    status = serializers.ChoiceField(STATUSES, allow_null=True)
    router_type = serializers.ChoiceField(RouterType.values, allow_null=True)
    batch_id = serializers.CharField(allow_null=True)
    reference_id = serializers.CharField(allow_null=True)
    start_date = Moment(allow_null=True)
    end_date = Moment(allow_null=True)


class PayoutsShown(serializers.Serializer[Any]):
    payouts = PayoutShown(many=True)
    pagination = PaginationShown()
    filters = FiltersShown()


class TransactionShown(serializers.Serializer[Any]):
    payout_id = serializers.RegexField(PAYOUT_PATTERN)
    txid = serializers.RegexField(r"^([0-9a-f]{64})?$", help_text="Empty before there is one.")
    status = serializers.ChoiceField(["pending", "confirmed", "failed"])
    confirmations = serializers.IntegerField(min_value=0, max_value=REQUIRED_CONFIRMATIONS)
    required_confirmations = serializers.IntegerField()
    block_number = serializers.IntegerField(allow_null=True)
    block_timestamp = Moment(allow_null=True)
    energy_used = serializers.IntegerField(allow_null=True)
    bandwidth_used = serializers.IntegerField(allow_null=True)
    fee_trx = Trx(allow_null=True)
    estimated_completion = Moment(allow_null=True)


class BatchAccepted(serializers.Serializer[Any]):
    batch_id = serializers.RegexField(BATCH_PATTERN)
    total_payouts = serializers.IntegerField(min_value=1)
    total_amount_usdt = Usdt()
    status = serializers.ChoiceField(
        [PROCESSING, COMPLETED, FAILED], help_text="`completed`: all ended and at least one is confirmed."
    )
    payout_ids = serializers.ListField(child=serializers.RegexField(PAYOUT_PATTERN))
    estimated_completion = Moment(allow_null=True)
    created_at = Moment()


class BatchShown(BatchAccepted):
    completed_payouts = serializers.IntegerField(min_value=0)
    failed_payouts = serializers.IntegerField(min_value=0)
    pending_payouts = serializers.IntegerField(min_value=0)
    completed_amount_usdt = Usdt()


class WindowShown(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(WindowScope.values)
    period = serializers.ChoiceField(WindowPeriod.values)
    limit_usdt = Usdt()
    remaining_usdt = Usdt(
        allow_null=True, help_text="Of windows that aren't yours alone: rounded down to 100."
    )
    resets_at = Moment()


class RouterLimitsShown(serializers.Serializer[Any]):
    router_type = serializers.ChoiceField(RouterType.values)
    minimum_usdt = Usdt(allow_null=True)
    maximum_usdt = Usdt(allow_null=True)
    batch_types = serializers.ListField(child=serializers.ChoiceField(BatchType.values))
    windows = WindowShown(many=True)


class LimitsShown(serializers.Serializer[Any]):
    routers = RouterLimitsShown(many=True)
    generated_at = Moment()


class RouterFiguresShown(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=0)
    amount_usdt = Usdt()


class FiguresByRouterShown(serializers.Serializer[Any]):
    """Both of them, or the one that was asked for."""

    PayoutRouterV0 = RouterFiguresShown(required=False)
    PayoutRouterKYC = RouterFiguresShown(required=False)


class StatsShown(serializers.Serializer[Any]):
    period = serializers.ChoiceField(["hour", "day", "week", "month"])
    router_type = serializers.ChoiceField([*RouterType.values, "all"])
    total_payouts = serializers.IntegerField(min_value=0)
    total_amount_usdt = Usdt()
    success_rate = serializers.FloatField(
        min_value=0, max_value=100, allow_null=True, help_text="Per cent of those that have ended."
    )
    average_amount_usdt = Usdt(allow_null=True)
    payouts_by_router = FiguresByRouterShown()
    circuit_breaker_status = serializers.ChoiceField(
        BreakerState.values,
        allow_null=True,
        help_text="Null, like the three below, for who sees own figures only.",
    )
    circuit_breaker_reason = serializers.CharField(allow_null=True)
    daily_limit_usage = Usdt(allow_null=True)
    hourly_limit_usage = Usdt(allow_null=True)
    generated_at = Moment()
