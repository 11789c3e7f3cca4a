"""Blocked callers, as staff see them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from lucid_payments.api.block_acts import BLOCK, RELEASE
from lucid_payments.api.models import Block, BlockCause, OffenceTally
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site

TALLIES_SHOWN = 20


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("blocked", "Blocked"), ("over", "Over")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        now = timezone.now()
        if value == "blocked":
            return queryset.filter(Q(ends_at=None) | Q(ends_at__gt=now), released_at=None)
        return queryset.filter(Q(ends_at__lte=now) | Q(released_at__isnull=False))


class CauseFilter(ChoiceFilter):
    title = "Because of"
    parameters = ("cause",)
    options = [(cause.value, cause.label) for cause in BlockCause]


@admin.register(Block, site=site)
class BlockAdmin(RecordAdmin):
    area = Area.PEOPLE
    title = "Blocked callers"
    group = Group.PEOPLE
    place = 94
    about = (
        "Keys, users and Tor circuits that went over their limits, or failed to authenticate, again and again. "
        "Each block of a week lasts twice as long as the one before."
    )
    search_for = "Client's name, or circuit with its word before it, in full"
    search_fields = ("label",)
    page_template = "admin/api/block.html"
    change_list_template = "admin/accounts/people.html"
    list_display = (
        "caller_shown",
        "cause_shown",
        "offences_shown",
        "state_shown",
        "began_shown",
        "ends_shown",
    )
    list_select_related = ("blocked_by", "released_by")
    list_filter = (StateFilter, CauseFilter)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(label=term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        create = acts.button(BLOCK.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"create": create, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        tallies = OffenceTally.objects.filter(subject=row.subject).order_by("-window_at")
        return {
            "title": f"Blocked: {row.label}",
            "state": _state(row),
            "cause": row.get_cause_display(),
            "tallies": [(tally, tally.get_cause_display()) for tally in tallies[:TALLIES_SHOWN]],
            "button": acts.button(RELEASE.kind, row.pk, request.user, row),
        }

    @admin.display(description="Caller")
    def caller_shown(self, row: Block) -> str:
        return row.label

    @admin.display(description="Because of")
    def cause_shown(self, row: Block) -> str:
        return row.get_cause_display()

    @admin.display(description="Offences")
    def offences_shown(self, row: Block) -> str:
        return formats.count(row.offences)

    @admin.display(description="State")
    def state_shown(self, row: Block) -> SafeString:
        return formats.badge(*_state(row))

    @admin.display(description="Blocked (UTC)")
    def began_shown(self, row: Block) -> SafeString | str:
        return formats.moment(row.began_at)

    @admin.display(description="Until (UTC)")
    def ends_shown(self, row: Block) -> SafeString | str:
        return formats.moment(row.ends_at) if row.ends_at else "Released"


def _state(row: Block) -> tuple[str, Tone]:
    if row.released_at is not None:
        return "Released", Tone.GOOD
    if row.ends_at is not None and row.ends_at <= timezone.now():
        return "Over", Tone.QUIET
    return "Blocked", Tone.BAD
