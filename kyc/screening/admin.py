"""The back office's pages of lists and of what screening found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from kyc.models import CaseState, Grade, ListState, ListVersion, ScreeningCase
from kyc.screening import acts as screening_acts
from kyc.screening import cases, freshness, judgement, rescreening, sources, stage_page
from kyc.screening.formats import WORDS
from lucid_payments import clock
from lucid_payments.backoffice import acts, formats, overview, policy
from lucid_payments.backoffice.acts import Button
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site

STATES: Final = {
    ListState.STAGED: Tone.MOVING,
    ListState.CHECKED: Tone.WAITING,
    ListState.REFUSED: Tone.BAD,
    ListState.ACTIVE: Tone.GOOD,
    ListState.RETIRED: Tone.QUIET,
}
VERDICTS: Final = {
    judgement.GOOD: ("Good", Tone.GOOD),
    judgement.NOTED: ("Noted", Tone.QUIET),
    judgement.SECOND: ("Second person", Tone.WAITING),
    judgement.FAILED: ("Failed", Tone.BAD),
}
CASES: Final = {CaseState.OPEN: Tone.BAD, CaseState.CLEARED: Tone.GOOD, CaseState.CONFIRMED: Tone.WAITING}
OUTCOMES: Final = {"refuse": ("Refused", Tone.BAD), "hold": ("Held", Tone.WAITING)}
# Of the rows that are no addresses, so many are shown; the count stands above them.
SHOWN: Final = 200
WAITING: Final = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """One required list as it stands now."""

    name: str
    format: str
    url: str
    version: ListVersion | None
    words: str
    tone: Tone
    age: timedelta | None
    waiting: ListVersion | None
    stage_url: str
    stage_verdict: policy.Verdict
    override: Button | None


class ListFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = list(ListState.choices)


@admin.register(ListVersion, site=site)
class ListVersionAdmin(RecordAdmin):
    area = Area.LISTS
    title = "Sanctions lists"
    group = Group.COMPLIANCE
    place = 12
    about = "Every version there was. Its file and what it said stay for ever; two people choose what is in force."
    page_template = "admin/kyc/list.html"
    change_list_template = "admin/kyc/lists.html"
    list_filter = (ListFilter,)
    list_display = (
        "name_shown", "state_shown", "published_shown", "addresses_shown", "names_shown", "quarantined_shown",
        "uploader_shown", "activator_shown", "received_shown",
    )  # fmt: skip
    list_select_related = ("uploaded_by", "activated_by")

    def get_urls(self) -> list[URLPattern]:
        stage = path(
            "stage/<str:name>/", self.admin_site.admin_view(self.stage), name="kyc_listversion_stage"
        )
        return [stage, *super().get_urls()]

    def stage(self, request: HttpRequest, name: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "list_url": self.list_url(),
            "list_name": self.title,
        }
        return stage_page.page(request, name, context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "required": _required(request),
            "rescreening": rescreening.open_now(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: ListVersion) -> dict[str, Any]:
        shown = [
            (check["name"], *VERDICTS.get(check["verdict"], ("", Tone.QUIET)), check["sentence"])
            for check in row.checks
        ]
        return {
            "badge": formats.badge(row.get_state_display(), STATES[ListState(row.state)]),
            "format": WORDS.get(row.format, row.format),
            "checks": shown,
            "quarantine": list(row.quarantine.all()[:SHOWN]),
            "shown": SHOWN,
            "progress": getattr(row, "rescreening", None),
            "entries_in_force": row.entries_in_force.count(),
            "button": acts.button("list.activate", row.pk, request.user, row),
        }

    @admin.display(description="Version")
    def name_shown(self, row: ListVersion) -> str:
        return str(row)

    @admin.display(description="State")
    def state_shown(self, row: ListVersion) -> SafeString:
        return formats.badge(row.get_state_display(), STATES[ListState(row.state)])

    @admin.display(description="Published on")
    def published_shown(self, row: ListVersion) -> str:
        return row.published_on.isoformat() if row.published_on else formats.NOTHING

    @admin.display(description="Addresses")
    def addresses_shown(self, row: ListVersion) -> str:
        return formats.count(row.addresses)

    @admin.display(description="Names")
    def names_shown(self, row: ListVersion) -> str:
        return formats.count(row.names)

    @admin.display(description="Quarantined")
    def quarantined_shown(self, row: ListVersion) -> str:
        return formats.count(row.quarantined)

    @admin.display(description="Uploaded by")
    def uploader_shown(self, row: ListVersion) -> str:
        return row.uploaded_by.get_username() if row.uploaded_by else "the system"

    @admin.display(description="Put in force by")
    def activator_shown(self, row: ListVersion) -> str:
        return row.activated_by.get_username() if row.activated_by else formats.NOTHING

    @admin.display(description="Received (UTC)")
    def received_shown(self, row: ListVersion) -> SafeString | str:
        return formats.moment(row.received_at)


def _required(request: HttpRequest) -> list[Shown]:
    rows = ListVersion.objects.filter(state__in=(ListState.ACTIVE, ListState.CHECKED, ListState.STAGED))
    known = list(rows.order_by("-number"))
    return [
        _shown(request, source, [row for row in known if row.list_name == source.name])
        for source in sources.required()
    ]


def _shown(request: HttpRequest, source: sources.ListSource, rows: list[ListVersion]) -> Shown:
    version = next((row for row in rows if row.state == ListState.ACTIVE), None)
    later = next((row for row in rows if row.state != ListState.ACTIVE), None)
    now = clock.now()
    age = now - version.fresh_at if version is not None and version.fresh_at is not None else None
    words, tone = _age_words(version, now)
    return Shown(
        name=source.name,
        format=WORDS[source.format],
        url=source.url,
        version=version,
        words=words,
        tone=tone,
        age=age,
        waiting=later if later is not None and (version is None or later.number > version.number) else None,
        stage_url=reverse("admin:kyc_listversion_stage", args=[source.name]),
        stage_verdict=screening_acts.may_stage(request.user),
        override=acts.button("list.override", source.name, request.user, version) if version else None,
    )


def _age_words(version: ListVersion | None, now: Any) -> tuple[str, Tone]:
    if version is None or version.fresh_at is None:
        return "Nothing in force: nobody is paid", Tone.BAD
    found = freshness.InForce(version.pk, version.number, version.fresh_at, version.overridden_until)
    if found.is_stale(now):
        return "Too old: nobody is paid", Tone.BAD
    age = now - version.fresh_at
    if age > freshness.STALE_AFTER:
        return "Old, counts by override", Tone.WAITING
    return ("Gets old", Tone.WAITING) if age >= freshness.REMIND_AFTER else ("Fresh", Tone.GOOD)


class CaseStateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = list(CaseState.choices)


class GradeFilter(ChoiceFilter):
    title = "How"
    parameters = ("grade",)
    options = list(Grade.choices)


@admin.register(ScreeningCase, site=site)
class ScreeningCaseAdmin(RecordAdmin):
    area = Area.KYC
    title = "Screening hits"
    group = Group.COMPLIANCE
    place = 11
    about = "Every case there was, kept for reporting whether or not anything was paid."
    page_template = "admin/kyc/case.html"
    change_list_template = "admin/kyc/hits.html"
    list_filter = (CaseStateFilter, GradeFilter)
    list_display = (
        "number_shown", "subject_shown", "grade_shown", "label_shown", "list_shown", "state_shown", "times_shown",
        "opened_shown",
    )  # fmt: skip
    list_select_related = ("entry",)
    search_fields = ("subject",)
    search_for = "A whole address, or what a name case is about"

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(subject=term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"waiting": waiting(), "count": _open().count(), **(extra_context or {})}
        )

    def page_context(self, request: HttpRequest, row: ScreeningCase) -> dict[str, Any]:
        met = row.encounters.select_related("creator").order_by("-pk")[:WAITING]
        reasons = {**cases.CLEAR_REASONS, **cases.CONFIRM_REASONS}
        return {
            "badge": formats.badge(row.get_state_display(), CASES[CaseState(row.state)]),
            "age": clock.now() - row.opened_at,
            "alike": _alike(row),
            "encounters": [(one, *OUTCOMES.get(one.outcome, (one.outcome, Tone.QUIET))) for one in met],
            "reason": reasons.get(row.reason_code, row.reason_code),
            "buttons": [
                acts.button(kind, row.pk, request.user, row)
                for kind in ("screening.confirm", "screening.clear")
            ],
        }

    @admin.display(description="Case")
    def number_shown(self, row: ScreeningCase) -> str:
        return str(row.pk)

    @admin.display(description="Subject")
    def subject_shown(self, row: ScreeningCase) -> SafeString | str:
        return formats.code(row.subject)

    @admin.display(description="How")
    def grade_shown(self, row: ScreeningCase) -> str:
        return row.get_grade_display() + (f" ({row.score} of 100)" if row.score else "")

    @admin.display(description="Listed party")
    def label_shown(self, row: ScreeningCase) -> str:
        return row.entry.label or formats.NOTHING

    @admin.display(description="List")
    def list_shown(self, row: ScreeningCase) -> str:
        return row.entry.list_name

    @admin.display(description="State")
    def state_shown(self, row: ScreeningCase) -> SafeString:
        return formats.badge(row.get_state_display(), CASES[CaseState(row.state)])

    @admin.display(description="Met")
    def times_shown(self, row: ScreeningCase) -> str:
        return formats.count(row.times)

    @admin.display(description="Opened (UTC)")
    def opened_shown(self, row: ScreeningCase) -> SafeString | str:
        return formats.moment(row.opened_at)


def _alike(row: ScreeningCase) -> list[tuple[str, str, str]]:
    """What to compare, side by side: word, ours, the list's."""
    entry = row.entry
    told = [
        ("Ours and the listed", row.subject, entry.value),
        ("What it is", row.get_kind_display(), entry.get_form_display() or entry.get_kind_display()),
    ]
    if row.grade == Grade.TWIN and entry.key is not None:
        told.append(("The 20 bytes of the key", bytes(entry.key).hex(), bytes(entry.key).hex()))
    return [
        *told,
        ("Party", formats.NOTHING, entry.label or "not named"),
        ("Its number on the list", formats.NOTHING, entry.uid or formats.NOTHING),
        ("Program", formats.NOTHING, entry.program or formats.NOTHING),
        ("Ticker", formats.NOTHING, entry.ticker or formats.NOTHING),
    ]


def _open() -> QuerySet[ScreeningCase]:
    return ScreeningCase.objects.filter(state=CaseState.OPEN)


def waiting() -> list[tuple[ScreeningCase, timedelta]]:
    """What nobody has decided, the oldest first, with its age."""
    now = clock.now()
    rows = _open().select_related("entry").order_by("opened_at", "pk")[:WAITING]
    return [(case, now - case.opened_at) for case in rows]


def _panel() -> dict[str, Any]:
    now = clock.now()
    found = _open().aggregate(count=Count("pk"), oldest=Min("opened_at"))
    return {
        "count": found["count"],
        "oldest": now - found["oldest"] if found["oldest"] else None,
        "url": reverse("admin:kyc_screeningcase_changelist"),
        "lists_url": reverse("admin:kyc_listversion_changelist"),
        "stale": freshness.stale_now(now),
        "reminder": freshness.reminder_now(now),
        "rescreening": rescreening.open_now(),
    }


overview.register(overview.Panel(Area.KYC, "admin/overview/screening.html", _panel, place=3))
