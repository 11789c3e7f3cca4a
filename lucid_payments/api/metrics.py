"""`GET /metrics`: what Prometheus may know, the same whichever process is asked, and for this machine's own alone.

What is counted lies in files, one set a process, of PROMETHEUS_MULTIPROC_DIR and of the folders of METRICS_FOLDERS, and
is added up here; what is read from the database comes from collectors that apps above this one register.
docs/metrics.md says what each name means.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from lucid_payments.api.client_address import CLIENT_HEADER, GATEWAY_TOKEN_HEADER

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
# Whoever comes through a proxy isn't one of ours, whatever the proxy's own address is.
PASSED_ON: Final = (GATEWAY_TOKEN_HEADER, CLIENT_HEADER, "X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
OURS: Final = ("tron_", "lucid_")
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")

authentication_failures = Counter(
    "tron_authentication_failures_total",
    "Requests refused because nobody could be told to be calling",
    ["failure_type"],
)
rate_limit_violations = Counter(
    "tron_rate_limit_violations_total", "Requests refused because there were too many", ["endpoint"]
)
# Known from the start: a rate needs a zero before its first event.
for _kind in ("missing_token", "invalid_token", "credentials", "back_office"):
    authentication_failures.labels(_kind)

_collectors: list[Collector] = []


def register(collector: Collector) -> None:
    """Let `collector` say, each time somebody asks, what the database knows."""
    _collectors.append(collector)


def count_refused_authentication(request: HttpRequest, *, by_credentials: bool) -> None:
    """A 401: wrong credentials, a token that isn't good, or none at all."""
    if by_credentials:
        kind = "credentials"
    else:
        kind = "invalid_token" if request.headers.get("Authorization") else "missing_token"
    authentication_failures.labels(kind).inc()


def count_rate_limit_violation(request: HttpRequest) -> None:
    """A 429, by its endpoint."""
    rate_limit_violations.labels(endpoint_of(request)).inc()


def endpoint_of(request: HttpRequest) -> str:
    """The request's endpoint as the contract writes it, `/payouts/{payout_id}`."""
    match = request.resolver_match
    return endpoint_named(match.route if match is not None else "")


def endpoint_named(route: str) -> str:
    """A route of ours as the contract writes it."""
    return "/" + _PARAMETER.sub(r"{\1}", route.removeprefix(settings.API_PREFIX))


# It reads no cookie; else another method would be refused 403 before it is found to be none of ours.
@csrf_exempt
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Everything, as text. To who isn't internal there is no such page; 503 while the database is away."""
    if not is_internal(request):
        raise Http404
    try:
        content = exposition()
    except (OperationalError, InterfaceError):
        return HttpResponse("The database is away.\n", status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def is_internal(request: HttpRequest) -> bool:
    """Whether a request comes from inside: never through the gateway or another proxy, and with METRICS_TOKEN where
    that is set, else from this machine (loopback, or a Unix socket, which has no peer address).
    """
    if any(name in request.headers for name in PASSED_ON):
        return False
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        expected = (settings.METRICS_TOKEN, *settings.METRICS_TOKENS_BEFORE)
        return any(hmac.compare_digest(given, one.encode()) for one in expected)
    peer = request.META.get("REMOTE_ADDR") or ""
    try:
        return not peer or ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def exposition() -> bytes:
    """All metrics in Prometheus's text form."""
    registry = CollectorRegistry()
    for collector in (_Counted(), *_collectors):
        registry.register(collector)
    return generate_latest(registry)


class _Counted(Collector):
    """What processes count: of all whose folder is named, else of this one."""

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the files."""
        return []

    def collect(self) -> Iterator[Metric]:
        own = os.environ.get(FOLDER_VARIABLE)
        if not own:
            yield from REGISTRY.collect()
            return
        folders = {Path(folder) for folder in (own, *settings.METRICS_FOLDERS)}
        files = [str(file) for folder in sorted(folders) for file in folder.glob("*.db")]
        counted = set()
        for metric in MultiProcessCollector.merge(files, accumulate=True):
            counted.add(metric.name)
            yield metric
        # What has happened nowhere yet has no file; its name is there all the same.
        for metric in REGISTRY.collect():
            if metric.name.startswith(OURS) and metric.name not in counted:
                metric.samples = []
                yield metric
