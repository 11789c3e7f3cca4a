"""Who acts at the prompt: administrators by name, and for what loosens something proof that they are there."""

from __future__ import annotations

from getpass import getpass

from django.core.management.base import CommandError
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role


def administrator(name: str | None, option: str) -> User:
    """The active administrator of this name. Raises CommandError naming the option."""
    found = User.objects.filter(username=name, role=Role.ADMIN, is_active=True).first()
    if found is None:
        raise CommandError(f"{option}: name an active administrator's account.")
    return found


def present(user: User) -> None:
    """Ask for the person's authenticator code, or for the password of who has no authenticator.

    Raises CommandError when it is wrong. Neither is shown or kept.
    """
    with transaction.atomic():
        # Locked, so that one code can't be used twice at once; the device itself slows down guessing.
        devices = list(TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True))
        if devices:
            code = getpass(f"Authenticator code of {user.username}: ").replace(" ", "")
            proven = any(device.verify_token(code) for device in devices)
        else:
            proven = user.check_password(getpass(f"Password of {user.username}: "))
    if not proven:
        raise CommandError(f"That isn't {user.username}'s.")


def second_administrator(name: str | None) -> User:
    """The second person, asked for at the prompt unless named."""
    return administrator(name or input("Second administrator's user name: ").strip(), "--second")


def reason(text: str | None) -> str:
    given = (text or "").strip()
    if not given:
        raise CommandError("--reason: say why; it stands in the audit log.")
    return given
