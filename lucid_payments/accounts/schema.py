"""What the API's description says of `/auth`: one `operation` for each view."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from lucid_payments.accounts.bodies import CredentialsSerializer, KeySerializer, RefreshSerializer
from lucid_payments.accounts.tokens import AccessToken
from lucid_payments.api import errors
from lucid_payments.api.openapi.operations import operation

TOKENS: Final = "Tokens"
_ACCESS: Final = "eyJhbGciOiJSUzI1NiIs...access"
_REFRESH: Final = "eyJhbGciOiJSUzI1NiIs...refresh"
_EXPIRES_IN: Final = int(AccessToken.lifetime.total_seconds())


class AccessShown(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="The bearer token of every other request.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


class TokensShown(AccessShown):
    refresh = serializers.CharField(help_text="Good for one `POST /auth/token/refresh`.")


class RevokedShown(serializers.Serializer[Any]):
    revoked = serializers.BooleanField()


class KeyShown(serializers.Serializer[Any]):
    """A JSON Web Key (RFC 7517)."""

    kty = serializers.ChoiceField(["RSA"])
    n = serializers.CharField()
    e = serializers.CharField()
    kid = serializers.CharField()
    use = serializers.ChoiceField(["sig"])
    alg = serializers.ChoiceField(["RS256"])


class KeysShown(serializers.Serializer[Any]):
    keys = KeyShown(many=True)


log_in = operation(
    "logIn",
    "User name and password for tokens",
    tag=TOKENS,
    body=CredentialsSerializer,
    bodies={"A client": {"username": "relay-operator", "password": "correct horse battery staple"}},
    answer=TokensShown,
    example={"access": _ACCESS, "expires_in": _EXPIRES_IN, "refresh": _REFRESH},
    refused=[errors.MissingToken],
)
refresh_tokens = operation(
    "refreshTokens",
    "A refresh token for new tokens",
    tag=TOKENS,
    description="Uses the refresh token up. Used a second time, it ends the whole login.",
    body=RefreshSerializer,
    bodies={"The last one": {"refresh": _REFRESH}},
    answer=TokensShown,
    example={"access": _ACCESS, "expires_in": _EXPIRES_IN, "refresh": _REFRESH},
    refused=[errors.MissingToken],
)
revoke_tokens = operation(
    "revokeTokens",
    "End a login",
    tag=TOKENS,
    description="Answers alike for a token that was never one.",
    body=RefreshSerializer,
    bodies={"The last one": {"refresh": _REFRESH}},
    answer=RevokedShown,
    example={"revoked": True},
)
exchange_key = operation(
    "exchangeKey",
    "A machine's key for an access token",
    tag=TOKENS,
    description="Keys are made in the back office, shown once. They aren't used up: workers in parallel share one.",
    body=KeySerializer,
    bodies={"A key": {"key": "lucid_1f0c6a5e_example"}},
    answer=AccessShown,
    example={"access": _ACCESS, "expires_in": _EXPIRES_IN},
    refused=[errors.MissingToken],
)
get_keys = operation(
    "getKeys",
    "The public keys that verify our tokens",
    tag=TOKENS,
    answer=KeysShown,
    example={
        "keys": [
            {
                "kty": "RSA",
                "n": "0vx7agoebGcQSuu...",
                "e": "AQAB",
                "kid": "2026-01",
                "use": "sig",
                "alg": "RS256",
            }
        ]
    },
)
