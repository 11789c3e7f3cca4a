"""One's own password: the present one, a code, and the new one twice."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import password_validation, update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import factor, sessions


class PasswordForm(forms.Form):
    """Asks for a code where the user has a factor that isn't fresh."""

    old = forms.CharField(
        label="Present password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label="New password",
        max_length=1000,
        strip=False,
        help_text="At least 12 characters, and not one that everybody uses.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password, again",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    code = forms.CharField(
        label="Authenticator or recovery code",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def __init__(self, data: Any, *, request: HttpRequest) -> None:
        super().__init__(data)
        self.request = request
        self.user = cast(User, request.user)
        if factor.is_fresh(request) or not factor.has_one(self.user):
            del self.fields["code"]

    def clean_old(self) -> str:
        given: str = self.cleaned_data["old"]
        if not self.user.check_password(given):
            raise forms.ValidationError("This isn't your present password.")
        return given

    def clean_new(self) -> str:
        given: str = self.cleaned_data["new"]
        password_validation.validate_password(given, self.user)
        if self.user.check_password(given):
            raise forms.ValidationError("This is the present one. Take another.")
        return given

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "new" in cleaned and "again" in cleaned and cleaned["new"] != cleaned["again"]:
            self.add_error("again", "The two aren't the same.")
        if not self.errors and "code" in cleaned and not self._is_proved(cleaned["code"]):
            self.add_error("code", factor.WRONG)
        return cleaned

    def _is_proved(self, code: str) -> bool:
        return factor.prove(self.request, code, request_id=request_id_of(self.request))


def page(request: HttpRequest, site_context: dict[str, Any]) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    form = PasswordForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        _change(request, form)
        messages.success(request, "Your password is changed. All your other sessions have ended.")
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **site_context,
        "title": "Change your password",
        "form": form,
        "is_first": cast(User, request.user).must_change_password,
    }
    return TemplateResponse(request, "admin/accounts/password.html", context)


@transaction.atomic
def _change(request: HttpRequest, form: PasswordForm) -> None:
    """The new password; every other session and every token of the user ends."""
    user = form.user
    user.set_password(form.cleaned_data["new"])
    user.one_time_until = None
    user.signed_out_at = timezone.now()
    user.save(update_fields=["password", "one_time_until", "signed_out_at"])
    log.record("password.changed", actor=user, subject=user, request_id=request_id_of(request))
    update_session_auth_hash(request, user)
    sessions.renew(request)
