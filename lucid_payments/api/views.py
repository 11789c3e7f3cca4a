"""The base of every API view."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, cast

from django.db import DatabaseError, InterfaceError
from rest_framework.request import Request
from rest_framework.views import APIView

from lucid_payments import log_context
from lucid_payments.accounts.models import User
from lucid_payments.api import error_shape, errors, offences, throttles

# Whatever else stands there isn't copied into a log.
_PAYOUT_ID: Final = re.compile(r"payout_[a-zA-Z0-9]{1,40}", re.ASCII)


class LucidView(APIView):
    """A view says per method which permission it asks for and how many requests a minute it takes."""

    # OPTIONS is CORS's alone: its middleware answers a preflight.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    permissions: ClassVar[dict[str, str]] = {}
    rate_limits: ClassVar[dict[str, int]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Log lines name the payout as soon as it is asked for, and the user once the token is believed."""
        asked = kwargs.get("payout_id")
        if asked is not None and _PAYOUT_ID.fullmatch(asked):
            log_context.know(payout_id=asked)
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if isinstance(request.user, User):
            log_context.know(user=str(request.user.public_id))

    def handle_exception(self, exc: Exception) -> Any:
        """Whoever isn't authenticated is counted, and may be answered for that instead."""
        if error_shape.as_lucid_error(exc).status == 401:
            try:
                by_credentials = not self.authentication_classes
                offences.not_authenticated(self.request._request, by_credentials=by_credentials)
            except (errors.LucidError, DatabaseError, InterfaceError) as refused:
                return super().handle_exception(refused)
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        throttles.add_headers(request._request, final)
        final["Cache-Control"] = "no-store"
        return final


def caller(request: Request) -> User:
    """The user behind a request that has passed the gate."""
    return cast(User, request.user)
