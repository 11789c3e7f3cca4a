"""The page on which an archive is made: what will be in it, why it is wanted, and a fresh second factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import archives
from lucid_payments.audit.archives import Archive
from lucid_payments.backoffice import confirm, factor, tokens
from lucid_payments.backoffice.confirm import ReasonForm

MINIMUM_REASON = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an archive is made of. `collect` answers the files, and the rows whose audit entries belong to it too."""

    subject: models.Model
    kind: str
    public_id: str
    back_url: str
    contents: list[tuple[str, str]]
    collect: Callable[[], tuple[dict[str, bytes], list[models.Model]]]


def page(request: HttpRequest, site_context: dict[str, Any], wanted: Wanted) -> HttpResponse:
    """GET asks, POST answers the zip and leaves an audit entry; nothing else changes."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    if request.method != "POST":
        return _show(request, site_context, wanted, _form(request))
    form = _form(request, request.POST)
    if form.is_valid() and "code" in form.cleaned_data:
        code = form.cleaned_data["code"]
        if not factor.prove(request, code, request_id=request_id_of(request)):
            form.add_error("code", factor.WRONG)
    if not form.is_valid():
        return _show(request, site_context, wanted, form)
    archive = _make(request, wanted, form)
    if archive is None:
        messages.warning(request, confirm.DONE_ALREADY)
        return HttpResponseRedirect(request.path)
    answer = HttpResponse(archive.content, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{wanted.public_id}.zip"'
    return answer


@transaction.atomic
def _make(request: HttpRequest, wanted: Wanted, form: ReasonForm) -> Archive | None:
    user = cast(User, request.user)
    if not tokens.spend(form.cleaned_data["token"], user, request.path):
        return None
    files, about = wanted.collect()
    return archives.build(
        wanted.subject,
        kind=wanted.kind,
        public_id=wanted.public_id,
        files=files,
        about=about,
        actor=user,
        reason=form.cleaned_data["reason"],
        request_id=request_id_of(request),
    )


def _form(request: HttpRequest, data: Any = None) -> ReasonForm:
    return ReasonForm(
        data,
        minimum_reason=MINIMUM_REASON,
        asks_code=not factor.is_fresh(request),
        initial={"version": "-", "token": tokens.make(cast(User, request.user), request.path)},
    )


def _show(
    request: HttpRequest, site_context: dict[str, Any], wanted: Wanted, form: ReasonForm
) -> HttpResponse:
    context = {
        **site_context,
        "title": f"Archive of {wanted.kind} {wanted.public_id}",
        "wanted": wanted,
        "contents": wanted.contents,
        "form": form,
    }
    return TemplateResponse(request, "admin/audit/archive.html", context)
