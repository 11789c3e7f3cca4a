"""The desk in the back office: every record, the queues, the case page, and what is posted from it."""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kyc.archive import contents
from kyc.desk import case_page, find_page, overview, queue_page, small_steps, words
from kyc.models import KycRecord
from kyc.record_pages import RecordPages
from kyc.review import policy, taking
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.archives import page as archives
from lucid_payments.backoffice import formats, sessions
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.overview import PersonalPanel, register
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.site import site

ARCHIVE_NOTE: Final = (
    "What was declared, the documents' pictures and the notes aren't in it: fields stand by their names, all that is"
    " sealed by its SHA-256. So it may be kept when the person is forgotten. Name nobody in the reason."
)


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, name) for state, (name, _) in words.STATES.items()]


@admin.register(KycRecord, site=site)
class KycDesk(RecordPages):
    title = "KYC desk"
    group = Group.COMPLIANCE
    place = 1
    about = "Every verification there is, newest first. The queues above say what is to be done."
    page_template = "admin/kyc/record.html"
    change_list_template = "admin/kyc/desk.html"
    list_filter = (StateFilter,)
    list_display = ("record_shown", "operator_shown", "state_shown", "risk_shown", "due_shown", "owner_shown")
    list_select_related = ("operator", "owner")

    def get_urls(self) -> list[URLPattern]:
        """Fixed words first: a record's id begins with `kyc_`."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=self._name(name))
            return found

        return [
            at("next/", require_POST(self.next_view), "next"),
            at("find/", require_http_methods(["GET", "HEAD", "POST"])(self.find_view), "find"),
            at("queue/<str:queue>/", require_safe(self.queue_view), "queue"),
            at("officer/<uuid:officer>/", require_safe(self.officer_view), "officer"),
            *super().get_urls(),
            at("<str:key>/archive/", self.archive_view, "archive"),
            at("<str:key>/now/", sessions.by_itself(require_safe(self.now_view)), "now"),
            at("<str:key>/step/<str:step>/", require_POST(self.step_view), "step"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        desk = self._desk(request) if self.has_view_permission(request) else {}
        return super().changelist_view(request, {**desk, **(extra_context or {})})

    def queue_view(self, request: HttpRequest, queue: str) -> HttpResponse:
        self._require_reader(request)
        user, after = cast(User, request.user), request.GET.get(queue_page.AFTER, "")
        return self._queue_page(request, queue_page.context(user, queue, after))

    def officer_view(self, request: HttpRequest, officer: UUID) -> HttpResponse:
        """What one officer has, for who leads the desk."""
        self._require_reader(request)
        user, after = cast(User, request.user), request.GET.get(queue_page.AFTER, "")
        if not policy.sees_load(user):
            raise PermissionDenied
        whose = get_object_or_404(User, public_id=officer)
        return self._queue_page(request, queue_page.officers_context(user, whose, after))

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """A person's case by what is declared; posted, and kept in the audit log."""
        self._require_reader(request)
        found = find_page.context(
            cast(User, request.user), request.POST if request.method == "POST" else None
        )
        context = {
            **self.admin_site.each_context(request),
            "list_url": self.list_url(),
            "list_name": self.title,
            **found,
        }
        return TemplateResponse(request, "admin/kyc/find.html", context)

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """Take the oldest due record that is free, and open it."""
        self._require_reader(request)
        user = cast(User, request.user)
        if not policy.is_officer(user):
            raise PermissionDenied
        record = taking.take_next(actor=user)
        if record is None:
            messages.info(request, "Nothing is free now: others have what there is, or it is put off.")
            return HttpResponseRedirect(self.list_url())
        return HttpResponseRedirect(words.case_url(record))

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "next_case_url": reverse("admin:kyc_kycrecord_next"),
            **case_page.context(row, cast(User, request.user), request.GET),
        }

    def archive_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """The case in one zip, for who reads all that is in it; nothing personal is."""
        if not contents.may_have(request.user):
            raise PermissionDenied
        record = self._row(request, key)
        return archives.page(
            request,
            self.admin_site.each_context(request),
            contents.PAPERS,
            record,
            back_url=self.url_of(record),
            purposes=words.purposes(cast(User, request.user)),
            note=ARCHIVE_NOTE,
        )

    def now_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """What an open case page asks: whether it still shows what is."""
        self._require_reader(request)
        row, now = self._row(request, key), clock.now()
        return JsonResponse({"revision": row.revision, "owner": words.owner(row, now)})

    def step_view(self, request: HttpRequest, key: str, step: str) -> HttpResponse:
        """A mark, a note, or who has it: done at once, without a confirm page."""
        self._require_reader(request)
        if not policy.is_officer(request.user):
            raise PermissionDenied
        if step not in small_steps.STEPS:
            raise Http404
        return small_steps.answer(request, self._row(request, key), step)

    def _queue_page(self, request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "list_url": self.list_url(),
            "list_name": self.title,
            "next_case_url": reverse("admin:kyc_kycrecord_next"),
            **shown,
        }
        return TemplateResponse(request, "admin/kyc/queue.html", context)

    def _desk(self, request: HttpRequest) -> dict[str, Any]:
        user = cast(User, request.user)
        return {
            "tabs": queue_page.tabs(user),
            "may_take": policy.is_officer(user),
            "next_case_url": reverse("admin:kyc_kycrecord_next"),
            "load": queue_page.load() if policy.sees_load(user) else [],
        }

    def _require_reader(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @admin.display(description="State")
    def state_shown(self, row: KycRecord) -> SafeString:
        return words.state(row)

    @admin.display(description="Risk")
    def risk_shown(self, row: KycRecord) -> SafeString | str:
        return words.risk(row)

    @admin.display(description="Due (UTC)")
    def due_shown(self, row: KycRecord) -> SafeString | str:
        return formats.moment(row.due_at)

    @admin.display(description="Owner")
    def owner_shown(self, row: KycRecord) -> str:
        return row.owner.get_username() if row.owner else ""


register(PersonalPanel(Area.KYC, "admin/kyc/panel.html", overview.panel, place=4))
