"""The gate of every view: a valid token, and the permission the method asks for."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lucid_payments.accounts.models import User

if TYPE_CHECKING:
    # REST framework's views import this module, by its name in the settings.
    from rest_framework.views import APIView


class Allowed(BasePermission):
    """`view.permissions` names the permission per method; a method it doesn't name is answered 405."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed: dict[str, str] = getattr(view, "permissions", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not isinstance(request.user, User):
            return False
        if method not in needed:
            raise MethodNotAllowed(method)
        permission = needed[method]
        return request.user.may(permission) and permission in _scopes(request, permission)


def _scopes(request: Request, permission: str) -> Collection[str]:
    """What the token's key was given; a token of a person is given all that its role has."""
    token: Any = request.auth
    scopes = token.get("scope") if token is not None else None
    return [permission] if scopes is None else scopes
