"""The one shape of every answer of 400 and above under the API's prefix, whoever gives it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from lucid_payments.api import errors, evidence, json_format, metrics
from lucid_payments.api.errors import LucidError
from lucid_payments.api.request_id import request_id_of

logger = logging.getLogger(__name__)

_SHAPED: Final = "lucid_shaped"
_BY_STATUS: Final[dict[int, type[LucidError]]] = {
    400: errors.InvalidRequest,
    401: errors.MissingToken,
    403: errors.PermissionRefused,
    429: errors.RateLimited,
    500: errors.InternalError,
    503: errors.Unavailable,
}


def body_of(error: LucidError, request: HttpRequest) -> dict[str, Any]:
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": request_id_of(request),
            "timestamp": json_format.format_time(datetime.now(UTC)),
        }
    }


def headers_of(error: LucidError) -> dict[str, str]:
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
        if error.status == 429:
            headers["X-RateLimit-Retry-After"] = str(error.retry_after)
    return headers


def answer(error: LucidError, request: HttpRequest, **beside: Any) -> Response:
    """The error as an answer; `beside` stands next to `error` in the body."""
    response = Response({**beside, **body_of(error, request)}, status=error.status, headers=headers_of(error))
    setattr(response, _SHAPED, True)
    return response


def handle(exception: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: an answer for everything, so that nothing reaches Django's HTML."""
    set_rollback()
    request: HttpRequest = context["request"]._request
    error = as_lucid_error(exception)
    credentials = _asks_for_credentials(context)
    if error.status == 401:
        metrics.count_refused_authentication(request, by_credentials=credentials)
    if error.status >= 500:
        logger.error("request %s failed", request_id_of(request), exc_info=exception)
    # None until the token has been read; Django's own lazy user would look for a session.
    user = vars(context["request"]).get("_user")
    evidence.refused(request, user, error, credentials=credentials)
    return answer(error, request)


def _asks_for_credentials(context: Mapping[str, Any]) -> bool:
    """Where no token is asked for, a 401 is about what the body held."""
    return not context["view"].authentication_classes


def as_lucid_error(exception: Exception) -> LucidError:
    """The error a caller sees for any exception; unknown ones say nothing about themselves."""
    match exception:
        case LucidError():
            return exception
        case exceptions.ValidationError():
            return errors.InvalidRequest(by_field(exception.detail))
        case exceptions.ParseError():
            return errors.InvalidRequest({"body": [str(exception.detail)]})
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return errors.MissingToken()
        case exceptions.PermissionDenied() | PermissionDenied():
            return errors.PermissionRefused()
        case Http404():
            return errors.HttpError(404)
        case RequestDataTooBig():
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return errors.HttpError(413, {"body": [f"At most {limit} bytes are taken."]})
        case exceptions.APIException() if exception.status_code < 500:
            return errors.HttpError(exception.status_code, {"request": [str(exception.detail)]})
        case OperationalError() | InterfaceError():
            return errors.Unavailable()
        case _:
            return errors.InternalError()


class ErrorShapeMiddleware:
    """Gives the shape to what DRF never saw: unknown paths, wrong hosts, failures in middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 400 and _is_api(request) and not getattr(response, _SHAPED, False):
            _reshape(response, request)
        return response


def _is_api(request: HttpRequest) -> bool:
    prefix = f"/{settings.API_PREFIX}"
    return request.path.startswith(prefix) or request.path == prefix.rstrip("/")


def _reshape(response: HttpResponse, request: HttpRequest) -> None:
    status = response.status_code
    error_class = _BY_STATUS.get(status)
    error = error_class() if error_class is not None else errors.HttpError(status)
    response.content = json_format.dumps(body_of(error, request)).encode()
    # The other headers stay: Allow, and what CORS needs.
    response["Content-Type"] = "application/json"
    response["Content-Length"] = str(len(response.content))
    for name, value in headers_of(error).items():
        response[name] = value


def by_field(detail: Any) -> dict[str, Any]:
    """A serializer's errors as `details`: by field, and `body` for what is wrong with the whole."""
    if not isinstance(detail, dict):
        return {"body": detail}
    return {("body" if field == "non_field_errors" else field): value for field, value in detail.items()}
