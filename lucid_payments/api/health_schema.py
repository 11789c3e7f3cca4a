"""What the API's description says of health: one `operation` for each view."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from lucid_payments.api.openapi.fields import Moment, Usdt
from lucid_payments.api.openapi.operations import operation

HEALTH: Final = "Health"
_STATES: Final = ["healthy", "unhealthy", "disabled"]


class TronCheckShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(_STATES)
    network = serializers.CharField(allow_null=True)
    latest_block = serializers.IntegerField(allow_null=True)


class PartCheckShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(_STATES)


class DatabaseCheckShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(_STATES)
    connection = serializers.ChoiceField(["connected", "disconnected"])


class BreakerCheckShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["open", "closed", "half_open"], allow_null=True)
    daily_limit_remaining = Usdt(allow_null=True, help_text="Without a token: rounded down to 100.")
    hourly_limit_remaining = Usdt(allow_null=True)


class ChecksShown(serializers.Serializer[Any]):
    tron = TronCheckShown()
    tor = PartCheckShown()
    database = DatabaseCheckShown()
    mongo = DatabaseCheckShown(help_text="The old name of `database`; deprecated.")
    broker = PartCheckShown()
    circuit_breaker = BreakerCheckShown()


class HealthShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(
        ["healthy", "degraded", "unhealthy"],
        help_text="`unhealthy`, and 503, only when the database is away; the error then stands beside these fields.",
    )
    service = serializers.CharField()
    version = serializers.CharField()
    timestamp = Moment()
    checks = ChecksShown()


class AliveShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["alive"])


class ReadyShown(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ready"])


_DATABASE: Final = {"status": "healthy", "connection": "connected"}

get_health = operation(
    "getHealth",
    "How the service and what it stands on are",
    tag=HEALTH,
    answer=HealthShown,
    example={
        "status": "healthy",
        "service": "tron-payment-service",
        "version": "0.1.0",
        "timestamp": "2026-01-31T12:00:00Z",
        "checks": {
            "tron": {"status": "healthy", "network": "mainnet", "latest_block": 61_234_567},
            "tor": {"status": "healthy"},
            "database": _DATABASE,
            "mongo": _DATABASE,
            "broker": {"status": "healthy"},
            "circuit_breaker": {
                "status": "closed",
                "daily_limit_remaining": 9900,
                "hourly_limit_remaining": 900,
            },
        },
    },
)
is_alive = operation(
    "isAlive",
    "The process answers",
    tag=HEALTH,
    answer=AliveShown,
    example={"status": "alive"},
)
is_ready = operation(
    "isReady",
    "Whether requests may be sent here",
    tag=HEALTH,
    description="Database reachable and migrations done. Else 503, and `details.missing` names what is missing.",
    parameters=[OpenApiParameter("deep", {"type": "string"}, description="`1`: ask TRON, too.")],
    answer=ReadyShown,
    example={"status": "ready"},
)
