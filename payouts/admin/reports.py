"""Reports: what was asked for, how far each is, what it says, and its files."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    Http404,
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

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, factor, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.models.report import OPEN_REPORT, Report, ReportFile, ReportKind, ReportState
from payouts.reports import keeping, progress
from payouts.reports.acts import KINDS, may_download

TONES: dict[str, Tone] = {
    ReportState.QUEUED: Tone.WAITING,
    ReportState.RUNNING: Tone.MOVING,
    ReportState.DONE: Tone.GOOD,
    ReportState.FAILED: Tone.BAD,
    ReportState.CLEARED: Tone.QUIET,
}


class KindFilter(ChoiceFilter):
    title = "Kind"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in ReportKind]


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in ReportState]


@admin.register(Report, site=site)
class ReportAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Reports"
    group = Group.MONEY
    place = 70
    about = "Reports as files, made in the background. Who asked for one downloads it, and auditors do."
    page_template = "admin/payouts/report.html"
    change_list_template = "admin/payouts/reports.html"
    list_display = (
        "number_shown", "report_shown", "state_shown", "agrees_shown", "rows_shown", "maker_shown", "asked_shown",
    )  # fmt: skip
    list_filter = (KindFilter, StateFilter)

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download)
        return [
            *super().get_urls(),
            path("<str:key>/files/<int:file>/", download, name=self._name("download")),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        buttons = [acts.button(act.kind, acts.NEW, request.user, None) for act in KINDS]
        return super().changelist_view(request, {"ask_buttons": buttons, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Report) -> dict[str, Any]:
        return {
            "state_words": row.get_state_display(),
            "state_tone": TONES[row.state],
            "verdict": agreement_badge(row),
            "open": row.state in OPEN_REPORT,
            "progress": progress.of(row.pk) if row.state == ReportState.RUNNING else None,
            "took": row.ended_at - row.started_at if row.ended_at and row.started_at else None,
            "files": [
                (file, reverse(f"admin:{self._name('download')}", args=[row.pk, file.pk]))
                for file in row.files.order_by("pk")
            ],
            "downloadable": may_download(request.user, row),
            "asks_code": not factor.is_fresh(request),
        }

    def download(self, request: HttpRequest, key: str, file: int) -> HttpResponseBase:
        """A file, part by part. Taking figures out of the house asks for a fresh second factor and is audited."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        report: Report = self._row(request, key)
        wanted = ReportFile.objects.filter(report=report, pk=file).first()
        if wanted is None:
            raise Http404
        verdict = may_download(request.user, report)
        if not verdict:
            if report.cleared_at is None:
                raise PermissionDenied(verdict.reason)
            messages.error(request, verdict.reason)
            return HttpResponseRedirect(self.url_of(report))
        if not factor.is_fresh(request) and not factor.prove(
            request, request.POST.get("code", "")[:20], request_id=request_id_of(request)
        ):
            messages.error(request, f"{factor.WRONG} Nothing was downloaded.")
            return HttpResponseRedirect(self.url_of(report))
        with transaction.atomic():
            log.record(
                "report.downloaded",
                actor=cast(User, request.user),
                subject=report,
                details={"file": wanted.name, "sha256": wanted.sha256},
                request_id=request_id_of(request),
            )
        answer = StreamingHttpResponse(keeping.blocks(wanted), content_type=wanted.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{wanted.name}"'
        # A file that is cleared away under the reader ends short of it, and shows as broken.
        answer["Content-Length"] = str(wanted.size)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.display(description="Number")
    def number_shown(self, report: Report) -> str:
        return str(report.pk)

    @admin.display(description="Report")
    def report_shown(self, report: Report) -> SafeString:
        return format_html("{} {}", report.get_kind_display(), formats.code(report.about))

    @admin.display(description="State")
    def state_shown(self, report: Report) -> SafeString:
        words = report.get_state_display()
        far = progress.of(report.pk) if report.state == ReportState.RUNNING else None
        if far is not None and far[1]:
            words = f"{words}, {min(100, 100 * far[0] // far[1])} %"
        return formats.badge(words, TONES[report.state])

    @admin.display(description="Its figures")
    def agrees_shown(self, report: Report) -> SafeString | str:
        return agreement_badge(report) or formats.NOTHING

    @admin.display(description="Rows")
    def rows_shown(self, report: Report) -> str:
        return formats.count(report.rows) if report.ended_at else formats.NOTHING

    @admin.display(description="Asked for by")
    def maker_shown(self, report: Report) -> str:
        return report.maker_label

    @admin.display(description="Asked for (UTC)")
    def asked_shown(self, report: Report) -> SafeString | str:
        return formats.moment(report.asked_at)


def agreement_badge(report: Report) -> SafeString | None:
    if report.state not in (ReportState.DONE, ReportState.CLEARED):
        return None
    if report.agrees is None:
        return formats.badge("Not compared yet", Tone.WAITING)
    return formats.badge("Agree", Tone.GOOD) if report.agrees else formats.badge("Differ", Tone.BAD)
