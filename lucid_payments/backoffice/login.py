"""Logging in: name and password, and the authenticator's code of whoever has one. Guesses are counted."""

from __future__ import annotations

import logging
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_ratelimit.core import get_usage

from lucid_payments.accounts.models import User
from lucid_payments.api.client_address import client_of
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import policy

GUESSES: Final = 10
PER_SECONDS: Final = 300
# One sentence for every refusal of credentials: it doesn't tell which part was wrong.
REFUSED: Final = "Name, password or code is wrong. Both name and password may be case-sensitive."
TOO_MANY: Final = "Too many attempts. Wait five minutes and try again."
CODE_MISSING: Final = "Enter the 6-digit code of your authenticator app."

logger = logging.getLogger(__name__)


class LoginForm(AdminAuthenticationForm):
    """Asks for a code; it must be right for everyone with a confirmed device, and is ignored for others."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}
    otp_token = forms.CharField(
        label="Authenticator code",
        required=False,
        max_length=10,
        help_text="6 digits. Leave it empty if you haven't set up an authenticator.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "aria-describedby": "otp-help"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username", "")
        if self.request is not None and _too_many(self.request, name):
            logger.warning("back office: too many attempts to log in", extra={"account": name})
            raise ValidationError(TOO_MANY, code="too_many")
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        self._check_code(user, cleaned.get("otp_token", "").replace(" ", ""))
        with transaction.atomic():
            log.record("backoffice.login", actor=user, request_id=self._request_id())
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Outsiders get the answer that a wrong password gets."""
        if not policy.may_enter(user):
            raise ValidationError(REFUSED, code="invalid_login")

    def _request_id(self) -> str:
        return request_id_of(self.request) if self.request is not None else ""

    def _check_code(self, user: User, code: str) -> None:
        with transaction.atomic():
            # Locked, so that one code can't be used twice at once; the device itself slows down guessing.
            devices = list(TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True))
            accepted = next((device for device in devices if code and device.verify_token(code)), None)
        if devices and not code:
            raise ValidationError(CODE_MISSING, code="code_missing")
        if devices and accepted is None:
            raise ValidationError(REFUSED, code="invalid_login")
        if accepted is not None:
            # What django_otp keeps in the session from here.
            user.otp_device = accepted  # type: ignore[attr-defined]


def _too_many(request: HttpRequest, name: str) -> bool:
    """Whether this caller, or anybody for this account, has tried too often in the last five minutes."""
    limit = (GUESSES * settings.RATE_LIMIT_FACTOR, PER_SECONDS)
    counted = [
        get_usage(request, group=group, key=lambda _, __, who=who: who, rate=limit, increment=True)
        for group, who in (("backoffice.address", client_of(request)), ("backoffice.name", name.lower()))
    ]
    return any(usage is not None and usage["should_limit"] for usage in counted)
