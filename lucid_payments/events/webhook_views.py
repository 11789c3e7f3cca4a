"""`/webhooks`: a client's own endpoints."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.api import idempotency
from lucid_payments.api.errors import HttpError
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller
from lucid_payments.events import schema, signatures, webhooks
from lucid_payments.events.bodies import EndpointSerializer
from lucid_payments.events.models import WebhookEndpoint

PER_MINUTE: Final = 10


class WebhooksView(LucidView):
    permissions = {"GET": roles.LIST, "POST": roles.LIST}
    rate_limits = {"GET": PER_MINUTE, "POST": PER_MINUTE}

    @schema.list_webhooks
    def get(self, request: Request) -> Response:
        return Response({"webhooks": [_shown(endpoint) for endpoint in webhooks.of(caller(request))]})

    @schema.register_webhook
    def post(self, request: Request) -> HttpResponse:
        return idempotency.run_once(request._request, caller(request), lambda: self._register(request))

    def _register(self, request: Request) -> Answer:
        body = EndpointSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        endpoint = webhooks.register(
            caller(request),
            url=body.validated_data["url"],
            types=body.validated_data.get("types", []),
            request_id=request_id_of(request._request),
        )
        return Answer(201, _shown(endpoint), endpoint.webhook_id)


class WebhookView(LucidView):
    permissions = {"GET": roles.LIST, "DELETE": roles.LIST}
    rate_limits = {"GET": PER_MINUTE, "DELETE": PER_MINUTE}

    @schema.get_webhook
    def get(self, request: Request, webhook_id: str) -> Response:
        return Response(_shown(_own(caller(request), webhook_id)))

    @schema.delete_webhook
    def delete(self, request: Request, webhook_id: str) -> Response:
        endpoint = _own(caller(request), webhook_id)
        webhooks.delete(endpoint, actor=caller(request), request_id=request_id_of(request._request))
        return Response({"webhook_id": endpoint.webhook_id, "deleted": True})


class WebhookSecretView(LucidView):
    """The secret, read rather than answered by the creation: an answer to a POST is kept for its Idempotency-Key."""

    permissions = {"GET": roles.LIST, "POST": roles.LIST}
    rate_limits = {"GET": PER_MINUTE, "POST": PER_MINUTE}

    @schema.get_webhook_secret
    def get(self, request: Request, webhook_id: str) -> Response:
        endpoint = _own(caller(request), webhook_id)
        overlaps = endpoint.previous_until is not None and timezone.now() < endpoint.previous_until
        previous = signatures.secret(endpoint, endpoint.secret_version - 1) if overlaps else None
        return Response(
            {
                "webhook_id": endpoint.webhook_id,
                "secret": signatures.secret(endpoint),
                "previous_secret": previous,
                "previous_until": endpoint.previous_until if overlaps else None,
            }
        )

    @schema.change_webhook_secret
    def post(self, request: Request, webhook_id: str) -> HttpResponse:
        """A new secret; for a day the old one signs beside it."""
        return idempotency.run_once(
            request._request, caller(request), lambda: self._change(request, webhook_id)
        )

    def _change(self, request: Request, webhook_id: str) -> Answer:
        endpoint = _own(caller(request), webhook_id)
        changed = webhooks.change_secret(
            endpoint, actor=caller(request), request_id=request_id_of(request._request)
        )
        return Answer(200, _shown(changed), changed.webhook_id)


class WebhookTestView(LucidView):
    """Sends `webhook.test` to this endpoint alone."""

    permissions = {"POST": roles.LIST}
    rate_limits = {"POST": PER_MINUTE}

    @schema.test_webhook
    def post(self, request: Request, webhook_id: str) -> HttpResponse:
        return idempotency.run_once(
            request._request, caller(request), lambda: self._test(request, webhook_id)
        )

    def _test(self, request: Request, webhook_id: str) -> Answer:
        endpoint = _own(caller(request), webhook_id)
        event = webhooks.test(endpoint)
        return Answer(
            200, {"webhook_id": endpoint.webhook_id, "event_id": event.event_id}, endpoint.webhook_id
        )


def _own(user: User, webhook_id: str) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.filter(owner=user, deleted_at=None).select_related("owner")
    endpoint = rows.filter(webhook_id=webhook_id).first() if "\0" not in webhook_id else None
    if endpoint is None:
        raise HttpError(404, {"webhook_id": ["There is no webhook of yours with this id."]})
    return endpoint


def _shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "webhook_id": endpoint.webhook_id,
        "url": endpoint.url,
        "types": endpoint.types,
        "enabled": endpoint.disabled_at is None,
        "disabled_because": endpoint.disabled_because or None,
        "last_success_at": endpoint.last_success_at,
        "created_at": endpoint.created_at,
    }
