"""`/auth/…`: a password or a key for tokens, a refresh token for new ones, its end, and the keys that verify them."""

from __future__ import annotations

import math
from typing import Any

from django.contrib.auth import authenticate
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import TokenError

from lucid_payments.accounts import attempts, families, machine_keys, schema
from lucid_payments.accounts.bodies import CredentialsSerializer, KeySerializer, RefreshSerializer
from lucid_payments.accounts.families import Pair
from lucid_payments.accounts.keyring import PUBLISHED_SECONDS
from lucid_payments.accounts.keys import token_ring
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken
from lucid_payments.api import errors, evidence
from lucid_payments.api.client_address import client_of
from lucid_payments.api.fields import StrictSerializer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView


class AuthView(LucidView):
    """Open to who has no token yet; counted per client, refusals included."""

    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"POST": 10}

    def read(self, request: Request, kind: type[StrictSerializer]) -> dict[str, Any]:
        """The body's fields. Raises InvalidRequest."""
        body = kind(data=request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)


class TokenView(AuthView):
    """Answers a wrong name, a wrong password and a closed account alike; each failure makes the next wait longer."""

    @schema.log_in
    def post(self, request: Request) -> Response:
        given = self.read(request, CredentialsSerializer)
        name, client = given["username"], client_of(request._request)
        wait = attempts.begin(name, client, attempts.Door.API)
        if wait is not None:
            seconds = math.ceil(wait.total_seconds())
            raise errors.RateLimited(
                {"limit": 0, "window": seconds, "retry_after": seconds}, retry_after=seconds
            )
        user = authenticate(request._request, **given)
        # A one-time password is for choosing another one, in the back office.
        if not isinstance(user, User) or user.must_change_password:
            evidence.ask_for_account(request._request, name)
            raise errors.MissingToken
        attempts.succeeded_by_api(name, client)
        return _tokens(families.start(user, request_id=request_id_of(request._request)))


class RefreshView(AuthView):
    """A new pair for a refresh token, which is used up by it."""

    @schema.refresh_tokens
    def post(self, request: Request) -> Response:
        token = _refresh_token(self.read(request, RefreshSerializer)["refresh"])
        pair = families.refresh(token, request_id=request_id_of(request._request)) if token else None
        if pair is None:
            raise errors.MissingToken
        return _tokens(pair)


class RevokeView(AuthView):
    """Ends a login. Answers alike for a token that was never one, so that nothing is learned from asking."""

    @schema.revoke_tokens
    def post(self, request: Request) -> Response:
        token = _refresh_token(self.read(request, RefreshSerializer)["refresh"])
        if token is not None:
            families.revoke(token, request_id=request_id_of(request._request))
        return Response({"revoked": True})


class KeyView(AuthView):
    """An access token for a machine's key. Keys aren't used up: parallel workers don't disturb each other."""

    @schema.exchange_key
    def post(self, request: Request) -> Response:
        access = machine_keys.exchange(
            self.read(request, KeySerializer)["key"],
            client=client_of(request._request),
            request_id=request_id_of(request._request),
        )
        if access is None:
            raise errors.MissingToken
        return Response({"access": access, "expires_in": int(AccessToken.lifetime.total_seconds())})


class JwksView(LucidView):
    """The public keys, for whoever verifies our tokens: the gateway, and others' services."""

    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 10}

    @schema.get_keys
    def get(self, request: Request) -> Response:
        return Response(token_ring().jwks())

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        if final.status_code == 200:
            final["Cache-Control"] = f"public, max-age={PUBLISHED_SECONDS}"
        return final


def _refresh_token(text: str) -> RefreshToken | None:
    try:
        token = RefreshToken(text)  # type: ignore[arg-type]  # simplejwt's own types say Token
    except TokenError:
        return None
    return token if "sid" in token else None


def _tokens(pair: Pair) -> Response:
    return Response(
        {
            "access": pair.access,
            "refresh": pair.refresh,
            "expires_in": int(AccessToken.lifetime.total_seconds()),
        }
    )
