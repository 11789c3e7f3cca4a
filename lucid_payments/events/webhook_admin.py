"""Webhooks as staff see them: the endpoints, and each event's way to them with request and answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.events import deliveries, selection
from lucid_payments.events.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from lucid_payments.events.selection import NoSelection, Selection
from lucid_payments.events.webhook_acts import AGAIN, MANY_AGAIN, ON_AN_ENDPOINT, url_of

SHOWN_OF_AN_ENDPOINT = 20
_STATES = {
    DeliveryState.WAITING: ("Waiting", Tone.WAITING),
    DeliveryState.DELIVERED: ("Delivered", Tone.GOOD),
    DeliveryState.FAILED: ("Failed", Tone.BAD),
}


class SwitchFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("on", "On"), ("off", "Off"), ("deleted", "Deleted")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "deleted":
            return queryset.exclude(deleted_at=None)
        return queryset.filter(deleted_at=None, disabled_at__isnull=value == "on")


@admin.register(WebhookEndpoint, site=site)
class WebhookEndpointAdmin(RecordAdmin):
    area = Area.EVENTS
    title = "Webhooks"
    group = Group.PEOPLE
    place = 92
    about = "Where clients want to be told of events. They register them themselves; staff switch them off and on."
    search_for = "Webhook id or owner's name, in full"
    search_fields = ("webhook_id",)
    page_template = "admin/events/endpoint.html"
    page_key = "webhook_id"
    list_display = (
        "url_shown", "owner_shown", "state_shown", "types_shown", "waiting_shown", "failed_shown", "success_shown",
    )  # fmt: skip
    list_select_related = ("owner",)
    list_filter = (SwitchFilter,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(
            waiting=_number(DeliveryState.WAITING), failed=_number(DeliveryState.FAILED)
        )
        return counted

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        if term.startswith("wh_"):
            return queryset.filter(webhook_id=term)
        return queryset.filter(owner__username=term)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        last = row.deliveries.select_related("event").order_by("-pk")[:SHOWN_OF_AN_ENDPOINT]
        failed = Selection(state=DeliveryState.FAILED, search=row.webhook_id)
        return {
            "title": f"Webhook of {row.owner}",
            "state": _switch(row),
            "buttons": [
                *(acts.button(act.kind, row.webhook_id, request.user, row) for act in ON_AN_ENDPOINT),
            ],
            "again": replace(
                acts.button(MANY_AGAIN.kind, failed.key, request.user, failed), words="Send what failed again"
            ),
            "deliveries": [(delivery, _STATES[DeliveryState(delivery.state)]) for delivery in last],
            "all_url": f"{reverse('admin:events_webhookdelivery_changelist')}?q={row.webhook_id}",
        }

    @admin.display(description="URL")
    def url_shown(self, row: WebhookEndpoint) -> SafeString | str:
        return formats.code(row.url)

    @admin.display(description="Owner")
    def owner_shown(self, row: WebhookEndpoint) -> str:
        return row.owner.get_username()

    @admin.display(description="State")
    def state_shown(self, row: WebhookEndpoint) -> SafeString:
        return formats.badge(*_switch(row))

    @admin.display(description="Events")
    def types_shown(self, row: WebhookEndpoint) -> str:
        return ", ".join(row.types) or "All"

    @admin.display(description="Waiting")
    def waiting_shown(self, row: Any) -> str:
        return formats.count(row.waiting)

    @admin.display(description="Failed")
    def failed_shown(self, row: Any) -> str:
        return formats.count(row.failed)

    @admin.display(description="Last success (UTC)")
    def success_shown(self, row: WebhookEndpoint) -> SafeString | str:
        return formats.moment(row.last_success_at) if row.last_success_at else "Never"


class DeliveryStateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, words) for state, (words, _) in _STATES.items()]


class CreatedFilter(DaysFilter):
    title = "Created"
    column = "created_at"


@admin.register(WebhookDelivery, site=site)
class WebhookDeliveryAdmin(RecordAdmin):
    area = Area.EVENTS
    title = "Deliveries"
    group = Group.PEOPLE
    place = 93
    about = "One event on its way to one endpoint: tried at once and then for four days, until it is taken."
    search_for = "Webhook id, event id, payout id or owner's name, in full"
    search_fields = ("pk",)
    page_template = "admin/events/delivery.html"
    change_list_template = "admin/events/deliveries.html"
    list_display = (
        "number_shown",
        "event_shown",
        "owner_shown",
        "url_shown",
        "state_shown",
        "tries_shown",
        "made_shown",
    )
    list_select_related = ("endpoint__owner", "event")
    list_filter = (DeliveryStateFilter, CreatedFilter)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return selection.named(queryset, term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            chosen = Selection.of({name: request.GET.get(name, "") for name in selection.PARAMETERS})
        except NoSelection:
            chosen = Selection()
        button = acts.button(MANY_AGAIN.kind, chosen.key, request.user, chosen)
        return super().changelist_view(request, {"again": button, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "title": f"Delivery {row.pk}",
            "state": _STATES[DeliveryState(row.state)],
            "endpoint_url": url_of(row.endpoint),
            "sent": deliveries.unsigned(row),
            "tries": row.made.order_by("-pk"),
            "button": acts.button(AGAIN.kind, row.pk, request.user, row),
        }

    @admin.display(description="Number")
    def number_shown(self, row: WebhookDelivery) -> str:
        return str(row.pk)

    @admin.display(description="Event")
    def event_shown(self, row: WebhookDelivery) -> str:
        return row.event.type

    @admin.display(description="Owner")
    def owner_shown(self, row: WebhookDelivery) -> str:
        return row.endpoint.owner.get_username()

    @admin.display(description="To")
    def url_shown(self, row: WebhookDelivery) -> SafeString | str:
        return formats.code(row.endpoint.url)

    @admin.display(description="State")
    def state_shown(self, row: WebhookDelivery) -> SafeString:
        return formats.badge(*_STATES[DeliveryState(row.state)])

    @admin.display(description="Tries")
    def tries_shown(self, row: WebhookDelivery) -> str:
        return formats.count(row.tries)

    @admin.display(description="Created (UTC)")
    def made_shown(self, row: WebhookDelivery) -> SafeString | str:
        return formats.moment(row.created_at)


def _switch(endpoint: WebhookEndpoint) -> tuple[str, Tone]:
    if endpoint.deleted_at is not None:
        return "Deleted", Tone.QUIET
    return ("Off", Tone.BAD) if endpoint.disabled_at else ("On", Tone.GOOD)


def _number(state: DeliveryState) -> Any:
    """How many deliveries of each endpoint are in this state."""
    rows = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), state=state).order_by()
    return Coalesce(Subquery(rows.values("endpoint").annotate(number=Count("pk")).values("number")), 0)
