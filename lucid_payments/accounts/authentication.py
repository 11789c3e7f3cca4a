"""Who the token says is calling, and whether that user may still call."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Exists, OuterRef
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as SimpleJwtFailure
from rest_framework_simplejwt.tokens import Token

from lucid_payments.accounts.models import TokenFamily, User
from lucid_payments.api import errors


class TokenAuthentication(JWTAuthentication):
    """A bearer token of ours. Raises MissingToken, which never says what was wrong with it."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        try:
            return super().authenticate(request)
        except SimpleJwtFailure:
            raise errors.MissingToken from None

    def get_user(self, validated_token: Token) -> Any:
        user = user_of(validated_token)
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


def user_of(token: Token) -> User | None:
    """The user's row as it is now, so that a role, an account or a login taken away counts at once."""
    users = User.objects.filter(public_id=_uuid(token["sub"]), is_active=True)
    if "sid" in token:
        login = TokenFamily.objects.filter(public_id=_uuid(token["sid"]), ended_at=None, user=OuterRef("pk"))
        users = users.filter(Exists(login))
    user = users.first()
    return None if user is None or _is_ended(token, user) else user


def _is_ended(token: Token, user: User) -> bool:
    """Whether the user's sessions and tokens were ended after this one was made (`iat` is in whole seconds)."""
    return user.signed_out_at is not None and token["iat"] <= user.signed_out_at.timestamp()


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (ValueError, TypeError, AttributeError):
        raise errors.MissingToken from None
