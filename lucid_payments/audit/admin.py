"""The audit log, as its readers see it: who did what to what, and where the entry stands in the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from lucid_payments.audit.models import AuditEntry, AuditSeal
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import DaysFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site

# By a public id's beginning: what answers the row's type and key, as entries name it.
Resolver = Callable[[str], tuple[str, str] | None]
_RESOLVERS: Final[dict[str, Resolver]] = {}


def register_ids(prefix: str, resolver: Resolver) -> None:
    """Let the search take public ids that begin with `prefix`; apps above register theirs."""
    _RESOLVERS[prefix] = resolver


class WhenFilter(DaysFilter):
    title = "When"
    column = "at"


@admin.register(AuditEntry, site=site)
class AuditEntryAdmin(RecordAdmin):
    area = Area.AUDIT
    title = "Audit log"
    group = Group.EVIDENCE
    place = 70
    about = (
        "Written in the transaction of each act; a sealer chains the entries by hash a second later. "
        "Rows are never changed; the page of the chain proves it, and so does manage.py audit verify."
    )
    search_for = "Payout id, action (payout.created) or actor's name, in full"
    search_fields = ("action",)
    page_template = "admin/audit/entry.html"
    list_display = ("number_shown", "at_shown", "who_shown", "action", "object_shown", "seal_shown")
    list_filter = (WhenFilter,)
    list_select_related = ("seal",)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        for prefix, resolver in _RESOLVERS.items():
            if term.startswith(prefix):
                found = resolver(term)
                if found is None:
                    return queryset.none()
                return queryset.filter(object_type=found[0], object_id=found[1])
        if "." in term:
            return queryset.filter(action=term)
        return queryset.filter(actor__username=term)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "title": f"Audit entry {row.pk}",
            "seal": AuditSeal.objects.filter(entry=row).first(),
        }

    @admin.display(description="Who")
    def who_shown(self, row: AuditEntry) -> str:
        return row.actor_label

    @admin.display(description="Number")
    def number_shown(self, entry: AuditEntry) -> str:
        return str(entry.pk)

    @admin.display(description="When (UTC)")
    def at_shown(self, entry: AuditEntry) -> SafeString | str:
        return formats.moment(entry.at)

    @admin.display(description="On")
    def object_shown(self, entry: AuditEntry) -> str:
        return entry.object_label or formats.NOTHING

    @admin.display(description="Seal")
    def seal_shown(self, entry: AuditEntry) -> SafeString:
        seal = getattr(entry, "seal", None)
        if seal is None:
            return formats.badge("Not yet", Tone.WAITING)
        return formats.badge(f"Position {seal.position}", Tone.GOOD)
