"""Enrolling a second factor: a picture made on the server, a code that proves it was read, ten recovery codes."""

from __future__ import annotations

import base64
import io
from typing import Any, cast

import django_otp
import segno
from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import recovery
from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, factor, sessions

WRONG = "This code is wrong. Wait for the next one, and check that the phone's clock is right."


class CodeForm(forms.Form):
    code = forms.CharField(
        label="6-digit code",
        max_length=10,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


def page(request: HttpRequest, site_context: dict[str, Any]) -> HttpResponse:
    """The user's own second factor: what there is, or how to enrol it."""
    user = cast(User, request.user)
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    if factor.has_one(user):
        return _state(request, user, site_context)
    device = _pending(user)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        codes = _enrol(request, user, form.cleaned_data["code"].replace(" ", ""))
        if codes is not None:
            context = {**site_context, "title": "Your recovery codes", "codes": codes, "has_permission": True}
            return TemplateResponse(request, "admin/accounts/codes.html", context)
        form.add_error("code", WRONG)
    key = base64.b32encode(device.bin_key).decode().rstrip("=")
    groups = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    context = {**site_context, "title": "Set up your second factor", "form": form, "secret": groups}
    return TemplateResponse(request, "admin/accounts/enrol.html", context)


def picture(request: HttpRequest) -> HttpResponse:
    """The QR code of the key that waits to be enrolled; of an enrolled key there is none."""
    user = cast(User, request.user)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    if device is None or factor.has_one(user):
        raise Http404("nothing to enrol")
    out = io.BytesIO()
    segno.make(device.config_url, error="m").save(
        out, kind="svg", scale=5, border=4, light="#fff", xmldecl=False
    )
    return HttpResponse(out.getvalue(), content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _state(request: HttpRequest, user: User, site_context: dict[str, Any]) -> HttpResponse:
    context = {
        **site_context,
        "title": "Your second factor",
        "device": TOTPDevice.objects.filter(user=user, confirmed=True).first(),
        "left": recovery.left(user),
        "renew": acts.button("factor.renew_codes", user.public_id, user, user),
    }
    return TemplateResponse(request, "admin/accounts/factor.html", context)


@transaction.atomic
def _pending(user: User) -> TOTPDevice:
    """The key that waits to be enrolled; the same one until then, on every load of the page."""
    User.objects.select_for_update().get(pk=user.pk)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return device or TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)


@transaction.atomic
def _enrol(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """The recovery codes when the code is right. All other sessions and tokens of the user end."""
    User.objects.select_for_update().get(pk=user.pk)
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or factor.has_one(user) or not device.verify_token(code):
        return None
    TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
    device.confirmed = True
    codes = recovery.renew(user)
    User.objects.filter(pk=user.pk).update(signed_out_at=timezone.now())
    log.record("factor.enrolled", actor=user, subject=user, request_id=request_id_of(request))
    django_otp.login(request, device)
    factor.mark(request)
    sessions.renew(request)
    return codes
