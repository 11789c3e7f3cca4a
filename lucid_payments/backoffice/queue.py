"""The queue "Waiting for a second person", and the page on which the second person answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.request_id import request_id_of
from lucid_payments.backoffice import acts, confirm, factor, formats, overview, second_person, tokens
from lucid_payments.backoffice.acts import ActRefused, Alternative, Changed, Outcome
from lucid_payments.backoffice.confirm import ReasonForm, Replayed
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.overview import PersonalPanel
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site

TONES = {
    ActState.ASKED: Tone.WAITING,
    ActState.CONFIRMED: Tone.GOOD,
    ActState.REFUSED: Tone.BAD,
    ActState.EXPIRED: Tone.QUIET,
    ActState.WITHDRAWN: Tone.QUIET,
}
ANSWERED = {
    "confirm": "Confirmed. It is done.",
    "refuse": "Refused. Nothing was done.",
    "withdraw": "Withdrawn. Nothing was done.",
}
SHORTEST_REFUSAL = 10
TOO_SHORT = f"Say why you refuse, in at least {SHORTEST_REFUSAL} characters."


class AnswerForm(ReasonForm):
    decision = forms.ChoiceField(choices=[(word, word) for word in ANSWERED])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("decision") == "refuse" and len(cleaned.get("reason", "")) < SHORTEST_REFUSAL:
            self.add_error("reason", TOO_SHORT)
        return cleaned


@admin.register(TwoPersonAct, site=site)
class TwoPersonActAdmin(RecordAdmin):
    area = Area.ACTS
    title = "Waiting for a second person"
    group = Group.WORK
    place = 5
    about = (
        "Acts that one person asked for. Another confirms or refuses each within an hour; then it is over."
    )
    page_template = "admin/acts/act.html"
    change_list_template = "admin/acts/queue.html"
    list_display = (
        "number_shown", "title_shown", "subject_shown", "asker_shown", "asked_shown", "over_shown", "state_shown",
    )  # fmt: skip
    list_select_related = ("asked_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TwoPersonAct]:
        """What the reader's role may do; auditors read all, and everybody their own."""
        rows = super().get_queryset(request)
        user = cast(User, request.user)
        if user.role == Role.AUDITOR:
            return rows
        return rows.filter(kind__in=acts.kinds_for(user.role)) | rows.filter(asked_by=user)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user, now = cast(User, request.user), clock.now()
        mine = second_person.waiting().filter(asked_by=user).select_related("asked_by")
        others = second_person.waiting_for(user).select_related("asked_by")
        context = {
            "queues": [
                ("for-you", "For you to answer", _lines(others, now), "Nothing waits for you."),
                ("yours", "Asked by you", _lines(mine, now), "You have asked for nothing that still waits."),
            ],
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_view(self, request: HttpRequest, key: str) -> HttpResponse:
        if request.method != "POST":
            return super().page_view(request, key)
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._post(request, self._row(request, key))

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return self._context(request, row, self._form(request, row))

    def _post(self, request: HttpRequest, row: TwoPersonAct) -> HttpResponse:
        form = self._form(request, row, request.POST)
        if form.is_valid() and "code" in form.cleaned_data and form.cleaned_data["decision"] == "confirm":
            code = form.cleaned_data["code"]
            if not factor.prove(request, code, request_id=request_id_of(request)):
                form.add_error("code", factor.WRONG)
        if not form.is_valid():
            return self._again(request, row, form)
        try:
            outcome = _answer(request, row, form.cleaned_data)
        except Replayed as replayed:
            messages.warning(request, str(replayed))
            return HttpResponseRedirect(request.path)
        except (ActRefused, Http404) as refused:
            words = str(refused) if isinstance(refused, ActRefused) else "What this is about is gone."
            return self._again(request, row, form, refusal=words, status=409)
        return confirm.finish(request, self.admin_site.each_context(request), self.title, outcome)

    def _form(self, request: HttpRequest, row: TwoPersonAct, data: Any = None) -> AnswerForm:
        form = AnswerForm(
            data,
            minimum_reason=0,
            asks_code=not factor.is_fresh(request),
            initial={"version": row.version, "token": tokens.make(cast(User, request.user), request.path)},
        )
        form.fields[
            "reason"
        ].help_text = "Needed to refuse, with at least 10 characters. It stands in the audit log."
        if data is not None and "code" in form.fields:
            form.fields["code"].required = data.get("decision") == "confirm"
        return form

    def _again(
        self,
        request: HttpRequest,
        row: TwoPersonAct,
        form: AnswerForm,
        *,
        refusal: str = "",
        status: int = 200,
    ) -> HttpResponse:
        row.refresh_from_db()
        context = {
            **self.admin_site.each_context(request),
            "list_url": self.list_url(),
            "list_name": self.title,
            "row": row,
            **self._context(request, row, form),
            "refusal": refusal,
        }
        return TemplateResponse(request, "admin/acts/act.html", context, status=status)

    def _context(self, request: HttpRequest, row: TwoPersonAct, form: AnswerForm) -> dict[str, Any]:
        now = clock.now()
        over = row.is_over(now)
        act = acts.of_kind(row.kind)
        changed = not over and _changed(row)
        # What came too late says so, whether it still waits or nobody confirmed it.
        instead = _instead(row) if row.state in (ActState.ASKED, ActState.EXPIRED) else None
        return {
            "title": f"{act.title}: {row.subject_label}",
            "act": act,
            "facts": row.facts.items(),
            "changes": [] if over or changed else _changes(row),
            "consequences": [] if over or changed else _consequences(row),
            "changed": changed,
            "instead": instead,
            "ended": act.facts(act.find(row.subject_key)).items() if instead else (),
            "over": over,
            "state_words": "Expired" if over and row.state == ActState.ASKED else row.get_state_display(),
            "state_tone": Tone.QUIET if over and row.state == ActState.ASKED else TONES[ActState(row.state)],
            "age": now - row.asked_at,
            "left": row.expires_at - now,
            "mine": row.asked_by_id == request.user.pk,
            "verdict": second_person.may_confirm(request.user, row),
            "form": form,
        }

    @admin.display(description="Number")
    def number_shown(self, row: TwoPersonAct) -> str:
        return str(row.pk)

    @admin.display(description="Act")
    def title_shown(self, row: TwoPersonAct) -> str:
        return acts.titles().get(row.kind, row.kind)

    @admin.display(description="On")
    def subject_shown(self, row: TwoPersonAct) -> str:
        return row.subject_label

    @admin.display(description="Asked by")
    def asker_shown(self, row: TwoPersonAct) -> str:
        return row.asked_by.get_username()

    @admin.display(description="Asked (UTC)")
    def asked_shown(self, row: TwoPersonAct) -> SafeString | str:
        return formats.moment(row.asked_at)

    @admin.display(description="Over (UTC)")
    def over_shown(self, row: TwoPersonAct) -> SafeString | str:
        return formats.moment(row.answered_at or row.expires_at)

    @admin.display(description="State")
    def state_shown(self, row: TwoPersonAct) -> SafeString:
        return formats.badge(row.get_state_display(), TONES[ActState(row.state)])


@transaction.atomic
def _answer(request: HttpRequest, row: TwoPersonAct, answers: dict[str, Any]) -> Outcome:
    user, request_id = cast(User, request.user), request_id_of(request)
    if not tokens.spend(answers["token"], user, request.path):
        raise Replayed(confirm.DONE_ALREADY)
    decision, words = answers["decision"], answers["reason"]
    if decision == "confirm":
        done = second_person.confirm(row.pk, actor=user, note=words, request_id=request_id)
        return Outcome(done.message or ANSWERED[decision], done.url or request.path, done.secrets)
    if decision == "refuse":
        second_person.refuse(row.pk, actor=user, reason=words, request_id=request_id)
    else:
        second_person.withdraw(row.pk, actor=user, request_id=request_id)
    return Outcome(ANSWERED[decision], request.path)


def _lines(rows: QuerySet[TwoPersonAct], now: datetime) -> list[dict[str, Any]]:
    titles = acts.titles()
    return [
        {
            "row": row,
            "title": titles.get(row.kind, row.kind),
            "age": now - row.asked_at,
            "left": row.expires_at - now,
        }
        for row in rows
    ]


def _changed(row: TwoPersonAct) -> bool:
    act = acts.of_kind(row.kind)
    try:
        return act.version(act.find(row.subject_key)) != row.version
    except Http404:
        return True


def _consequences(row: TwoPersonAct) -> list[str]:
    act = acts.of_kind(row.kind)
    return act.consequences(act.find(row.subject_key), row.data)


def _changes(row: TwoPersonAct) -> list[Changed]:
    act = acts.of_kind(row.kind)
    return act.changes(act.find(row.subject_key), row.data)


def _instead(row: TwoPersonAct) -> Alternative | None:
    act = acts.of_kind(row.kind)
    try:
        return act.instead(act.find(row.subject_key))
    except Http404:
        return None


def _panel(user: User) -> dict[str, Any]:
    waiting = second_person.waiting_for(user)
    return {
        "waiting": waiting.count(),
        "oldest": waiting.first(),
        "asked": second_person.waiting().filter(asked_by=user).count(),
        "now": clock.now(),
    }


overview.register(PersonalPanel(Area.ACTS, "admin/overview/acts.html", _panel, place=5))
