"""A form's token: made with the page, spent with the act, so that the same POST sent again does nothing."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from django.core import signing
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.backoffice.models import SpentToken

LASTS: Final = timedelta(minutes=30)
_SALT: Final = "lucid_payments.backoffice.tokens"


def make(user: User, path: str) -> str:
    """A token for one POST of this user to this page."""
    return signing.dumps([secrets.token_hex(16), user.pk, path], salt=_SALT)


def spend(token: str, user: User, path: str) -> bool:
    """True once for a token of this user and page; False for a spent, old or foreign one. In the act's transaction:
    of two at once the second waits for the first's commit."""
    try:
        nonce, owner, page = signing.loads(token, salt=_SALT, max_age=LASTS)
    except (signing.BadSignature, ValueError):
        return False
    if (owner, page) != (user.pk, path):
        return False
    _, made = SpentToken.objects.get_or_create(token=nonce)
    return made


def forget() -> None:
    """Drop what is too old to be sent again."""
    SpentToken.objects.filter(spent_at__lt=timezone.now() - 2 * LASTS).delete()
