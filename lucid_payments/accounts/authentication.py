"""Who the token says is calling, and whether that user may still call."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as SimpleJwtFailure
from rest_framework_simplejwt.tokens import Token

from lucid_payments.accounts import outside
from lucid_payments.accounts.models import MachineKey, TokenFamily, User
from lucid_payments.accounts.outside import OutsideToken, OutsideTokenRefused
from lucid_payments.api import errors
from lucid_payments.api.client_address import circuit_of, client_of
from lucid_payments.api.models import Block
from lucid_payments.database import rows


class TokenAuthentication(JWTAuthentication):
    """A bearer token, ours or of an outside issuer that is configured.

    Raises MissingToken, which never says what was wrong with it.
    """

    # Of the request that is looked at: REST framework makes one of these for each.
    circuit = ""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        self.circuit = circuit_of(request._request)
        try:
            found = super().authenticate(request)
        except SimpleJwtFailure:
            raise errors.MissingToken from None
        if found is not None and not is_within(client_of(request._request), found[1].get("networks") or []):
            raise errors.MissingToken
        return found

    def get_validated_token(self, raw_token: bytes) -> Any:
        issuer = outside.issuer_of(raw_token)
        if issuer is None:
            return super().get_validated_token(raw_token)
        try:
            return outside.verify(raw_token, issuer)
        except OutsideTokenRefused:
            raise errors.MissingToken from None

    def get_user(self, validated_token: Token | OutsideToken) -> Any:
        if isinstance(validated_token, OutsideToken):
            user = outside.user_of(validated_token)
        else:
            user = user_of(validated_token, self.circuit)
        if user is None:
            raise errors.MissingToken
        return user


class OptionalTokenAuthentication(TokenAuthentication):
    """For what strangers may read too: a bad token is as good as none."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        try:
            return super().authenticate(request)
        except errors.MissingToken:
            return None


# As it stands, since every request asks it: Django takes longer to put it together than the database to answer.
_USER = f"""
SELECT *, EXISTS (
    SELECT FROM {Block._meta.db_table}
    WHERE subject IN ('user:' || caller.id, 'key:' || %(key)s::uuid, 'circuit:' || nullif(%(circuit)s::text, ''))
        AND released_at IS NULL AND (ends_at IS NULL OR ends_at > %(now)s)) AS is_blocked
FROM {User._meta.db_table} AS caller WHERE public_id = %(sub)s AND is_active
    AND (%(sid)s::uuid IS NULL OR EXISTS (
        SELECT FROM {TokenFamily._meta.db_table}
        WHERE public_id = %(sid)s AND ended_at IS NULL AND user_id = caller.id))
    AND (%(key)s::uuid IS NULL OR EXISTS (
        SELECT FROM {MachineKey._meta.db_table}
        WHERE public_id = %(key)s AND revoked_at IS NULL AND expires_at > %(now)s AND user_id = caller.id))
"""  # noqa: S608 - tables' names, and parameters


def user_of(token: Token, circuit: str = "") -> User | None:
    """The user's row as it is now, so that a role, an account, a login or a key taken away counts at once.

    Its `is_blocked` says whether a block of the user, the key or the circuit is in force.
    """
    asked = {
        "sub": _uuid(token["sub"]),
        "sid": _uuid(token["sid"]) if "sid" in token else None,
        "key": _uuid(token["key"]) if "key" in token else None,
        "circuit": circuit,
        "now": timezone.now(),
    }
    user = next(iter(rows.read(User, _USER, asked)), None)
    return None if user is None or _is_ended(token, user) else user


def is_within(client: str, networks: Iterable[str]) -> bool:
    """Whether a client's address is in one of these networks; where there are none, anywhere is.

    A Tor circuit has no address, and is in no network.
    """
    allowed = [ipaddress.ip_network(network) for network in networks]
    if not allowed:
        return True
    try:
        address = ipaddress.ip_address(client.removeprefix("gateway:"))
    except ValueError:
        return False
    # A socket for both kinds names an IPv4 peer so.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in allowed)


def _is_ended(token: Token, user: User) -> bool:
    """Whether the user's sessions and tokens were ended after this one was made (`iat` is in whole seconds)."""
    return user.signed_out_at is not None and token["iat"] <= user.signed_out_at.timestamp()


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (ValueError, TypeError, AttributeError):
        raise errors.MissingToken from None
