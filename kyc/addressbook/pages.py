"""The address book as staff see it: what each address is called, who says so, and when it was paid."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from kyc.addressbook import acts as book_acts
from kyc.addressbook import reading
from kyc.models import AddressEntry
from lucid_payments import clock
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.clock import LucidNow


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("known", "Known"), ("cooling", "Cooling off"), ("removed", "Removed")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "removed":
            return queryset.filter(removed_at__isnull=False)
        standing = queryset.filter(removed_at=None)
        return standing.filter(
            **({"counts_from__gt": LucidNow()} if value == "cooling" else {"counts_from__lte": LucidNow()})
        )


@admin.register(AddressEntry, site=site)
class AddressEntryAdmin(RecordAdmin):
    area = Area.RECIPIENTS
    title = "Address book"
    group = Group.PEOPLE
    place = 95
    about = (
        "Addresses that people have looked at. One person adds an address, and it counts after the cooling-off time; "
        "a second person's confirmation makes it count at once. Large payouts to an address that is neither here, nor "
        "a proven wallet, nor paid before, are held for that time."
    )
    search_for = "Address or name, in full"
    search_fields = ("address",)
    page_template = "admin/kyc/address.html"
    change_list_template = "admin/kyc/wallets.html"
    list_display = ("name_shown", "address_shown", "state_shown", "added_shown", "first_shown", "last_shown")
    list_filter = (StateFilter,)
    list_select_related = ("added_by", "confirmed_by")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(address=term) | queryset.filter(name=term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        button = acts.button(book_acts.ADD.kind, acts.NEW, request.user, None)
        answer = super().changelist_view(request, {"button": button, **(extra_context or {})})
        if hasattr(answer, "context_data") and answer.context_data and "cl" in answer.context_data:
            rows = answer.context_data["cl"].result_list
            told = reading.paid([row.address for row in rows])
            for row in rows:
                row.paid = told.get(row.address)
        return answer

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "title": f"{row.name}",
            "state": _state(row),
            "paid": reading.paid([row.address]).get(row.address),
            "alike": reading.look_alikes([row.address]).get(row.address, []),
            "buttons": [acts.button(act.kind, row.pk, request.user, row) for act in book_acts.ON_AN_ENTRY],
        }

    @admin.display(description="Name")
    def name_shown(self, entry: AddressEntry) -> str:
        return entry.name

    @admin.display(description="Address")
    def address_shown(self, entry: AddressEntry) -> SafeString | str:
        return formats.code(entry.address)

    @admin.display(description="State")
    def state_shown(self, entry: AddressEntry) -> SafeString:
        return _state(entry)

    @admin.display(description="Added by")
    def added_shown(self, entry: AddressEntry) -> str:
        second = f", {entry.confirmed_by.get_username()}" if entry.confirmed_by else ""
        return f"{entry.added_by.get_username()}{second}"

    @admin.display(description="First paid (UTC)")
    def first_shown(self, entry: Any) -> SafeString | str:
        return formats.moment(entry.paid.first if entry.paid else None)

    @admin.display(description="Last paid (UTC)")
    def last_shown(self, entry: Any) -> SafeString | str:
        return formats.moment(entry.paid.last if entry.paid else None)


def _state(entry: AddressEntry) -> SafeString:
    if entry.removed_at is not None:
        return formats.badge("Removed", Tone.QUIET)
    if entry.confirmed_by_id is not None:
        return formats.badge("Confirmed", Tone.GOOD)
    if entry.counts(clock.now()):
        return formats.badge("Counts", Tone.GOOD)
    return formats.badge("Cooling off", Tone.WAITING)
