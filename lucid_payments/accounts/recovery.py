"""Recovery codes: ten, shown once, each good for one proof of the second factor. Only their hashes are kept."""

from __future__ import annotations

import secrets
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from lucid_payments.accounts.models import RecoveryCode, User

COUNT: Final = 10
# No letter that reads like a digit; ten of 32 signs are 50 bits, behind the slowing of wrong codes.
_SIGNS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUP: Final = 5


def renew(user: User) -> list[str]:
    """Ten new codes, as people write them; all earlier ones are void. Call it in a transaction."""
    codes = [_new() for _ in range(COUNT)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=_digest(user, code, settings.SECRET_KEY)) for code in codes
    )
    return codes


def use(user: User, code: str) -> bool:
    """Use up `code`; True for one proof alone, however many come at once."""
    digests = [
        _digest(user, code, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    unused = RecoveryCode.objects.filter(user=user, digest__in=digests, used_at=None)
    return unused.update(used_at=timezone.now()) == 1


def left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def forget(user: User) -> None:
    RecoveryCode.objects.filter(user=user).delete()


def _new() -> str:
    signs = "".join(secrets.choice(_SIGNS) for _ in range(2 * _GROUP))
    return f"{signs[:_GROUP]}-{signs[_GROUP:]}"


def _digest(user: User, code: str, secret: str) -> str:
    plain = code.lower().replace("-", "").replace(" ", "")
    return salted_hmac(f"recovery code of {user.pk}", plain, secret=secret, algorithm="sha256").hexdigest()
