"""Health: what the service says of itself and of what it stands on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments import outgoing
from lucid_payments.accounts.authentication import OptionalTokenAuthentication
from lucid_payments.accounts.models import User
from lucid_payments.api import error_shape, errors, health_schema
from lucid_payments.api.health_checks import DISABLED, HEALTHY, UNHEALTHY, ask, unknown
from lucid_payments.api.views import LucidView
from lucid_payments.celery import app as celery_app

TIMEOUT_SECONDS: Final = 1

# What counts as well, per check; a breaker is well when closed.
_WELL: Final = frozenset({HEALTHY, DISABLED, "closed"})


class HealthView(LucidView):
    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 120}

    @health_schema.get_health
    def get(self, request: Request) -> Response:
        database_is_there = _database_is_there()
        checks = _report(database_is_there, exact=database_is_there and _has_token(request))
        body: dict[str, Any] = {
            "status": _overall(database_is_there, checks),
            "service": settings.SERVICE_NAME,
            "version": settings.VERSION,
            "timestamp": datetime.now(UTC),
            "checks": checks,
        }
        if database_is_there:
            return Response(body)
        return error_shape.answer(errors.Unavailable(), request._request, **body)


class LiveView(LucidView):
    """The process answers."""

    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 120}

    @health_schema.is_alive
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class ReadyView(LucidView):
    """Whether requests may be sent here; `deep=1` asks for TRON too."""

    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"GET": 120}

    @health_schema.is_ready
    def get(self, request: Request) -> Response:
        missing = []
        if not _database_is_there():
            missing.append("database")
        elif not migrations_are_done():
            missing.append("migrations")
        elif request.query_params.get("deep") == "1" and ask("tron", exact=False)["status"] not in _WELL:
            missing.append("tron")
        if missing:
            raise errors.Unavailable({"missing": missing})
        return Response({"status": "ready"})


_migrated = False


def migrations_are_done() -> bool:
    """Whether the database has every migration of this code; a yes is remembered."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def _report(database_is_there: bool, *, exact: bool) -> dict[str, dict[str, Any]]:
    database = {
        "status": HEALTHY if database_is_there else UNHEALTHY,
        "connection": "connected" if database_is_there else "disconnected",
    }
    return {
        "tron": ask("tron", exact=exact) if database_is_there else unknown("tron"),
        "tor": {"status": tor_status()},
        "database": database,
        "mongo": dict(database),  # the old name, deprecated
        "broker": {"status": _broker()},
        "circuit_breaker": ask("circuit_breaker", exact=exact)
        if database_is_there
        else unknown("circuit_breaker"),
    }


def _overall(database_is_there: bool, checks: dict[str, dict[str, Any]]) -> str:
    if not database_is_there:
        return UNHEALTHY
    return HEALTHY if all(check["status"] in _WELL for check in checks.values()) else "degraded"


def _has_token(request: Request) -> bool:
    found = OptionalTokenAuthentication().authenticate(request)
    return found is not None and isinstance(found[0], User)


def _database_is_there() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
    return True


def _broker() -> str:
    try:
        with celery_app.connection_for_write(connect_timeout=TIMEOUT_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=TIMEOUT_SECONDS)
    except Exception:  # noqa: BLE001 - each transport has errors of its own
        return UNHEALTHY
    return HEALTHY


def tor_status() -> str:
    """Whether Tor itself answers at its SOCKS port; `disabled` where nothing goes through Tor."""
    if not settings.TOR_PROXY:
        return DISABLED
    return HEALTHY if outgoing.is_open() else UNHEALTHY
