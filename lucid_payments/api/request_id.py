"""A request's name: the caller's own if it is well formed, else a new one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from lucid_payments import log_context
from lucid_payments.api.client_address import client_of
from lucid_payments.audit.origin import Origin, coming_from
from lucid_payments.logs import REQUEST_ID

HEADER: Final = "X-Request-ID"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id_of(request: HttpRequest) -> str:
    """The id of this request; made on the first call."""
    found = request.META.get(REQUEST_ID)
    if not isinstance(found, str):
        asked = request.headers.get(HEADER, "")
        found = asked if _WELL_FORMED.fullmatch(asked) else f"req_{uuid.uuid4().hex}"
        request.META[REQUEST_ID] = found
    return found


class RequestIdMiddleware:
    """Puts the id on the answer and on every line logged on the way to it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request)
        origin = Origin(request_id, client_of(request))
        with log_context.of_one({"request_id": request_id}), coming_from(origin):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response
