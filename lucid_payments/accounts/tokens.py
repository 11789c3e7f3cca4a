"""Tokens: simplejwt's classes over a stricter reader and a writer that names the key.

simplejwt neither writes nor checks `kid`, requires no claims and ignores header fields; this backend doesn't.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.tokens import Token

from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import User

ALGORITHM: Final = "RS256"
MAX_LENGTH: Final = 4096
REQUIRED_CLAIMS: Final = ["exp", "iat", "iss", "aud", "sub", "jti", "role", "typ"]
# `jku`, `jwk`, `x5u`, `x5c` would let a token name its own key, `crit` ask for rules that we don't know.
HEADER_FIELDS: Final = frozenset({"alg", "kid", "typ"})


class StrictBackend(TokenBackend):
    """RS256 with a key of our ring; every claim required; nothing in the header but `alg`, `kid` and `typ`."""

    def __init__(self) -> None:
        super().__init__(ALGORITHM, audience=settings.JWT_AUDIENCE, issuer=settings.JWT_ISSUER)

    def encode(self, payload: dict[str, Any]) -> str:
        ring = token_ring()
        claims = {**payload, "iss": self.issuer, "aud": self.audience}
        return jwt.encode(claims, ring.sign_with(), algorithm=ALGORITHM, headers={"kid": ring.signing.kid})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """The claims. Raises TokenBackendError for what isn't wholly in order, whatever `verify` says."""
        if len(token) > MAX_LENGTH:
            raise TokenBackendError("Token is too long")
        try:
            header = jwt.get_unverified_header(token)
            key = token_ring().verifying(header.get("kid"))
            if key is None or not HEADER_FIELDS.issuperset(header):
                raise TokenBackendError("Token's header isn't ours")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=self.issuer,
                options={"require": REQUIRED_CLAIMS, "strict_aud": True},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("Token is expired") from error
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise TokenBackendError("Token is invalid") from error
        if not all(isinstance(claims[name], int) for name in ("exp", "iat")):
            raise TokenBackendError("Token's times aren't numbers")
        return claims


class _OurToken(Token):
    def get_token_backend(self) -> StrictBackend:
        return StrictBackend()


class AccessToken(_OurToken):
    token_type = "access"  # noqa: S105
    lifetime: timedelta = settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(_OurToken):
    token_type = "refresh"  # noqa: S105
    lifetime: timedelta = settings.REFRESH_TOKEN_LIFETIME


AnyToken = TypeVar("AnyToken", AccessToken, RefreshToken)


def issue(kind: type[AnyToken], user: User, claims: Mapping[str, Any] | None = None) -> AnyToken:
    """A new token of `user`. `role` is for the gateway; the service reads the role from the row.

    Further `claims` say what the token hangs on: `sid`, the login's family, or `key`, a machine's key.
    """
    token = kind()
    token["sub"] = str(user.public_id)
    token["role"] = user.role
    for name, value in (claims or {}).items():
        token[name] = value
    return token
