"""A page that hands out a file: GET says what is in it and asks what for, POST answers it, once a form.

Between the two stand CSRF, a reason, a fresh second factor and a token that one answer spends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.backoffice import confirm, factor, tokens
from lucid_payments.backoffice.confirm import ReasonForm

MINIMUM_REASON: Final = 10


class NothingToHandOut(Exception):
    """There is no file to be had now; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who gets the file, and what for. `purpose` is a word of those that the page offers, if it offers any."""

    actor: User
    reason: str
    purpose: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """`make` answers the zip and writes the audit entry, in the transaction that spends the form's token."""

    filename: str
    title: str
    template: str
    back_url: str
    make: Callable[[Asked], bytes]
    # Value and words of each purpose, the likeliest first; none: the reason alone is asked for.
    purposes: Sequence[tuple[str, str]] = ()
    context: Mapping[str, Any] = field(default_factory=dict)


class HandoutForm(ReasonForm):
    """The reason, and the purpose where there is a choice of them."""

    purpose = forms.ChoiceField(label="What for")
    field_order = ("purpose", "reason", "code")

    def __init__(self, data: Any = None, *, purposes: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(data, minimum_reason=MINIMUM_REASON, **kwargs)
        if purposes:
            cast(forms.ChoiceField, self.fields["purpose"]).choices = list(purposes)
        else:
            del self.fields["purpose"]


def page(request: HttpRequest, site_context: Mapping[str, Any], handout: Handout) -> HttpResponse:
    """Ask, or answer the file; nothing else changes. Who may is asked before."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    form = _form(request, handout, request.POST if request.method == "POST" else None)
    if not _is_answered(request, form):
        context = {
            **site_context,
            "title": handout.title,
            "back_url": handout.back_url,
            "form": form,
            **handout.context,
        }
        return TemplateResponse(request, handout.template, context)
    try:
        content = _made(request, handout, form.cleaned_data)
    except NothingToHandOut as nothing:
        messages.error(request, str(nothing))
        return HttpResponseRedirect(handout.back_url)
    if content is None:
        messages.warning(request, confirm.DONE_ALREADY)
        return HttpResponseRedirect(request.path)
    answer = HttpResponse(content, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{handout.filename}"'
    return answer


@transaction.atomic
def _made(request: HttpRequest, handout: Handout, answers: dict[str, Any]) -> bytes | None:
    """The file; None for a form whose token is spent. Nothing to hand out gives the token back."""
    user = cast(User, request.user)
    if not tokens.spend(answers["token"], user, request.path):
        return None
    return handout.make(
        Asked(
            actor=user,
            reason=answers["reason"],
            purpose=answers.get("purpose", ""),
            request_id=request_id_of(request),
        )
    )


def _is_answered(request: HttpRequest, form: HandoutForm) -> bool:
    """Whether everything is there; a code is taken only then, for it counts once."""
    if not form.is_valid():
        return False
    code = form.cleaned_data.get("code")
    if code is not None and not factor.prove(request, code, request_id=request_id_of(request)):
        form.add_error("code", factor.WRONG)
    return not form.errors


def _form(request: HttpRequest, handout: Handout, data: Any) -> HandoutForm:
    return HandoutForm(
        data,
        purposes=handout.purposes,
        asks_code=not factor.is_fresh(request),
        initial={"version": "-", "token": tokens.make(cast(User, request.user), request.path)},
    )
