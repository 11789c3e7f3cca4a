"""Keys of machines: agreed on by two people, shown once, exchanged for access tokens of 15 minutes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from lucid_payments.accounts.authentication import is_within
from lucid_payments.accounts.models import MachineKey, User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.audit import log

# Scanners of repositories and logs find a leaked key by it.
PREFIX: Final = "lucid_"
HINT_LENGTH: Final = 12
# The last use is shown to people; to the minute is enough, and spares a write.
NOTED_EVERY: Final = timedelta(minutes=1)


@transaction.atomic
def create(
    user: User, *, name: str, scopes: Sequence[str], networks: Sequence[str], days: int, created_by: User,
    confirmed_by: User, evidence: Mapping[str, Any], request_id: str = "",
) -> MachineKey:  # fmt: skip
    """A key without a secret, which `created_by` makes once. It expires `days` after now."""
    now = timezone.now()
    key = MachineKey.objects.create(
        user=user, name=name, scopes=list(scopes), networks=list(networks), created_at=now,
        expires_at=now + timedelta(days=days), created_by=created_by, confirmed_by=confirmed_by,
    )  # fmt: skip
    details = {"key": name, "scopes": key.scopes, "networks": key.networks, "days": days, **evidence}
    log.record("key.created", actor=created_by, subject=user, details=details, request_id=request_id)
    return key


@transaction.atomic
def make_secret(key: MachineKey, *, actor: User, request_id: str = "") -> str | None:
    """The secret, told this once; None when it was made before."""
    secret = PREFIX + secrets.token_urlsafe(32)
    made = MachineKey.objects.filter(pk=key.pk, digest=None, revoked_at=None).update(
        digest=_digest(secret), hint=secret[:HINT_LENGTH]
    )
    if not made:
        return None
    log.record(
        "key.secret_made", actor=actor, subject=key.user, details={"key": key.name}, request_id=request_id
    )
    return secret


@transaction.atomic
def revoke(key: MachineKey, *, actor: User, evidence: Mapping[str, Any], request_id: str = "") -> bool:
    """End the key; tokens that it was exchanged for fail at their next request. False: it had ended."""
    ended = MachineKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if ended:
        details = {"key": key.name, **evidence}
        log.record("key.revoked", actor=actor, subject=key.user, details=details, request_id=request_id)
    return ended == 1


@transaction.atomic
def exchange(secret: str, *, client: str, request_id: str = "") -> str | None:
    """An access token for the key's user with the key's scopes; None for a key that opens nothing from there."""
    now = timezone.now()
    keys = MachineKey.objects.select_related("user").filter(
        digest=_digest(secret), revoked_at=None, expires_at__gt=now, user__is_active=True
    )
    key = keys.first()
    if key is None or not is_within(client, key.networks):
        return None
    if key.last_used_at is None or now - key.last_used_at > NOTED_EVERY:
        MachineKey.objects.filter(pk=key.pk).update(last_used_at=now)
    log.record(
        "token.issued", actor=key.user, subject=key.user, details={"key": key.name}, request_id=request_id
    )
    claims = {"key": str(key.public_id), "scope": key.scopes, "networks": key.networks}
    return str(issue(AccessToken, key.user, claims))


def _digest(secret: str) -> bytes:
    """Of 256 random bits: nothing to be guessed, so one round is enough."""
    return hashlib.sha256(secret.encode()).digest()
