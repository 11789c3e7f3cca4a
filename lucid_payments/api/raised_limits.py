"""Limits that staff raised for one client: of one endpoint, to a number a minute, until a day or for good.

They stand in the user's own row, which every request reads anyway, so that they hold from the next request on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from lucid_payments.accounts.models import Client, User
from lucid_payments.api import metrics
from lucid_payments.audit import log

# Above it a client is a load test.
MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Raised:
    """`until` is None for one without an end."""

    endpoint: str
    a_minute: int
    until: datetime | None

    @property
    def holds(self) -> bool:
        return self.until is None or timezone.now() < self.until


def endpoint_of(request: HttpRequest, method: str) -> str:
    """As the contract writes it: ``POST /payouts``, ``GET /payouts/{payout_id}``."""
    return f"{method} {metrics.endpoint_of(request)}"


def endpoints() -> dict[str, int]:
    """Every endpoint that asks who is calling, with the contract's limit a minute."""
    found: dict[str, int] = {}
    for route, view in _routes(get_resolver().url_patterns, ""):
        if route.startswith(settings.API_PREFIX) and getattr(view, "authentication_classes", None):
            for method, limit in getattr(view, "rate_limits", {}).items():
                found[f"{method} {metrics.endpoint_named(route)}"] = limit
    return dict(sorted(found.items(), key=lambda item: item[0].split(" ")[::-1]))


def of(user: User) -> list[Raised]:
    """All that were raised for this user, ended ones included."""
    return [
        Raised(
            endpoint, given["a_minute"], datetime.fromisoformat(given["until"]) if given["until"] else None
        )
        for endpoint, given in sorted(user.raised_limits.items())
    ]


def limit_of(user: User, endpoint: str) -> int | None:
    """What holds for this user there now; None where nothing was raised."""
    return next(
        (raised.a_minute for raised in of(user) if raised.endpoint == endpoint and raised.holds), None
    )


@transaction.atomic
def change(
    client: Client, endpoint: str, a_minute: int | None, until: datetime | None, *, actor: User,
    evidence: Mapping[str, Any], request_id: str = "",
) -> None:  # fmt: skip
    """Raise one limit, or take it back to the contract's (`a_minute` None). The caller holds the row's lock."""
    before = client.raised_limits.get(endpoint)
    given = dict(client.raised_limits)
    given.pop(endpoint, None)
    if a_minute is not None:
        given[endpoint] = {"a_minute": a_minute, "until": until.isoformat() if until else None}
    Client.objects.filter(pk=client.pk).update(raised_limits=given)
    details = {"endpoint": endpoint, "before": before, "after": given.get(endpoint), **evidence}
    log.record("client.limit_changed", actor=actor, subject=client, details=details, request_id=request_id)


def _routes(patterns: Any, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            found.append((route, getattr(pattern.callback, "view_class", None)))
    return found
