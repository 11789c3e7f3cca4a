"""Files of payouts: upload one, read what its check found, take it back annotated, submit it."""

from __future__ import annotations

from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, factor, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area, Verdict
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.acts.uploads import SLOTS, SUBMIT
from payouts.approvals import recipients
from payouts.models.payout import BatchType, Priority
from payouts.models.upload import FileKind, PayoutUpload, UploadState
from payouts.tron import addresses
from payouts.uploads import annotated, blank, checking, columns, reading, receiving
from payouts.uploads.receiving import Terms
from payouts.uploads.sheet import MOST_ROWS, FileRefused
from routers.choices import RouterType

TONES: Final = {
    UploadState.REFUSED: Tone.BAD,
    UploadState.CHECKED: Tone.WAITING,
    UploadState.SUBMITTED: Tone.GOOD,
}
SHOWN: Final = 100
# The first line of the page of rows that is shown.
FROM: Final = "from"


class UploadForm(forms.Form):
    file = forms.FileField(
        label="The file",
        help_text=f"CSV in UTF-8, or XLSX; {MOST_ROWS:,} rows and {reading.MAXIMUM // 10**6} MB at most.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )
    batch_type = forms.ChoiceField(
        label="When they go, once approved",
        choices=list(SLOTS.items()),
        initial=BatchType.HOURLY,
    )
    priority = forms.TypedChoiceField(
        label="Priority",
        choices=Priority.choices,
        coerce=int,
        initial=Priority.NORMAL,
        help_text="Of rows whose own cell is empty.",
    )
    router_type = forms.ChoiceField(
        label="Router", choices=[("", "By the rule, row by row"), *RouterType.choices], required=False
    )

    def terms(self) -> Terms:
        told = self.cleaned_data
        return Terms(told["router_type"] or None, told["priority"], told["batch_type"])


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in UploadState]


@admin.register(PayoutUpload, site=site)
class PayoutUploadAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Uploaded files"
    group = Group.WORK
    place = 8
    about = (
        "Many payouts from one CSV or XLSX. A file is checked as a whole and says at once what is wrong in it; "
        "submitted, it becomes one batch that is approved as one thing. The same file is taken once."
    )
    page_template = "admin/payouts/upload.html"
    change_list_template = "admin/payouts/uploads.html"
    page_key = "upload_id"
    list_filter = (StateFilter,)
    list_display = (
        "name_shown", "uploader_shown", "rows_shown", "amount_shown", "uploaded_shown", "state_shown",
    )  # fmt: skip
    list_select_related = ("uploader",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content", "rows", "findings")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("new/", view(self.new_view), name=self._name("new")),
            path("template.<str:kind>", view(self.template_view), name=self._name("template")),
            *super().get_urls(),
            path("<str:key>/file/<str:which>", view(self.file_view), name=self._name("file")),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "verdict": may_upload(request.user),
            "new_url": reverse(f"admin:{self._name('new')}"),
            "templates": self._templates(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the form, POST keeps and checks the file; nothing is created of it."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
        verdict = may_upload(request.user)
        if not self.has_view_permission(request) or not verdict:
            raise PermissionDenied
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        refused: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                upload = _take(request, form)
            except FileRefused as error:
                refused = error.sentences
            else:
                return HttpResponseRedirect(self.url_of(upload))
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload a file of payouts",
            "list_url": self.list_url(),
            "list_name": self.title,
            "form": form,
            "refused": refused,
            "columns": _COLUMNS,
            "templates": self._templates(),
        }
        return TemplateResponse(
            request, "admin/payouts/upload_new.html", context, status=400 if refused else 200
        )

    def template_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in FileKind.values:
            raise Http404
        return _file(blank.make(FileKind(kind)), FileKind(kind), blank.name_of(FileKind(kind)))

    def file_view(self, request: HttpRequest, key: str, which: str) -> HttpResponse:
        """The file as it came, or annotated. Who gave it has it already; others prove their factor. Audited."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        if which not in ("checked", "original"):
            raise Http404
        row: PayoutUpload = self._row(request, key)
        if self._asks_code(request, row) and not factor.prove(
            request, request.POST.get("code", "")[:20], request_id=request_id_of(request)
        ):
            messages.error(request, f"{factor.WRONG} Nothing was given out.")
            return HttpResponseRedirect(self.url_of(row))
        user = cast(User, request.user)
        with transaction.atomic():
            log.record(
                "upload.exported", actor=user, subject=row, details={"which": which},
                request_id=request_id_of(request),
            )  # fmt: skip
        if which == "checked":
            return _file(annotated.make(row), FileKind(row.kind), annotated.name_of(row))
        return _file(bytes(row.content), FileKind(row.kind), f"{row.upload_id}.{row.kind}")

    def page_context(self, request: HttpRequest, row: PayoutUpload) -> dict[str, Any]:
        findings = [checking.Finding(*found) for found in row.findings]
        wrong = [found for found in findings if found.weight == checking.WRONG]
        look = [found for found in findings if found.weight == checking.LOOK]
        after = request.GET.get(FROM, "")
        start = int(after) if after.isascii() and after.isdecimal() and len(after) < 6 else 0
        lines = [line for line in row.rows if line[0] >= start]
        return {
            "title": row.name,
            "state": badge_of(row),
            "wrong": wrong[:SHOWN],
            "wrong_count": len(wrong),
            "look": look[:SHOWN],
            "look_count": len(look),
            "shown": SHOWN,
            "lines": _lines(lines[:SHOWN], findings),
            "following": f"?{FROM}={lines[SHOWN][0]}#rows" if len(lines) > SHOWN else "",
            "from_the_first": "?#rows" if start else "",
            "earlier": list(receiving.others_of(row)[:10]),
            "slot": SLOTS[BatchType(row.batch_type)],
            "router": RouterType(row.router_type).label if row.router_type else "By the rule, row by row",
            "request_url": _approval_url(row),
            "button": acts.button(SUBMIT.kind, row.upload_id, request.user, row),
            "asks_code": self._asks_code(request, row),
            "file_url": {
                which: reverse(f"admin:{self._name('file')}", args=[row.upload_id, which])
                for which in ("checked", "original")
            },
        }

    def _asks_code(self, request: HttpRequest, row: PayoutUpload) -> bool:
        return row.uploader_id != request.user.pk and not factor.is_fresh(request)

    def _templates(self) -> list[tuple[str, str]]:
        return [
            (kind.label, reverse(f"admin:{self._name('template')}", args=[kind.value])) for kind in FileKind
        ]

    @admin.display(description="File")
    def name_shown(self, row: PayoutUpload) -> str:
        return row.name

    @admin.display(description="Uploaded by")
    def uploader_shown(self, row: PayoutUpload) -> str:
        return row.uploader.get_username()

    @admin.display(description="Rows")
    def rows_shown(self, row: PayoutUpload) -> str:
        wrong = f", {row.wrong_rows:,} wrong" if row.wrong_rows else ""
        return f"{row.rows_count:,}{wrong}"

    @admin.display(description="Amount")
    def amount_shown(self, row: PayoutUpload) -> SafeString:
        return format_html('{} <span class="unit">USDT</span>', formats.usdt(row.total_amount))

    @admin.display(description="Uploaded (UTC)")
    def uploaded_shown(self, row: PayoutUpload) -> SafeString | str:
        return formats.moment(row.uploaded_at)

    @admin.display(description="State")
    def state_shown(self, row: PayoutUpload) -> SafeString:
        return badge_of(row)


_COLUMNS: Final = (
    (columns.ADDRESS, "required", "The recipient's address on TRON: 34 characters, the first is T."),
    (columns.AMOUNT, "required", "USDT with a point and at most six decimals, such as 12.50; no formula."),
    (columns.REASON, "required", "What it is for; 200 characters at most."),
    (columns.REFERENCE, "", "Your own number of it, never used before; it is what keeps a row from being paid twice."),
    (columns.NODE, "", "The node that it is paid for."),
    (columns.SESSION, "", "The session that it is paid for."),
    (columns.PRIORITY, "", "URGENT, HIGH, NORMAL or LOW."),
)  # fmt: skip


def may_upload(user: Any) -> Verdict:
    """In the back office: administrators, who alone of its people create payouts."""
    verdict = acts.may_act(user, frozenset({Role.ADMIN}))
    return verdict and receiving.may_upload(user)


def badge_of(row: PayoutUpload) -> SafeString:
    return formats.badge(row.get_state_display(), TONES[UploadState(row.state)])


def _take(request: HttpRequest, form: UploadForm) -> PayoutUpload:
    given = form.cleaned_data["file"]
    if given.size > reading.MAXIMUM:
        raise FileRefused(f"The file has more than {reading.MAXIMUM:,} bytes. Split it into several files.")
    return receiving.receive(
        given.read(),
        given.name,
        uploader=cast(User, request.user),
        terms=form.terms(),
        request_id=request_id_of(request),
    )


def _lines(lines: list[Any], findings: list[checking.Finding]) -> list[dict[str, Any]]:
    known = recipients.look_up({line[1] for line in lines})
    told: dict[int, list[checking.Finding]] = {}
    for found in findings:
        told.setdefault(found.line, []).append(found)
    return [
        {
            "number": number,
            "recipient": known[address],
            "is_address": addresses.is_valid(address),
            "amount": amount,
            "reason": reason,
            "others": [text for text in others if text],
            "findings": told.get(number, []),
        }
        for number, address, amount, reason, *others in lines
    ]


def _approval_url(row: PayoutUpload) -> str:
    request = getattr(row.batch, "approval_request", None)
    return reverse("admin:payouts_approvalrequest_change", args=[request.pk]) if request is not None else ""


def _file(content: bytes, kind: FileKind, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=annotated.MEDIA_TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer
