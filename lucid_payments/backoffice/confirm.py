"""The confirm page of an act: GET shows what is and what will happen, POST does it or asks a second person.

Between the two stand: CSRF, the version that was looked at, a reason, a fresh second factor, and a token that one
act spends. Any of them missing leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.core.validators import MinLengthValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.backoffice import acts, doing, factor, tokens
from lucid_payments.backoffice.acts import Act, ActRefused, ChangedSince, Outcome

DONE_ALREADY: Final = "This form was sent before, or is older than half an hour. Nothing was done again."
ASKED: Final = "A second person must confirm this within an hour. It waits in their queue."


class Replayed(ActRefused):
    """The form's token is spent."""


class ReasonForm(forms.Form):
    """The reason, and a code where the factor isn't fresh."""

    reason = forms.CharField(
        label="Reason", max_length=acts.LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 3})
    )
    code = forms.CharField(
        label="Authenticator or recovery code",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )
    version = forms.CharField(max_length=64, widget=forms.HiddenInput)
    token = forms.CharField(max_length=300, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        minimum_reason: int,
        asks_code: bool,
        initial: dict[str, Any],
        asks_reason: bool = True,
    ) -> None:
        super().__init__(data, initial=initial)
        reason = cast(forms.CharField, self.fields["reason"])
        reason.required = minimum_reason > 0
        reason.widget.attrs["minlength"] = str(minimum_reason)
        reason.help_text = (
            f"At least {minimum_reason} characters." if minimum_reason else "Not needed."
        ) + " It stands in the audit log."
        reason.validators.append(MinLengthValidator(minimum_reason))
        if not asks_code:
            del self.fields["code"]
        if not asks_reason:
            del self.fields["reason"]


@dataclass(frozen=True, slots=True)
class Page:
    """One request to one act's page."""

    request: HttpRequest
    act: Act
    key: str
    site_context: dict[str, Any]

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def answer(self) -> HttpResponse:
        if self.request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
        subject = self.act.find(self.key)
        verdict = self.act.allowed(self.user, subject)
        if not verdict:
            return self._show(subject, refusal=verdict.reason, status=403)
        return self._post(subject) if self.request.method == "POST" else self._show(subject)

    def _post(self, subject: Any) -> HttpResponse:
        form = self._form(self.request.POST)
        questions = self.act.questions(subject, self.request.POST)
        answered = questions is None or questions.is_valid()
        step = self.request.POST.get("step") if self.act.reviewed else None
        if step in ("edit", "review"):
            return self._review(subject, questions, to_confirm=step == "review" and answered)
        if not all([form.is_valid(), answered]):
            return self._show(subject, form=form, questions=questions, to_confirm=answered)
        if "code" in form.cleaned_data and not factor.prove(
            self.request, form.cleaned_data["code"], request_id=request_id_of(self.request)
        ):
            form.add_error("code", factor.WRONG)
            return self._show(subject, form=form, questions=questions, to_confirm=True)
        data = questions.cleaned_data if questions is not None else {}
        try:
            outcome = self._act(form.cleaned_data, data)
        except Replayed as replayed:
            messages.warning(self.request, str(replayed))
            return HttpResponseRedirect(self.request.path)
        except ChangedSince as changed:
            return self._look_again(questions, str(changed))
        except ActRefused as refused:
            return self._show(
                subject, form=form, questions=questions, refusal=str(refused), status=409, to_confirm=True
            )
        return finish(self.request, self.site_context, self.act.title, outcome)

    def _review(self, subject: Any, questions: forms.Form | None, *, to_confirm: bool) -> HttpResponse:
        """Between filling in and doing: what it would change. What was typed stays, the reason too."""
        seen = self.request.POST.get("version", "")
        if to_confirm and seen != self.act.version(subject):
            return self._look_again(questions, doing.CHANGED)
        return self._show(subject, form=self._form(version=seen), questions=questions, to_confirm=to_confirm)

    def _look_again(self, questions: forms.Form | None, refusal: str) -> HttpResponse:
        """The subject as it is by now, with what was typed: the reason is still the reason."""
        subject = self.act.find(self.key)
        return self._show(subject, questions=questions, refusal=refusal, status=409)

    @transaction.atomic
    def _act(self, answers: dict[str, Any], data: dict[str, Any]) -> Outcome:
        """Everything or nothing: a refusal gives the token back too."""
        if not tokens.spend(answers["token"], self.user, self.request.path):
            raise Replayed(DONE_ALREADY)
        begun = doing.begin(
            self.act,
            self.key,
            seen=answers["version"],
            data=data,
            actor=self.user,
            reason=answers.get("reason", ""),
            request_id=request_id_of(self.request),
        )
        if isinstance(begun, Outcome):
            return begun
        return Outcome(ASKED, reverse("admin:backoffice_twopersonact_changelist"))

    def _form(self, data: Any = None, *, version: str = "") -> ReasonForm:
        initial = {
            "token": tokens.make(self.user, self.request.path),
            "version": version,
            "reason": self.request.POST.get("reason", ""),
        }
        return ReasonForm(
            data,
            minimum_reason=self.act.minimum_reason,
            asks_code=self.act.asks_factor and not factor.is_fresh(self.request),
            asks_reason=self.act.asks_reason,
            initial=initial,
        )

    def _show(
        self,
        subject: Any,
        *,
        form: ReasonForm | None = None,
        questions: forms.Form | None = None,
        refusal: str = "",
        status: int = 200,
        to_confirm: bool = False,
    ) -> HttpResponse:
        """`to_confirm`: the answers stand, and an act that is reviewed may be done from here."""
        data = questions.cleaned_data if questions is not None and questions.is_valid() else {}
        # What would happen is told of what may: a subject in another state may lack what the sentences are made of.
        may_act = bool(self.act.allowed(self.user, subject))
        context = {
            **self.site_context,
            "title": self.act.title,
            "act": self.act,
            "subject_label": self.act.label(subject),
            "facts": self.act.facts(subject).items(),
            "changes": self.act.changes(subject, data) if may_act else [],
            "consequences": self.act.consequences(subject, data) if may_act else [],
            "two_people": may_act and self.act.needs_second(subject, data),
            "form": form or self._form(version=self.act.version(subject)),
            "questions": questions or self.act.questions(subject),
            "filling_in": self.act.reviewed and not to_confirm,
            "refusal": refusal,
            "instead": self.act.instead(subject),
            "may_act": may_act,
            "back_url": self.act.page_of(subject),
        }
        return TemplateResponse(self.request, "admin/acts/confirm.html", context, status=status)


def finish(request: HttpRequest, site_context: dict[str, Any], title: str, outcome: Outcome) -> HttpResponse:
    """Away from the form; secrets alone are shown on the answer itself, which is the only time."""
    url = outcome.url or reverse("admin:index")
    if outcome.secrets:
        context = {**site_context, "title": title, "outcome": outcome, "url": url}
        return TemplateResponse(request, "admin/acts/secrets.html", context)
    messages.success(request, outcome.message)
    return HttpResponseRedirect(url)


def page(request: HttpRequest, kind: str, key: str, site_context: dict[str, Any]) -> HttpResponse:
    """The page of the act `kind` on the subject `key`. Raises Http404."""
    return Page(request, acts.of_kind(kind), key, site_context).answer()
