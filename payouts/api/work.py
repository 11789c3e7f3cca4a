"""Blockchain Core's events: what it posts is written down, one fact or up to a thousand at once."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from lucid_payments import clock
from lucid_payments.accounts import roles
from lucid_payments.api import body_signatures, idempotency
from lucid_payments.api.error_shape import by_field
from lucid_payments.api.errors import InvalidRequest
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller
from payouts.api import work_schema
from payouts.api.work_facts import (
    DeregistrationSerializer,
    FactSerializer,
    RegistrationSerializer,
    ReputationSerializer,
    SessionSerializer,
)
from payouts.distribution import reports
from payouts.models.work import WorkKind

MOST: Final = 1000
# More than these aren't named: the rest is as likely as not the same mistake.
NAMED: Final = 20


class WorkView(LucidView):
    """One kind of event."""

    permissions = {"POST": roles.REPORT}
    rate_limits = {"POST": 600}
    kind: ClassVar[WorkKind]
    serializer: ClassVar[type[FactSerializer]]

    def take(self, request: Request) -> HttpResponse:
        # Outside of what is kept under the request's key: what isn't signed well was never asked.
        signed_by = body_signatures.verified(request._request, caller(request))
        return idempotency.run_once(request._request, caller(request), lambda: self._take(request, signed_by))

    def _take(self, request: Request, signed_by: str) -> Answer:
        facts = self._facts(request.data)
        taken = reports.take(
            self.kind,
            facts,
            reporter=caller(request),
            request_id=request_id_of(request._request),
            signed_by=signed_by,
        )
        return Answer(200, {"accepted": taken.accepted, "repeated": taken.repeated}, "")

    def _facts(self, body: Any) -> list[dict[str, Any]]:
        """Raises InvalidRequest: by field for one event, by place and field for a list."""
        form = self.serializer(context={"now": clock.now()})
        if not isinstance(body, list):
            try:
                return [form.run_validation(body)]
            except serializers.ValidationError as error:
                raise InvalidRequest(by_field(error.detail)) from None
        if not 1 <= len(body) <= MOST:
            raise InvalidRequest({"body": [f"Give one event, or a list of 1 to {MOST}."]})
        found, refused = [], {}
        for place, item in enumerate(body):
            try:
                found.append(form.run_validation(item))
            except serializers.ValidationError as error:
                refused[str(place)] = by_field(error.detail)
                if len(refused) == NAMED:
                    break
        if refused:
            raise InvalidRequest(refused)
        return found


class SessionView(WorkView):
    kind = WorkKind.SESSION_COMPLETED
    serializer = SessionSerializer

    @work_schema.session_completed
    def post(self, request: Request) -> HttpResponse:
        return self.take(request)


class ReputationView(WorkView):
    kind = WorkKind.NODE_REPUTATION
    serializer = ReputationSerializer

    @work_schema.node_reputation
    def post(self, request: Request) -> HttpResponse:
        return self.take(request)


class RegisteredView(WorkView):
    kind = WorkKind.NODE_REGISTERED
    serializer = RegistrationSerializer

    @work_schema.node_registered
    def post(self, request: Request) -> HttpResponse:
        return self.take(request)


class DeregisteredView(WorkView):
    kind = WorkKind.NODE_DEREGISTERED
    serializer = DeregistrationSerializer

    @work_schema.node_deregistered
    def post(self, request: Request) -> HttpResponse:
        return self.take(request)
