"""`POST /payouts/batch` and `GET /payouts/batch/{batch_id}`: many payouts, accepted as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments import clock
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api import evidence, idempotency
from lucid_payments.api.errors import BatchRefused, InvalidRequest, PayoutNotFound, PermissionRefused
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller
from lucid_payments.money import to_decimal
from payouts import batches
from payouts.api import estimates, forecast, schema, shown
from payouts.api.creation import create_once
from payouts.api.serializers import BatchSerializer
from payouts.api.shown import Reading
from payouts.manager import PayoutManager
from payouts.models import PayoutBatch
from payouts.models.payout import ENDED
from payouts.order import PayoutOrder

BATCH_ID = r"batch_[a-zA-Z0-9]{1,34}"


class BatchesView(LucidView):
    permissions = {"POST": roles.CREATE}
    rate_limits = {"POST": 5}

    @schema.create_batch
    def post(self, request: Request) -> HttpResponse:
        return create_once(request, lambda: self._create(request))

    def _create(self, request: Request) -> Answer:
        user = caller(request)
        if user.role == Role.END_USER:
            raise PermissionRefused({"payouts": ["End users ask for payouts one by one."]})
        body = BatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        orders = body.orders()
        _require_references(user, orders)
        batch = PayoutManager.create_batch(
            creator=user,
            orders=orders,
            router_type=body.validated_data.get("router_type"),
            request_id=request_id_of(request._request),
            idempotency_key=idempotency.key_of(request._request),
        )
        return Answer(201, _accepted(batch, batch.created_at), batch.batch_id)


class BatchView(LucidView):
    """How far a batch is; what belongs to somebody else doesn't exist."""

    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 30}

    @schema.get_batch
    def get(self, request: Request, batch_id: str) -> Response:
        batch = _visible(caller(request), batch_id)
        if batch.creator_id != caller(request).pk:
            evidence.read(caller(request), "batch.read", [batch.batch_id], batch)
        progress = batches.progress_of(batch)
        return Response(
            {
                **_accepted(batch, clock.now()),
                "completed_payouts": progress.confirmed,
                "failed_payouts": progress.failed,
                "pending_payouts": progress.pending,
                "completed_amount_usdt": to_decimal(progress.paid),
            }
        )


def _visible(user: User, batch_id: str) -> PayoutBatch:
    mine = PayoutBatch.objects.all() if user.role == Role.ADMIN else PayoutBatch.objects.filter(creator=user)
    batch = mine.filter(batch_id=batch_id).first() if re.fullmatch(BATCH_ID, batch_id) else None
    if batch is None:
        raise PayoutNotFound
    return batch


def _require_references(user: User, orders: Sequence[PayoutOrder]) -> None:
    if user.needs_reference:
        sentence = ["This client was set to give one with every payout."]
        missing = [index for index, order in enumerate(orders) if not order.reference_id]
        if missing:
            raise BatchRefused({index: InvalidRequest({"reference_id": sentence}) for index in missing})


def _accepted(batch: PayoutBatch, at: datetime) -> dict[str, Any]:
    read = shown.of_batch(batch)
    return {
        "batch_id": batch.batch_id,
        "total_payouts": batch.total_payouts,
        "total_amount_usdt": to_decimal(batch.total_amount),
        "status": batches.progress_of(batch).status,
        "payout_ids": [one.payout.payout_id for one in read.found],
        "estimated_completion": _completion(read, at),
        "created_at": batch.created_at,
    }


def _completion(read: Reading, at: datetime) -> datetime | None:
    """When the last of these will probably be confirmed; None where one waits for a person, or none is left."""
    going = [one for one in read.found if one.payout.status not in ENDED]
    starts = forecast.starts([one.payout for one in going], at)
    found = [estimates.completion(one.payout, one.attempt, at, starts, read.head) for one in going]
    known = [moment for moment in found if moment is not None]
    return max(known) if known and len(known) == len(found) else None
