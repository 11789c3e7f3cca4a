"""The payout endpoints: create, read one, list."""

from __future__ import annotations

import re

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts import roles
from lucid_payments.api import idempotency, pagination
from lucid_payments.api.errors import InvalidRequest, PayoutNotFound
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller
from payouts.api import filters, forecast, reading, schema, shown
from payouts.api.access import sees, visible_to
from payouts.api.creation import create_once
from payouts.api.representation import represent
from payouts.api.serializers import PAYOUT_ID, PayoutOrderSerializer
from payouts.api.shown import Shown
from payouts.manager import PayoutManager


class PayoutsView(LucidView):
    permissions = {"POST": roles.CREATE, "GET": roles.LIST}
    rate_limits = {"POST": 10, "GET": 30}

    @schema.create_payout
    def post(self, request: Request) -> HttpResponse:
        return create_once(request, lambda: self._create(request))

    @schema.list_payouts
    def get(self, request: Request) -> Response:
        payouts, applied = filters.apply(visible_to(caller(request)), request.query_params)
        page = pagination.paginate(payouts.only("payout_id"), request.query_params, cursor_field="payout_id")
        read = shown.by_key([payout.pk for payout in page.rows])
        rows = [one.payout for one in read.found]
        reading.note(caller(request), rows)
        starts = forecast.starts(rows, read.at)
        return Response(
            {
                "payouts": [represent(one, head=read.head, at=read.at, starts=starts) for one in read.found],
                "pagination": page.pagination,
                "filters": applied,
            }
        )

    def _create(self, request: Request) -> Answer:
        serializer = PayoutOrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if caller(request).needs_reference and not serializer.validated_data.get("reference_id"):
            raise InvalidRequest({"reference_id": ["This client was set to give one with every payout."]})
        payout = PayoutManager.create(
            creator=caller(request),
            order=serializer.order(),
            request_id=request_id_of(request._request),
            idempotency_key=idempotency.key_of(request._request),
        )
        # It has no transaction yet, and so no block to count from.
        new = represent(Shown(payout), head=0, at=payout.created_at)
        return Answer(201, new, payout.payout_id)


class PayoutView(LucidView):
    """One payout; what belongs to somebody else doesn't exist."""

    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 60}

    @schema.get_payout
    def get(self, request: Request, payout_id: str) -> Response:
        if not re.fullmatch(PAYOUT_ID, payout_id):
            raise PayoutNotFound
        read = shown.by_id([payout_id], sees(caller(request)))
        if not read.found:
            raise PayoutNotFound
        reading.note(caller(request), [one.payout for one in read.found])
        return Response(represent(read.found[0], head=read.head, at=read.at))
