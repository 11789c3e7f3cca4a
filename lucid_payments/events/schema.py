"""What the API's description says of events and webhooks: one `operation` for each method of a view."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from lucid_payments.api.openapi import refusals
from lucid_payments.api.openapi.fields import FreeObject, Moment
from lucid_payments.api.openapi.operations import link, operation
from lucid_payments.events.bodies import EndpointSerializer

EVENTS: Final = "Events and webhooks"
_EVENT_ID: Final = "evt_4mWc9YbQz2LsXk7TfRn1Vd"
_WEBHOOK_ID: Final = "wh_6pTq1ZkXs8NbLc3RmYd0Fa"


class EventShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    type = serializers.CharField(help_text="Such as `payout.confirmed`.")
    timestamp = Moment()
    # Taken from the class by its metaclass: not the serializer's own `data`.
    data = FreeObject(  # type: ignore[assignment]
        help_text="Thin: ids, state and amounts, no personal data; ask for the rest by its id."
    )


class EventsPaginationShown(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    has_next = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True, help_text="Kept when nothing is new: go on with it.")


class EventsShown(serializers.Serializer[Any]):
    events = EventShown(many=True)
    pagination = EventsPaginationShown()


class WebhookShown(serializers.Serializer[Any]):
    webhook_id = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField(), help_text="Empty: all of them.")
    enabled = serializers.BooleanField()
    disabled_because = serializers.CharField(allow_null=True)
    last_success_at = Moment(allow_null=True)
    created_at = Moment()


class WebhooksShown(serializers.Serializer[Any]):
    webhooks = WebhookShown(many=True)


class WebhookDeletedShown(serializers.Serializer[Any]):
    webhook_id = serializers.CharField()
    deleted = serializers.BooleanField()


class WebhookSecretShown(serializers.Serializer[Any]):
    webhook_id = serializers.CharField()
    secret = serializers.CharField(help_text="`whsec_` and base64, as Standard Webhooks has it.")
    previous_secret = serializers.CharField(allow_null=True)
    previous_until = Moment(allow_null=True, help_text="Until then the previous one signs, too.")


class WebhookTestedShown(serializers.Serializer[Any]):
    webhook_id = serializers.CharField()
    event_id = serializers.CharField()


_EVENT: Final = {
    "id": _EVENT_ID,
    "type": "payout.confirmed",
    "timestamp": "2026-01-31T12:01:21Z",
    "data": {"payout_id": refusals.PAYOUT, "status": "confirmed", "amount_usdt": "5.50"},
}
_WEBHOOK: Final = {
    "webhook_id": _WEBHOOK_ID,
    "url": "https://relays.example/hooks/lucid",
    "types": ["payout.confirmed", "payout.failed"],
    "enabled": True,
    "disabled_because": None,
    "last_success_at": None,
    "created_at": "2026-01-31T12:00:00Z",
}
_ID: Final = OpenApiParameter("webhook_id", {"type": "string"}, OpenApiParameter.PATH)
_TO_WEBHOOK: Final = {
    name: link(name, what, webhook_id="webhook_id")
    for name, what in {
        "getWebhook": "How it is.",
        "getWebhookSecret": "What signs its deliveries.",
        "testWebhook": "Send something there.",
        "deleteWebhook": "Take it away.",
    }.items()
}
_DELIVERY: Final = {
    "{$request.body#/url}": {
        "post": {
            "operationId": "deliverEvent",
            "summary": "What we send there",
            "description": (
                "Signed as Standard Webhooks says: `webhook-signature` is `v1,` and an HMAC of SHA-256 over "
                "`webhook-id.webhook-timestamp.body`. Anything else than 2xx is sent again for three days; 410 "
                "switches the endpoint off."
            ),
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
            ],
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventShown"}}}
            },
            "responses": {"2XX": {"description": "Received."}, "410": {"description": "Send no more."}},
        }
    }
}

list_events = operation(
    "listEvents",
    "What happened, oldest first",
    tag=EVENTS,
    description="The same bodies that webhooks carry. Ask again with `cursor` = `next_cursor` for what came since.",
    parameters=[
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
        OpenApiParameter("cursor", {"type": "string"}, description="The id of the last event that you have."),
        OpenApiParameter("type", {"type": "string", "maxLength": 60}, description="Only these."),
    ],
    answer=EventsShown,
    example={
        "events": [_EVENT],
        "pagination": {"limit": 20, "has_next": False, "next_cursor": _EVENT_ID},
    },
)
list_webhooks = operation(
    "listWebhooks",
    "Your webhooks",
    tag=EVENTS,
    answer=WebhooksShown,
    example={"webhooks": [_WEBHOOK]},
)
register_webhook = operation(
    "registerWebhook",
    "Be told of events",
    tag=EVENTS,
    description="At most 10. `types` absent or empty: all. Its secret is at `GET /webhooks/{webhook_id}/secret`.",
    body=EndpointSerializer,
    bodies={"Ends of payouts": {"url": _WEBHOOK["url"], "types": _WEBHOOK["types"]}},
    status=201,
    answer=WebhookShown,
    example=_WEBHOOK,
    links=_TO_WEBHOOK,
    callbacks={"delivery": _DELIVERY},
)
get_webhook = operation(
    "getWebhook",
    "Read a webhook",
    tag=EVENTS,
    parameters=[_ID],
    answer=WebhookShown,
    example=_WEBHOOK,
    refused=[refusals.UNKNOWN_PATH],
)
delete_webhook = operation(
    "deleteWebhook",
    "Be told no more",
    tag=EVENTS,
    parameters=[_ID],
    answer=WebhookDeletedShown,
    example={"webhook_id": _WEBHOOK_ID, "deleted": True},
    refused=[refusals.UNKNOWN_PATH],
    links={"getWebhook": link("getWebhook", "It isn't there any more.", webhook_id="webhook_id")},
)
get_webhook_secret = operation(
    "getWebhookSecret",
    "What signs a webhook's deliveries",
    tag=EVENTS,
    parameters=[_ID],
    answer=WebhookSecretShown,
    example={
        "webhook_id": _WEBHOOK_ID,
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "previous_secret": None,
        "previous_until": None,
    },
    refused=[refusals.UNKNOWN_PATH],
)
change_webhook_secret = operation(
    "changeWebhookSecret",
    "A new secret for a webhook",
    tag=EVENTS,
    description="For a day the old one signs beside it. Read the new one with `GET`.",
    parameters=[_ID],
    answer=WebhookShown,
    example=_WEBHOOK,
    refused=[refusals.UNKNOWN_PATH],
)
test_webhook = operation(
    "testWebhook",
    "Send `webhook.test` to a webhook",
    tag=EVENTS,
    parameters=[_ID],
    answer=WebhookTestedShown,
    example={"webhook_id": _WEBHOOK_ID, "event_id": _EVENT_ID},
    refused=[refusals.UNKNOWN_PATH],
)
