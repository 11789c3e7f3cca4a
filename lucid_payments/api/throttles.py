"""The contract's limits per minute, and blocked callers turned away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from lucid_payments.accounts.models import User
from lucid_payments.api import errors, metrics, offences, raised_limits
from lucid_payments.api.client_address import client_of
from lucid_payments.api.counting import META_KEY, usage_of

if TYPE_CHECKING:
    # REST framework's views import this module, by its name in the settings.
    from rest_framework.views import APIView

WINDOW: Final = 60


class ContractThrottle(BaseThrottle):
    """`view.rate_limits` gives the limit per minute and method, per user where there is one, else per client.

    Raises RateLimited above it. With the cache away, reads pass and everything else is refused: what creates
    money must not run uncounted. What everybody may read is read by blocked callers too, and without the database.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        limits: dict[str, int] = getattr(view, "rate_limits", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        public = method in SAFE_METHODS and not view.authentication_classes
        if not public:
            offences.refuse_blocked(request._request, request.user, request.auth)
        if method in limits:
            limit = _limit_of(request, method, limits[method])
            self._count(request, f"{type(view).__name__}.{method}", limit, public=public)
        return True

    def _count(self, request: Request, group: str, limit: int, *, public: bool) -> None:
        who = (
            f"user:{request.user.pk}"
            if isinstance(request.user, User)
            else f"ip:{client_of(request._request)}"
        )
        usage = usage_of(request._request, group, who, limit, WINDOW)
        if usage is None:
            if request.method not in SAFE_METHODS:
                raise errors.Unavailable()
            return
        request._request.META[META_KEY] = usage
        if usage["should_limit"]:
            metrics.count_rate_limit_violation(request._request)
            if not public:
                offences.too_many(request._request, request.user, request.auth)
            wait = max(1, usage["time_left"])
            details = {"limit": limit, "window": WINDOW, "retry_after": wait}
            raise errors.RateLimited(details, retry_after=wait)


def _limit_of(request: Request, method: str, documented: int) -> int:
    """The contract's number, as many times as the client was given, or what was raised for it here."""
    limit = documented * int(settings.RATE_LIMIT_FACTOR)
    if not isinstance(request.user, User):
        return limit
    endpoint = raised_limits.endpoint_of(request._request, method)
    raised = raised_limits.limit_of(request.user, endpoint) if request.user.raised_limits else None
    return max(limit * request.user.rate_factor, raised or 0)


def add_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """X-RateLimit-*: the limit, what is left of it, and when (epoch seconds) it is whole again."""
    usage: dict[str, Any] | None = request.META.get(META_KEY)
    if usage is not None:
        response["X-RateLimit-Limit"] = str(usage["limit"])
        response["X-RateLimit-Remaining"] = str(max(0, usage["limit"] - usage["count"]))
        response["X-RateLimit-Reset"] = str(int(time.time()) + usage["time_left"])
