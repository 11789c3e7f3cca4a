"""Alarms: what a person should know, with when it began and when it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from lucid_payments.backoffice import banners, formats
from lucid_payments.backoffice.banners import Banner, Level
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.admin import words
from payouts.models import Alarm

NAMES = {
    "treasury_compromised": "Treasury key known to others",
    "treasury_usdt_low": "Little USDT left",
    "treasury_trx_low": "Little TRX left",
    "chain_stands": "Final blocks stand still",
    "payout_unresolved": "A payout needs people",
    "paid_differently": "A payout was paid differently",
    "unknown_transfer": "Unknown outgoing transfer",
    "list_ageing": "Sanctions list gets old",
    "heartbeat_unsent": "The heartbeat isn't taken outside",
    "sweep_refused": "The signer refuses a sweep",
    "sweep_differs": "A sweep did something else",
    "tor_away": "Tor is away",
}


def name_of(kind: str) -> str:
    """An alarm's kind in words; many are a hold's reason."""
    known = words.HOLDS.get(kind)
    if kind in NAMES:
        return NAMES[kind]
    return known.words if known else kind.replace("_", " ").capitalize()


@banners.register
def _alarm_banners() -> Iterator[Banner]:
    url = reverse("admin:payouts_alarm_changelist")
    for alarm in Alarm.objects.filter(cleared_at=None).order_by("id"):
        yield Banner(Level.WARNING, f"Alarm: {name_of(alarm.kind)}", alarm.detail, url)


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("raised", "Raised"), ("cleared", "Over")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(cleared_at__isnull=value == "raised")


class RaisedFilter(DaysFilter):
    title = "Raised"
    column = "raised_at"


@admin.register(Alarm, site=site)
class AlarmAdmin(RecordAdmin):
    area = Area.ALARMS
    title = "Alarms"
    group = Group.WORK
    place = 40
    about = "Each is raised once, shown on every page, and over by itself when its cause has ended."
    list_display = ("kind_shown", "state_shown", "detail", "raised_shown", "cleared_shown")
    list_filter = (StateFilter, RaisedFilter)

    @admin.display(description="Alarm")
    def kind_shown(self, alarm: Alarm) -> str:
        return name_of(alarm.kind)

    @admin.display(description="State")
    def state_shown(self, alarm: Alarm) -> SafeString:
        if alarm.cleared_at is None:
            return formats.badge("Raised", Tone.BAD)
        return formats.badge("Over", Tone.GOOD)

    @admin.display(description="Raised (UTC)")
    def raised_shown(self, alarm: Alarm) -> SafeString | str:
        return formats.moment(alarm.raised_at)

    @admin.display(description="Over (UTC)")
    def cleared_shown(self, alarm: Alarm) -> SafeString | str:
        return formats.moment(alarm.cleared_at)
