"""The queue of what needs people, and each case's page: all that is known of it, and the acts that can end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.backoffice import acts, formats, overview
from lucid_payments.backoffice.acts import Button
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import cases
from payouts.acts.cases import RESOLVING, words_of
from payouts.admin import payout_page
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.models.cases import CaseKind, ChainSearch, Conclusion, Evidence, ManualCase
from payouts.models.chain import ChainState
from payouts.tron.networks import NETWORKS

ENDS = {
    CaseKind.UNRESOLVED: (
        "It ends by itself as soon as two providers agree about it: a node that is away comes back, one that"
        " lags catches up, one that lies is taken out of TRON_NODES. Else search the chain, and two people decide by"
        " what the search shows. While it may still land, nobody can let it go."
    ),
    CaseKind.PAID_DIFFERENTLY: (
        "Two people book what the transaction really moved, and the payout ends. It is never tried again."
    ),
    CaseKind.UNKNOWN_TRANSFER: (
        "Search the blocks in which it left, and two people book it to losses or suspense. Until then nothing is"
        " signed. If it wasn't you, somebody else holds the treasury's key: move what is left first."
    ),
}
TONES = {
    Conclusion.PAID: Tone.GOOD,
    Conclusion.NEVER: Tone.GOOD,
    Conclusion.REVERTED: Tone.GOOD,
    Conclusion.NOTHING_FOUND: Tone.GOOD,
    Conclusion.PAID_DIFFERENTLY: Tone.WAITING,
    Conclusion.UNKNOWN_FOUND: Tone.WAITING,
    Conclusion.MAY_LAND: Tone.WAITING,
    Conclusion.UNANSWERED: Tone.BAD,
    Conclusion.CONTRADICTION: Tone.BAD,
}


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("open", "Open"), ("closed", "Closed")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(closed_at__isnull=value == "open")


class KindFilter(ChoiceFilter):
    title = "What"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in CaseKind]


@dataclass(frozen=True, slots=True)
class SearchShown:
    """A search, and what it showed once it is done."""

    row: ChainSearch
    evidence: Evidence | None
    words: str
    tone: Tone
    told: list[tuple[str, str, str]]
    moved: list[tuple[str, int]]
    unknown: list[dict[str, Any]]
    usable_until: Any


@admin.register(ManualCase, site=site)
class ManualCaseAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Needs people"
    group = Group.WORK
    place = 8
    about = "What no rule can end. Each case waits here until it ends by itself, or two people decide on evidence."
    page_template = "admin/payouts/case.html"
    change_list_template = "admin/payouts/cases.html"
    list_display = (
        "number_shown", "kind_shown", "about_shown", "amount_shown", "opened_shown", "state_shown", "by_shown",
    )  # fmt: skip
    list_filter = (StateFilter, KindFilter)
    list_select_related = ("payout",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"waiting": waiting(), **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return context(request, row)

    @admin.display(description="Case")
    def number_shown(self, case: ManualCase) -> str:
        return str(case.pk)

    @admin.display(description="What")
    def kind_shown(self, case: ManualCase) -> str:
        return case.get_kind_display()

    @admin.display(description="About")
    def about_shown(self, case: ManualCase) -> SafeString | str:
        return formats.code(case.payout.payout_id if case.payout else case.txid or None)

    @admin.display(description="Amount")
    def amount_shown(self, case: ManualCase) -> SafeString:
        return format_html('{} <span class="unit">USDT</span>', formats.usdt(case.amount))

    @admin.display(description="Opened (UTC)")
    def opened_shown(self, case: ManualCase) -> SafeString | str:
        return formats.moment(case.opened_at)

    @admin.display(description="State")
    def state_shown(self, case: ManualCase) -> SafeString:
        return badge_of(case)

    @admin.display(description="Closed by")
    def by_shown(self, case: ManualCase) -> str:
        return case.closed_by


def badge_of(case: ManualCase) -> SafeString:
    if case.closed_at is None:
        return formats.badge("Open", Tone.BAD)
    return formats.badge(case.get_end_display(), Tone.GOOD)


def waiting() -> list[tuple[ManualCase, timedelta]]:
    """The queue: what is open, the oldest first, with its age."""
    now = clock.now()
    rows = ManualCase.objects.filter(closed_at=None).select_related("payout").order_by("opened_at", "pk")
    return [(case, now - case.opened_at) for case in rows]


def context(request: HttpRequest, case: ManualCase) -> dict[str, Any]:
    """Everything known of a case, and the acts that its newest evidence allows."""
    searches = [
        _shown(search) for search in case.searches.select_related("evidence", "asked_by").order_by("-pk")
    ]
    newest = next((shown.evidence for shown in searches if shown.evidence is not None), None)
    attempts = list(case.payout.attempts.prefetch_related("answers").order_by("-pk")) if case.payout else []
    state = ChainState.objects.get(pk=1)
    network = NETWORKS[settings.TRON_NETWORK]
    return {
        "title": f"Case {case.pk}: {case.get_kind_display()}",
        "case": case,
        "badge": badge_of(case),
        "age": clock.now() - case.opened_at,
        "ends": ENDS[CaseKind(case.kind)],
        "explorer_url": network.transaction_url(case.txid) if case.txid else None,
        "attempts": [payout_page.shown(attempt, state.head_number) for attempt in attempts],
        "required_confirmations": REQUIRED_CONFIRMATIONS,
        "absence": case.attempt.absence if case.attempt else None,
        "chain": state,
        "solid_time": clock.from_ms(state.solid_time_ms),
        "expires_at": clock.from_ms(case.attempt.expiration_ms) if case.attempt else None,
        "searches": searches,
        "search_button": acts.button("case.search", case.pk, request.user, case),
        "buttons": _buttons(request, case, newest) if case.closed_at is None else [],
        "booked": list(case.booked.all()),
    }


def _buttons(request: HttpRequest, case: ManualCase, newest: Evidence | None) -> list[Button]:
    if newest is None:
        return []
    return [
        acts.button(act.kind, newest.pk, request.user, act.find(str(newest.pk)))
        for act in RESOLVING[CaseKind(case.kind)]
    ]


def _shown(search: ChainSearch) -> SearchShown:
    evidence: Evidence | None = getattr(search, "evidence", None)
    if evidence is None:
        return SearchShown(search, None, "Searching, or given up", Tone.WAITING, [], [], [], None)
    conclusion = Conclusion(evidence.conclusion)
    return SearchShown(
        row=search,
        evidence=evidence,
        words=conclusion.label,
        tone=TONES[conclusion],
        told=[(said["node"], said["operator"], words_of(said)) for said in evidence.told],
        moved=[(to, amount) for to, amount in evidence.facts.get("moved", [])],
        unknown=[
            {**leaving, "usdt": sum(amount for _, amount in leaving["moved"])}
            for leaving in evidence.facts.get("unknown", [])
        ],
        usable_until=evidence.at + cases.FRESH,
    )


def _panel() -> dict[str, Any]:
    return {"waiting": waiting(), "url": reverse("admin:payouts_manualcase_changelist")}


overview.register(overview.Panel(Area.PAYOUTS, "admin/overview/cases.html", _panel, place=1))
