"""Logging in: name and password, and the authenticator's code of whoever has one. Each failure makes the next wait
longer, is audited, and is told to the account's owner at the next login.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from lucid_payments.accounts import attempts
from lucid_payments.accounts.models import User
from lucid_payments.api import metrics
from lucid_payments.api.client_address import LOCAL, client_of
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import factor, policy

# One sentence for every refusal of credentials: it doesn't tell which part was wrong.
REFUSED: Final = "Name, password or code is wrong. Both name and password may be case-sensitive."
CODE_MISSING: Final = "Enter the 6-digit code of your authenticator app."
UNKNOWN: Final = "an unknown name"

logger = logging.getLogger(__name__)


class LoginForm(AdminAuthenticationForm):
    """Asks for a code; it must be right for everyone with a confirmed device, and is ignored for others."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}
    otp_token = forms.CharField(
        label="Authenticator or recovery code",
        required=False,
        max_length=20,
        help_text="Leave it empty if you haven't set up an authenticator.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "spellcheck": "false", "aria-describedby": "otp-help"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        if not {"username", "password"} <= self.cleaned_data.keys():
            return self.cleaned_data
        name = self.cleaned_data["username"]
        wait = attempts.begin(name, self._address())
        if wait is not None:
            logger.warning("back office: login while a wait lasts", extra={"seconds": wait.total_seconds()})
            raise ValidationError(too_many(wait), code="too_many")
        try:
            cleaned: dict[str, Any] = super().clean()
            user = self.get_user()
            self._check_one_time_password(user)
            self._check_code(user, cleaned.get("otp_token", "").replace(" ", ""))
        except ValidationError as refused:
            self._record_refusal(name, refused.code or "")
            raise
        self._welcome(user, attempts.succeeded(name, self._address()))
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Outsiders get the answer that a wrong password gets."""
        if not policy.may_enter(user):
            raise ValidationError(REFUSED, code="invalid_login")

    def _request_id(self) -> str:
        return request_id_of(self.request) if self.request is not None else ""

    def _address(self) -> str:
        return client_of(self.request) if self.request is not None else LOCAL

    def _check_one_time_password(self, user: User) -> None:
        if user.one_time_until is not None and user.one_time_until < timezone.now():
            raise ValidationError(REFUSED, code="one_time_password_over")

    def _check_code(self, user: User, code: str) -> None:
        if not factor.has_one(user):
            return
        if not code:
            raise ValidationError(CODE_MISSING, code="code_missing")
        if code.isdecimal():
            accepted = factor.device_accepting(user, code)
            if accepted is None:
                raise ValidationError(REFUSED, code="invalid_code")
            # What django_otp keeps in the session from here.
            user.otp_device = accepted  # type: ignore[attr-defined]
        elif not factor.recover(user, code, self._request_id()):
            raise ValidationError(REFUSED, code="invalid_code")
        if self.request is not None:
            factor.mark(self.request)

    @transaction.atomic
    def _record_refusal(self, name: str, why: str) -> None:
        """Names that no account has aren't kept: people type passwords into the wrong box."""
        metrics.authentication_failures.labels("back_office").inc()
        account = User.objects.filter(username=name).first()
        log.record(
            "backoffice.login_refused",
            actor=UNKNOWN if account is None else account.get_username(),
            subject=account,
            details={"why": why, "address": self._address()},
            request_id=self._request_id(),
        )

    @transaction.atomic
    def _welcome(self, user: User, failures: attempts.Failures | None) -> None:
        log.record("backoffice.login", actor=user, request_id=self._request_id())
        if failures is not None and self.request is not None:
            messages.warning(self.request, notice(failures))


def too_many(wait: timedelta) -> str:
    seconds = int(wait.total_seconds()) + 1
    return (
        f"Too many attempts. Wait {seconds} s and try again."
        if seconds < 120
        else (f"Too many attempts. Wait {seconds // 60 + 1} minutes and try again.")
    )


def notice(failures: attempts.Failures) -> str:
    """What the owner hears of the failures since the last login."""
    times = "1 failed attempt" if failures.count == 1 else f"{failures.count} failed attempts"
    return (
        f"{times} to log in to this account since {failures.since:%Y-%m-%d %H:%M} UTC. If that wasn't you, change "
        "your password and tell another administrator."
    )
