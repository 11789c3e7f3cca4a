"""Refresh tokens: each works once, and one that comes twice ends every token of its login.

Whoever steals a refresh token uses it before or after its owner; in both cases it comes a second time, and then
neither the thief's tokens nor the owner's work any more (RFC 9700, section 4.14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from lucid_payments.accounts.authentication import user_of
from lucid_payments.accounts.models import TokenFamily, User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken, issue
from lucid_payments.audit import log
from lucid_payments.events import outbox

REVOKED: Final = "revoked"
REUSED: Final = "reused"
# What an ended family is still kept for: that a late copy of its token is known as one.
KEPT_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str


@transaction.atomic
def start(user: User, *, request_id: str = "") -> Pair:
    """The first two tokens of a login."""
    now = timezone.now()
    family = TokenFamily(user=user, created_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFETIME)
    pair = _pair(family)
    family.save()
    log.record("token.issued", actor=user, subject=user, request_id=request_id)
    return pair


def refresh(token: RefreshToken, *, request_id: str = "") -> Pair | None:
    """Two new tokens for one that works now; None for any other. Of two at once one gets them.

    A token that was used before ends its family, which is audited and told as an event.
    """
    with transaction.atomic():
        family = _family(token)
        if family is None or user_of(token) is None:
            return None
        if family.current == _digest(token):
            family.expires_at = timezone.now() + settings.REFRESH_TOKEN_LIFETIME
            pair = _pair(family)
            family.save(update_fields=["current", "expires_at"])
            return pair
        _end(family, REUSED)
        details = {"family": str(family.public_id)}
        log.record(
            "token.reused", actor=family.user, subject=family.user, details=details, request_id=request_id
        )
        outbox.emit(
            "token.reused",
            subject_type="user",
            subject_id=str(family.user.public_id),
            owner=None,
            payload=details,
        )
        return None


@transaction.atomic
def revoke(token: RefreshToken, *, request_id: str = "") -> None:
    """End the token's family, access tokens included; one that has ended stays so."""
    family = _family(token)
    if family is not None:
        _end(family, REVOKED)
        log.record("token.revoked", actor=family.user, subject=family.user, request_id=request_id)


def forget() -> None:
    """Drop families whose last token expired a week ago."""
    TokenFamily.objects.filter(expires_at__lt=timezone.now() - KEPT_FOR).delete()


def _family(token: RefreshToken) -> TokenFamily | None:
    """The token's live family, its row locked: a second use waits for the first and finds it used."""
    rows = TokenFamily.objects.select_for_update(of=("self",)).select_related("user")
    return rows.filter(public_id=token["sid"], ended_at=None, user__public_id=token["sub"]).first()


def _pair(family: TokenFamily) -> Pair:
    claims: Mapping[str, Any] = {"sid": str(family.public_id)}
    token = issue(RefreshToken, family.user, claims)
    family.current = _digest(token)
    return Pair(str(issue(AccessToken, family.user, claims)), str(token))


def _end(family: TokenFamily, reason: str) -> None:
    TokenFamily.objects.filter(pk=family.pk, ended_at=None).update(ended_at=timezone.now(), end_reason=reason)


def _digest(token: RefreshToken) -> str:
    return hashlib.sha256(str(token["jti"]).encode()).hexdigest()
