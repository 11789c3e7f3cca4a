"""Reconciliation's pages: every run with its figures, every case with both sides, and the report as a file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, factor, formats
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import treasury_keys
from payouts.models import Attempt, ReconciliationCase, ReconciliationRun
from payouts.models.cases import CaseKind as ForPeople
from payouts.models.cases import ManualCase
from payouts.models.reconciliation import CaseKind, CaseState, RunState
from payouts.reconciliation import books, cases, report, runs
from payouts.reconciliation.acts import EXPLAIN, RUN, case_url, words_of
from payouts.tron.networks import NETWORKS

TONES: dict[str, Tone] = {
    RunState.QUEUED: Tone.WAITING,
    RunState.RUNNING: Tone.MOVING,
    RunState.CLEAN: Tone.GOOD,
    RunState.DIFFERENCES: Tone.BAD,
    RunState.INCONCLUSIVE: Tone.WAITING,
    CaseState.OPEN: Tone.BAD,
    CaseState.EXPLAINED: Tone.GOOD,
}


class RunStateFilter(ChoiceFilter):
    title = "Result"
    parameters = ("state",)
    options = [(state.value, state.label) for state in RunState]


class AskedFilter(DaysFilter):
    title = "Asked for"
    column = "asked_at"


class CaseStateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in CaseState]


class CaseKindFilter(ChoiceFilter):
    title = "Difference"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in CaseKind]


@admin.register(ReconciliationRun, site=site)
class ReconciliationRunAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Reconciliation"
    group = Group.MONEY
    place = 61
    about = "Chain against books: every hour, and whenever somebody asks. Each run says what it compared."
    page_template = "admin/payouts/reconciliation_run.html"
    change_list_template = "admin/payouts/reconciliation.html"
    list_display = (
        "number_shown", "started_shown", "state_shown", "what_shown", "chain_amount_shown", "books_amount_shown",
        "checked_shown", "cases_shown", "took_shown", "by_shown",
    )  # fmt: skip
    list_filter = (RunStateFilter, AskedFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counted: QuerySet[Any] = super().get_queryset(request).annotate(case_count=Count("cases"))
        return counted

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download)
        return [*super().get_urls(), path("<str:key>/report.csv", download, name=self._name("report"))]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        since, last = runs.overdue_since(), runs.latest_whole()
        context = {
            "run_button": acts.button(RUN.kind, acts.NEW, request.user, runs.waiting()),
            "last": last,
            "last_tone": TONES[last.state] if last else Tone.WAITING,
            "age": clock.now() - since if since else None,
            "overdue": since is not None and clock.now() - since >= runs.OVERDUE_AFTER,
            "open_cases": ReconciliationCase.objects.filter(state=CaseState.OPEN).count(),
            "cases_url": reverse("admin:payouts_reconciliationcase_changelist"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: ReconciliationRun) -> dict[str, Any]:
        return {
            "state_words": row.get_state_display(),
            "state_tone": TONES[row.state],
            "took": _took(row),
            "what": _what(row),
            "sides": [
                (unit, chain, expected, chain - expected, booked)
                for unit, chain, expected, booked in (
                    ("USDT", row.chain_usdt, row.books_usdt, row.booked_usdt),
                    ("TRX", row.chain_trx, row.books_trx, row.booked_trx),
                )
                if chain is not None and expected is not None
            ],
            "cases": [(case, TONES[case.state], case_url(case)) for case in row.cases.order_by("pk")[:200]],
            "over": row.state not in (RunState.QUEUED, RunState.RUNNING),
            "asks_code": not factor.is_fresh(request),
            "report_url": reverse(f"admin:{self._name('report')}", args=[row.pk]),
        }

    def download(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """The report, row by row. Taking figures out of the house asks for a fresh second factor and is audited."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self._row(request, key)
        if not factor.is_fresh(request) and not factor.prove(
            request, request.POST.get("code", "")[:20], request_id=request_id_of(request)
        ):
            messages.error(request, f"{factor.WRONG} Nothing was exported.")
            return HttpResponseRedirect(self.url_of(run))
        with transaction.atomic():
            log.record(
                "reconciliation.exported",
                actor=cast(User, request.user),
                subject=run,
                request_id=request_id_of(request),
            )
        answer = StreamingHttpResponse(report.lines(run), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="reconciliation-{run.pk}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.display(description="Number")
    def number_shown(self, run: ReconciliationRun) -> str:
        return str(run.pk)

    @admin.display(description="Started (UTC)")
    def started_shown(self, run: ReconciliationRun) -> SafeString | str:
        return formats.moment(run.started_at)

    @admin.display(description="Result")
    def state_shown(self, run: ReconciliationRun) -> SafeString:
        return formats.badge(run.get_state_display(), TONES[run.state])

    @admin.display(description="Compared")
    def what_shown(self, run: ReconciliationRun) -> str:
        return _what(run)

    @admin.display(description="USDT on chain")
    def chain_amount_shown(self, run: ReconciliationRun) -> str:
        return formats.usdt(run.chain_usdt)

    @admin.display(description="In the books")
    def books_amount_shown(self, run: ReconciliationRun) -> str:
        return formats.usdt(run.books_usdt)

    @admin.display(description="Transactions")
    def checked_shown(self, run: ReconciliationRun) -> str:
        return f"{run.transactions_checked:,}"

    @admin.display(description="New cases")
    def cases_shown(self, run: Any) -> str:
        return str(run.case_count)

    @admin.display(description="Took")
    def took_shown(self, run: ReconciliationRun) -> str:
        return formats.span(_took(run))

    @admin.display(description="Started by")
    def by_shown(self, run: ReconciliationRun) -> str:
        return run.actor_label


@admin.register(ReconciliationCase, site=site)
class ReconciliationCaseAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Differences"
    group = Group.MONEY
    place = 62
    about = "What chain and books say differently, confirmed by two operators. Each stays until people explain it."
    page_template = "admin/payouts/reconciliation_case.html"
    search_for = "Txid, in full"
    search_fields = ("txid",)
    list_display = (
        "number_shown", "opened_shown", "state_shown", "kind_shown", "amount_shown", "txid_shown", "run_shown",
    )  # fmt: skip
    list_filter = (CaseStateFilter, CaseKindFilter)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(txid=term.lower())

    def page_context(self, request: HttpRequest, row: ReconciliationCase) -> dict[str, Any]:
        network = NETWORKS[settings.TRON_NETWORK]
        attempt = Attempt.objects.filter(txid=row.txid).select_related("payout").first() if row.txid else None
        rows = books.posted().filter(txid=row.txid) if row.txid else books.posted().none()
        return {
            "title": f"{row.get_kind_display()}",
            "state_words": row.get_state_display(),
            "state_tone": TONES[row.state],
            "is_balance": row.kind == CaseKind.BALANCE_DIFFERS,
            "explorer_url": network.transaction_url(row.txid) if row.txid else None,
            "treasury": ", ".join(treasury_keys.held()),
            "attempt": attempt,
            "transfers": rows.select_related("debit", "credit").order_by("pk"),
            "off": words_of(cases.correction(row)),
            "for_people": _for_people(row),
            "explain_button": acts.button(EXPLAIN.kind, row.pk, request.user, row),
            "run_url": reverse("admin:payouts_reconciliationrun_change", args=[row.run_id]),
        }

    @admin.display(description="Case")
    def number_shown(self, case: ReconciliationCase) -> str:
        return str(case.pk)

    @admin.display(description="Found (UTC)")
    def opened_shown(self, case: ReconciliationCase) -> SafeString | str:
        return formats.moment(case.opened_at)

    @admin.display(description="State")
    def state_shown(self, case: ReconciliationCase) -> SafeString:
        return formats.badge(case.get_state_display(), TONES[case.state])

    @admin.display(description="Difference")
    def kind_shown(self, case: ReconciliationCase) -> str:
        return case.get_kind_display()

    @admin.display(description="Chain less books")
    def amount_shown(self, case: ReconciliationCase) -> SafeString:
        return format_html('{} <span class="unit">{}</span>', formats.usdt(case.difference), case.currency)

    @admin.display(description="Transaction")
    def txid_shown(self, case: ReconciliationCase) -> SafeString | str:
        return formats.code(case.txid)

    @admin.display(description="Run")
    def run_shown(self, case: ReconciliationCase) -> str:
        return str(case.run_id)


def _for_people(case: ReconciliationCase) -> ManualCase | None:
    """Where two people find and book what left: by its transaction, or by the balance alone."""
    if case.kind not in (CaseKind.UNKNOWN_OUTGOING, CaseKind.BALANCE_DIFFERS):
        return None
    rows = ManualCase.objects.filter(kind=ForPeople.UNKNOWN_TRANSFER, txid=case.txid)
    if not case.txid:
        rows = rows.filter(closed_at=None)
    return rows.order_by("-pk").first()


def _took(run: ReconciliationRun) -> timedelta | None:
    if run.started_at is None:
        return None
    return (run.ended_at or clock.now()) - run.started_at


def _what(run: ReconciliationRun) -> str:
    if run.ranged:
        known = run.from_block is not None and run.to_block is not None
        return f"Blocks {run.from_block} to {run.to_block}" if known else "A range of blocks"
    return f"New, to block {run.to_block}" if run.to_block else "What is new"
