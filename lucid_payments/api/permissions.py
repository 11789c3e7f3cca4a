"""The gate of every view: a valid token, and the permission the method asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        return request.user.may(needed[method])
