"""The fresh second factor: proved by a code, it counts for five minutes in the session that proved it.

It runs on the machine's clock, as sessions and authenticators do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import recovery
from lucid_payments.accounts.models import User
from lucid_payments.audit import log

FRESH_FOR: Final = timedelta(minutes=5)
WRONG: Final = "This code is wrong, used already, or came too soon after a wrong one."
_PROVED: Final = "backoffice_factor"


def has_one(user: User) -> bool:
    """Whether `user` has enrolled an authenticator."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def device_accepting(user: User, code: str) -> TOTPDevice | None:
    """The device of `user` that takes this code now; it takes each code once."""
    with transaction.atomic():
        # Locked, so that one code can't be used twice at once; the device itself slows down guessing.
        devices = list(TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True))
        return next((device for device in devices if code and device.verify_token(code)), None)


def accepts(user: User, code: str, *, request_id: str = "") -> bool:
    """Take an authenticator's or a recovery code of `user`, each once; commands ask it where there is no session."""
    code = code.replace(" ", "")
    if code.isdecimal():
        return device_accepting(user, code) is not None
    return recover(user, code, request_id)


def prove(request: HttpRequest, code: str, *, request_id: str = "") -> bool:
    """Take a code of the session's user; True makes the session's factor fresh."""
    user = request.user
    if not isinstance(user, User) or not accepts(user, code, request_id=request_id):
        return False
    mark(request)
    return True


def mark(request: HttpRequest) -> None:
    """The session's user has just proved the factor."""
    request.session[_PROVED] = timezone.now().timestamp()


def is_fresh(request: HttpRequest) -> bool:
    """Whether the factor was proved within the last five minutes."""
    proved = request.session.get(_PROVED)
    if proved is None:
        return False
    age = timezone.now().timestamp() - proved
    return bool(0 <= age <= FRESH_FOR.total_seconds())


def recover(user: User, code: str, request_id: str) -> bool:
    """Use up a recovery code. A wrong one counts as a wrong code of the authenticator: guessing slows down."""
    with transaction.atomic():
        devices = list(TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True))
        if not code or not all(device.verify_is_allowed()[0] for device in devices):
            return False
        if recovery.use(user, code):
            log.record("factor.recovery_code_used", actor=user, subject=user, request_id=request_id)
            return True
        for device in devices:
            device.throttle_increment()
        return False
