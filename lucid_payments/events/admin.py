"""The event outbox: what clients are told, as it was written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from lucid_payments.backoffice import formats
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.events.models import Event


@admin.register(Event, site=site)
class EventAdmin(RecordAdmin):
    area = Area.EVENTS
    title = "Events"
    group = Group.EVIDENCE
    place = 80
    about = "Written in the transaction of the change itself. Rows are never changed."
    search_for = "Event id, payout id or owner's name, in full"
    search_fields = ("event_id",)
    page_template = "admin/events/event.html"
    page_key = "event_id"
    list_display = ("event_id_shown", "type", "subject_shown", "owner_shown", "created_shown")
    list_select_related = ("owner",)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        if term.startswith("evt_"):
            return queryset.filter(event_id=term)
        if term.startswith("payout_"):
            return queryset.filter(subject_type="payout", subject_id=term)
        return queryset.filter(owner__username=term)

    @admin.display(description="Event")
    def event_id_shown(self, event: Event) -> SafeString | str:
        return formats.code(event.event_id)

    @admin.display(description="About")
    def subject_shown(self, event: Event) -> str:
        return f"{event.subject_type} {event.subject_id}"

    @admin.display(description="Owner")
    def owner_shown(self, event: Event) -> str:
        return event.owner.get_username() if event.owner else formats.NOTHING

    @admin.display(description="When (UTC)")
    def created_shown(self, event: Event) -> SafeString | str:
        return formats.moment(event.created_at)
