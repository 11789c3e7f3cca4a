"""Tokens of outside issuers, and the accounts here that they stand for.

An issuer's subject is an account of its own: it is found by issuer and subject together, never by one of our ids, so
that no issuer can speak for a user of ours or of another issuer. Its role is what the configuration makes of the
token's claim, at most a client's.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, Final

import jwt
from django.db import IntegrityError, transaction

from lucid_payments.accounts import issuers
from lucid_payments.accounts.issuers import Issuer
from lucid_payments.accounts.models import OutsideIdentity, User
from lucid_payments.accounts.roles import CLIENTS
from lucid_payments.accounts.tokens import ALGORITHM, HEADER_FIELDS, MAX_LENGTH
from lucid_payments.audit import log
from lucid_payments.locks import hold_names

REQUIRED_CLAIMS: Final = ["exp", "iat", "iss", "aud", "sub"]
# A token that lives longer isn't an access token, and its issuer could end it no sooner.
LONGEST_SECONDS: Final = 24 * 3600
# RFC 9068's type, or none: an ID token, a log-out token or a refresh token is for another purpose.
_HEADER_TYPES: Final = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
_CLAIMED_TYPES: Final = frozenset({None, "access", "bearer"})
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,100}", re.ASCII)

logger = logging.getLogger(__name__)


class OutsideTokenRefused(Exception):
    """The token isn't wholly in order; nobody is told what is wrong with it."""


@dataclass(frozen=True, slots=True)
class OutsideToken:
    """What is believed of a token; `issued_at` in epoch seconds."""

    issuer: Issuer
    subject: str
    role: str
    issued_at: int

    def get(self, name: str, default: Any = None) -> Any:
        """Scopes and networks are our own keys' claims: an outside token has all that its role has, or nothing."""
        return default


def issuer_of(token: bytes) -> Issuer | None:
    """The outside issuer that the token, unread otherwise, says it comes from."""
    known = issuers.configured()
    if not known or len(token) > MAX_LENGTH:
        return None
    try:
        said = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    return known.get(said) if isinstance(said, str) else None


def verify(token: bytes, issuer: Issuer) -> OutsideToken:
    """Raises OutsideTokenRefused unless it is RS256 by a key of the issuer's file, for us, valid now and for calling.

    Nothing stands in its header but `alg`, `kid` and `typ`: `jku`, `jwk`, `x5u`, `x5c` and `crit` are refused.
    """
    try:
        header = jwt.get_unverified_header(token)
        key = issuers.keys_of(issuer).keys.get(header.get("kid", ""))
        if key is None or not HEADER_FIELDS.issuperset(header) or _word(header) not in _HEADER_TYPES:
            raise OutsideTokenRefused
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=issuer.aud,
            issuer=issuer.iss,
            options={"require": REQUIRED_CLAIMS, "strict_aud": True},
        )
        issued_at, expires_at = int(claims["iat"]), int(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise OutsideTokenRefused from error
    subject = claims["sub"]
    if not _SUBJECT.fullmatch(subject) or _word(claims) not in _CLAIMED_TYPES:
        raise OutsideTokenRefused
    if expires_at - issued_at > LONGEST_SECONDS:
        raise OutsideTokenRefused
    return OutsideToken(issuer, subject, issuer.role_of(claims), issued_at)


def user_of(token: OutsideToken) -> User | None:
    """The subject's account, made at its first token; None where it is closed or signed out here, or where a newer
    token gave it another role than this one.
    """
    known = OutsideIdentity.objects.select_related("user")
    identity = known.filter(issuer=token.issuer.iss, subject=token.subject).first() or _first_seen(token)
    if identity is None or not _is_open(identity.user, token):
        return None
    if token.issued_at <= identity.role_said_at and token.role == identity.user.role:
        return identity.user
    return _follow(identity, token)


def _is_open(user: User, token: OutsideToken) -> bool:
    if not user.is_active or user.role not in CLIENTS:
        return False
    return user.signed_out_at is None or token.issued_at > user.signed_out_at.timestamp()


def _first_seen(token: OutsideToken) -> OutsideIdentity | None:
    try:
        with transaction.atomic():
            return _created(token)
    except IntegrityError:
        # Only where an earlier issuer had the same name: its subjects keep theirs.
        logger.error("outside issuer %s: the account of a subject has this name", token.issuer.name)
        return None


def _created(token: OutsideToken) -> OutsideIdentity:
    issuer = token.issuer
    hold_names([f"outside subject {issuer.iss} {token.subject}"])
    # A second statement: it sees what a request at the same time has made.
    rows = OutsideIdentity.objects.select_related("user")
    if found := rows.filter(issuer=issuer.iss, subject=token.subject).first():
        return found
    user = User(username=f"{issuer.name}:{token.subject}", role=token.role)
    user.set_unusable_password()
    user.save()
    log.record(
        "client.came_from_issuer",
        actor=f"issuer {issuer.name}",
        subject=user,
        details={"issuer": issuer.iss, "subject": token.subject, "role": token.role},
    )
    return OutsideIdentity.objects.create(
        issuer=issuer.iss, subject=token.subject, user=user, role_said_at=token.issued_at
    )


@transaction.atomic
def _follow(identity: OutsideIdentity, token: OutsideToken) -> User | None:
    """Note a newer token, and give the account the role that it says; an older one with another role is over."""
    rows = OutsideIdentity.objects.select_for_update(of=("self",)).select_related("user")
    current = rows.get(pk=identity.pk)
    user = current.user
    if token.issued_at < current.role_said_at:
        return user if user.role == token.role else None
    OutsideIdentity.objects.filter(pk=current.pk).update(role_said_at=token.issued_at)
    if user.role != token.role:
        log.record(
            "client.role_said_by_issuer",
            actor=f"issuer {token.issuer.name}",
            subject=user,
            details={"role": [user.role, token.role]},
        )
        user.role = token.role
        user.save(update_fields=["role"])
    return user


def _word(holder: dict[str, Any]) -> str | None:
    """The `typ` of a header or of claims."""
    said = holder.get("typ")
    return said.lower() if isinstance(said, str) else (None if said is None else "")
