"""The list of payouts: what each one is, where it stands, and why it waits."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments.audit.admin import register_ids
from lucid_payments.audit.archives import page as archives
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter, FormFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.clock import LucidNow
from payouts.admin import payout_page, words
from payouts.archive import contents
from payouts.models import Attempt, Payout
from payouts.models.payout import BatchType, HoldReason, PayoutStatus, Priority
from routers.choices import RouterType

ROUTERS = {RouterType.V0.value: "V0", RouterType.KYC.value: "KYC"}
NOT_HELD = "none"
_TXID = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_ADDRESS = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII)
# Only these are ever held, and they are few; an index finds them among millions that have ended.
_HOLDABLE = (PayoutStatus.SCHEDULED, PayoutStatus.AWAITING_APPROVAL, PayoutStatus.MANUAL)


class StatusFilter(ChoiceFilter):
    title = "Status"
    parameters = ("status",)
    options = [(status.value, words.status_words(status)) for status in PayoutStatus]


class HoldFilter(ChoiceFilter):
    title = "Held because of"
    parameters = ("hold",)
    options = [
        (NOT_HELD, "Not held"),
        *((reason.value, words.hold_words(reason)) for reason in HoldReason),
    ]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == NOT_HELD:
            return queryset.filter(hold_reason=None)
        return queryset.filter(status__in=_HOLDABLE, hold_reason=value)


class RouterFilter(ChoiceFilter):
    title = "Router"
    parameters = ("router",)
    options = [(router.value, ROUTERS[router]) for router in RouterType]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(router_type=value)


class BatchTypeFilter(ChoiceFilter):
    title = "Batch type"
    parameters = ("batch_type",)
    options = [(kind.value, kind.value.capitalize()) for kind in BatchType]


class SlotFilter(FormFilter):
    """Of one slot of the schedule, as its page leads here; a field of the form only while it narrows."""

    title = "Slot"
    template = "admin/filters/slot.html"
    parameters = ("slot",)

    @property
    def value(self) -> str:
        return str(self.used_parameters["slot"])

    def has_output(self) -> bool:
        return bool(self.value)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value:
            return queryset
        if not (self.value.isascii() and self.value.isdecimal() and len(self.value) < 19):
            raise IncorrectLookupParameters("slot: no number")
        return queryset.filter(slot_id=int(self.value))


class CreatedFilter(DaysFilter):
    title = "Created"
    column = "created_at"


@admin.register(Payout, site=site)
class PayoutAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Payouts"
    group = Group.WORK
    place = 10
    search_for = "Payout or batch id, txid, recipient's address or reference, in full"
    page_template = "admin/payouts/payout.html"
    page_key = "payout_id"
    search_fields = ("payout_id",)
    list_display = (
        "id_shown", "status_shown", "hold_shown", "amount_shown", "recipient_shown", "router_shown",
        "priority_shown", "age_shown", "creator_shown",
    )  # fmt: skip
    list_filter = (StatusFilter, HoldFilter, RouterFilter, BatchTypeFilter, CreatedFilter, SlotFilter)
    list_select_related = ("creator",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        age = ExpressionWrapper(LucidNow() - F("created_at"), output_field=DurationField())
        payouts: QuerySet[Any] = super().get_queryset(request).annotate(age=age)
        return payouts

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        """One look-up by what the term's form says it is; a reference may be anything else."""
        if _TXID.fullmatch(term):
            return queryset.filter(pk__in=Attempt.objects.filter(txid=term.lower()).values("payout_id"))
        if _ADDRESS.fullmatch(term):
            return queryset.filter(recipient_address=term)
        if term.startswith("payout_"):
            return queryset.filter(payout_id=term)
        if term.startswith("batch_"):
            return queryset.filter(batch__batch_id=term)
        # Unique per creator: PostgreSQL skips through that index, creator by creator.
        return queryset.filter(reference_id=term)

    def get_urls(self) -> list[URLPattern]:
        archive = self.admin_site.admin_view(self.archive_view)
        return [path("<str:key>/archive/", archive, name=self._name("archive")), *super().get_urls()]

    def archive_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Everything about the payout in one zip, for who reads both the ledger and the audit log."""
        if not payout_page.may_archive(request.user):
            raise PermissionDenied
        payout = self._row(request, key)
        return archives.page(
            request,
            self.admin_site.each_context(request),
            contents.PAPERS,
            payout,
            back_url=self.url_of(payout),
        )

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return payout_page.context(request, row)

    @admin.display(description="Payout")
    def id_shown(self, payout: Payout) -> SafeString | str:
        return formats.code(payout.payout_id)

    @admin.display(description="Status")
    def status_shown(self, payout: Payout) -> SafeString:
        tone = words.status_tone(payout.status, payout.hold_reason)
        return formats.badge(words.status_words(payout.status), tone)

    @admin.display(description="Held because of", empty_value="")
    def hold_shown(self, payout: Payout) -> str:
        return words.hold_words(payout.hold_reason)

    @admin.display(description="Amount")
    def amount_shown(self, payout: Payout) -> SafeString:
        return format_html('{} <span class="unit">USDT</span>', formats.usdt(payout.amount))

    @admin.display(description="Recipient")
    def recipient_shown(self, payout: Payout) -> SafeString | str:
        return formats.code(payout.recipient_address)

    @admin.display(description="Router")
    def router_shown(self, payout: Payout) -> str:
        return ROUTERS[payout.router_type]

    @admin.display(description="Priority")
    def priority_shown(self, payout: Payout) -> str:
        return Priority(payout.priority).label.capitalize()

    @admin.display(description="Age")
    def age_shown(self, payout: Any) -> SafeString:
        return format_html(
            '<span title="{} UTC">{}</span>',
            payout.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            formats.span(payout.age),
        )

    @admin.display(description="Creator")
    def creator_shown(self, payout: Payout) -> str:
        return payout.creator.get_username()


def _audited_as(payout_id: str) -> tuple[str, str] | None:
    """How audit entries name the payout with this public id."""
    key = Payout.objects.filter(payout_id=payout_id).values_list("pk", flat=True).first()
    return None if key is None else (Payout._meta.label_lower, str(key))


register_ids("payout_", _audited_as)
