"""The page on which somebody uploads a list. What is uploaded counts for nothing before somebody else activates it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse

from kyc.models import ListVersion
from kyc.screening import acts, files, sources, staging
from kyc.screening.files import FileRefused
from kyc.screening.formats import DATED, WORDS
from kyc.screening.sources import ListSource
from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.backoffice import confirm, factor, tokens
from lucid_payments.backoffice.confirm import ReasonForm

SHORTEST_REASON: Final = 10


class StageForm(forms.Form):
    file = forms.FileField(
        label="The file", help_text=f"As it was published, unpacked, {files.MAXIMUM // 10**6} MB at most."
    )
    sha256 = forms.CharField(
        label="Its SHA-256",
        max_length=64,
        validators=[RegexValidator(r"\A[0-9a-fA-F]{64}\Z", "64 hexadecimal digits.")],
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="As its publisher states it, from another place than the file. The check compares the two.",
    )
    published_on = forms.DateField(
        label="Published on", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The day its publisher gives. A file older than the one in force is refused.",
    )  # fmt: skip

    def __init__(self, *arguments: Any, source: ListSource, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if source.format in DATED:
            del self.fields["published_on"]


def page(request: HttpRequest, name: str, site_context: dict[str, Any]) -> HttpResponse:
    """GET shows the form, POST takes the file. Raises Http404 for a list that isn't required."""
    source = sources.named(name)
    if source is None:
        raise Http404
    if not acts.may_stage(request.user):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    posted = request.method == "POST"
    stage = StageForm(request.POST, request.FILES, source=source) if posted else StageForm(source=source)
    form = _reason(request, request.POST if posted else None)
    refusal = ""
    if posted and all([stage.is_valid(), form.is_valid()]):
        code = form.cleaned_data.get("code")
        if code is not None and not factor.prove(request, code, request_id=request_id_of(request)):
            form.add_error("code", factor.WRONG)
        else:
            try:
                version = _take(request, source, stage.cleaned_data, form.cleaned_data)
            except FileRefused as refused:
                refusal = str(refused)
            else:
                return _done(request, version)
    context = {
        **site_context,
        "title": f"Upload a list: {source.name}",
        "source": source,
        "format": WORDS[source.format],
        "stage": stage,
        "form": form,
        "refusal": refusal,
    }
    return TemplateResponse(request, "admin/kyc/stage.html", context, status=400 if refusal else 200)


def _reason(request: HttpRequest, data: Any) -> ReasonForm:
    initial = {"token": tokens.make(cast(User, request.user), request.path), "version": "new"}
    return ReasonForm(
        data, minimum_reason=SHORTEST_REASON, asks_code=not factor.is_fresh(request), initial=initial
    )


@transaction.atomic
def _take(
    request: HttpRequest, source: ListSource, told: dict[str, Any], answers: dict[str, Any]
) -> ListVersion | None:
    """None when the form was sent before."""
    user = cast(User, request.user)
    if not tokens.spend(answers["token"], user, request.path):
        return None
    return staging.receive(
        source,
        _pieces(told["file"]),
        by=user,
        stated_sha256=told["sha256"],
        published_on=told.get("published_on"),
        reason=answers["reason"],
        request_id=request_id_of(request),
    )


def _pieces(file: UploadedFile[bytes]) -> Iterator[bytes]:
    yield from file.chunks(files.PIECE)


def _done(request: HttpRequest, version: ListVersion | None) -> HttpResponse:
    if version is None:
        messages.warning(request, confirm.DONE_ALREADY)
        return HttpResponseRedirect(request.path)
    messages.success(request, f"{version} is being checked. Somebody else puts it in force.")
    return HttpResponseRedirect(acts.version_url(version))
