"""What Blockchain Core has told: each event as it came, with the one that corrects it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from kyc.models import Node, NodeOperator
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.models import Payout, SessionPayment, WorkEvent, WorkKind


class KindFilter(ChoiceFilter):
    title = "Kind"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in WorkKind]


@admin.register(WorkEvent, site=site)
class WorkEventAdmin(RecordAdmin):
    area = Area.EVENTS
    title = "Work reported"
    group = Group.EVIDENCE
    place = 81
    about = (
        "What Blockchain Core tells of nodes and their work, as it came. Rows are never changed: a mistake is "
        "corrected by another event that names it."
    )
    search_for = "Event, session or node id, in full"
    search_fields = ("event_id",)
    page_template = "admin/payouts/work_event.html"
    page_key = "event_id"
    list_filter = (KindFilter,)
    list_display = ("event_id_shown", "kind_shown", "about_shown", "amount_shown", "occurred_shown")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        found = queryset.filter(event_id=term) | queryset.filter(session_id=term)
        return found | queryset.exclude(kind=WorkKind.SESSION_COMPLETED).filter(node_id=term)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        payouts = (
            Payout.objects.filter(session_id=row.session_id) if row.session_id else Payout.objects.none()
        )
        return {
            "title": f"Event {row.event_id}",
            "corrected_by": WorkEvent.objects.filter(corrects=row.event_id).order_by("id").first(),
            "corrected": WorkEvent.objects.filter(event_id=row.corrects).first() if row.corrects else None,
            "node": Node.objects.select_related("operator").filter(node_id=row.node_id).first(),
            "operator_known": NodeOperator.objects.filter(operator_id=row.operator_id).exists(),
            "payouts": payouts.order_by("id")[:20],
            "payment": SessionPayment.objects.filter(session_id=row.session_id or "").first(),
        }

    @admin.display(description="Event")
    def event_id_shown(self, event: WorkEvent) -> SafeString | str:
        return formats.code(event.event_id)

    @admin.display(description="Kind")
    def kind_shown(self, event: WorkEvent) -> str:
        return event.get_kind_display()

    @admin.display(description="About")
    def about_shown(self, event: WorkEvent) -> str:
        return event.session_id or event.node_id or formats.NOTHING

    @admin.display(description="How much")
    def amount_shown(self, event: WorkEvent) -> str:
        if event.kind == WorkKind.SESSION_COMPLETED:
            return f"{event.sessions_relayed:,} sessions, {_plain(event.megabytes_relayed)} MB"
        return _plain(event.score) if event.score is not None else formats.NOTHING

    @admin.display(description="When it happened (UTC)")
    def occurred_shown(self, event: WorkEvent) -> SafeString | str:
        return formats.moment(event.occurred_at)


def _plain(number: Any) -> str:
    return f"{number:,f}".rstrip("0").rstrip(".")
