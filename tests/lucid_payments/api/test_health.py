"""Health, liveness and readiness: unhealthy only without the database, exact figures only with a token."""

from __future__ import annotations

import socket
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api import health
from lucid_payments.celery import app as celery_app
from payouts.models import ChainState
from routers import killswitch
from routers.models import LimitWindow
from tests.api_client import TIME, Answer, ApiClient
from tests.harness.socks import socks_proxy


def chain_is_read(head: int = 1234) -> None:
    ChainState.objects.update_or_create(
        pk=1, defaults={"head_number": head, "operators_usable": 1, "read_at": clock.now()}
    )


def use_today(units: int) -> None:
    now = clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    for period, start, cap in (("day", hour.replace(hour=0), 10_000_000_000), ("hour", hour, 1_000_000_000)):
        LimitWindow.objects.create(scope="global", period=period, starts_at=start, cap=cap, posted=units)


def test_all_is_well(db: None) -> None:
    chain_is_read()
    answer = ApiClient().get("/health")
    assert answer.status == 200
    body = answer.body
    assert TIME.fullmatch(body.pop("timestamp"))
    assert body == {
        "status": "healthy",
        "service": "tron-payment-service",
        "version": "0.1.0",
        "checks": {
            "tron": {"status": "healthy", "network": "devnet", "latest_block": 1234},
            "tor": {"status": "disabled"},
            "database": {"status": "healthy", "connection": "connected"},
            "mongo": {"status": "healthy", "connection": "connected"},
            "broker": {"status": "healthy"},
            "circuit_breaker": {
                "status": "closed",
                "daily_limit_remaining": 10000,
                "hourly_limit_remaining": 1000,
            },
        },
    }


def test_a_stranger_sees_what_is_left_of_the_limits_rounded_down(user: User) -> None:
    use_today(123_456_789)
    stranger, known = (
        client.get("/health").body["checks"]["circuit_breaker"] for client in (ApiClient(), ApiClient(user))
    )
    assert (stranger["daily_limit_remaining"], stranger["hourly_limit_remaining"]) == (9800, 800)
    assert known["daily_limit_remaining"] == Decimal("9876.543211")
    assert known["hourly_limit_remaining"] == Decimal("876.543211")


def test_a_bad_token_is_as_good_as_none(db: None) -> None:
    client = ApiClient()
    client.headers = {"Authorization": "Bearer forged"}
    assert client.get("/health").status == 200


def test_a_full_window_reads_as_an_open_breaker(db: None) -> None:
    chain_is_read()
    use_today(1_000_000_000)
    body = ApiClient().get("/health").body
    assert (body["status"], body["checks"]["circuit_breaker"]["status"]) == ("degraded", "open")


def test_the_kill_switch_reads_as_an_open_breaker(user: User) -> None:
    chain_is_read()
    killswitch.pull(actor=None, reason="drill")
    body = ApiClient().get("/health").body
    assert (body["status"], body["checks"]["circuit_breaker"]["status"]) == ("degraded", "open")


def degraded_by(answer: Answer, name: str) -> None:
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert [check for check, found in answer.body["checks"].items() if found["status"] == "unhealthy"] == [
        name
    ]


def test_without_a_node_the_service_is_degraded(db: None) -> None:
    degraded_by(ApiClient().get("/health"), "tron")


def test_without_tor_the_service_is_degraded(db: None, settings: Settings) -> None:
    chain_is_read()
    settings.TOR_PROXY = "socks5h://127.0.0.1:1"
    degraded_by(ApiClient().get("/health"), "tor")
    with socks_proxy(("127.0.0.1", 1)) as proxy:
        settings.TOR_PROXY = f"socks5h://{proxy.address}"
        assert ApiClient().get("/health").body["checks"]["tor"] == {"status": "healthy"}
    # An open port that says nothing, such as a tor that is stopped, isn't Tor.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.TOR_PROXY = f"socks5h://127.0.0.1:{silent.getsockname()[1]}"
        degraded_by(ApiClient().get("/health"), "tor")


def test_without_the_broker_the_service_is_degraded(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    chain_is_read()
    monkeypatch.setattr(
        celery_app,
        "connection_for_write",
        lambda **options: celery_app.connection("redis+socket:///nonexistent"),
    )
    degraded_by(ApiClient().get("/health"), "broker")


@pytest.fixture
def without_database(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "/nonexistent")
        yield
    connection.close()


def test_without_the_database_the_service_is_unhealthy(without_database: None) -> None:
    answer = ApiClient().get("/health")
    assert (answer.status, answer.body["status"]) == (503, "unhealthy")
    assert answer.body["checks"]["database"] == {"status": "unhealthy", "connection": "disconnected"}
    assert answer.body["error"]["code"] == "LUCID_ERR_1005"
    assert int(answer.headers["Retry-After"]) > 0


def test_without_the_database_the_process_lives_and_is_not_ready(without_database: None) -> None:
    assert ApiClient().get("/health/live").status == 200
    assert ApiClient().get("/health/ready").refused(503, "LUCID_ERR_1005") == {"missing": ["database"]}


def test_ready_with_the_database_and_all_migrations(db: None) -> None:
    assert ApiClient().get("/health/ready").status == 200


def test_a_missing_migration_is_not_ready(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'api'")
    assert ApiClient().get("/health/ready").refused(503, "LUCID_ERR_1005") == {"missing": ["migrations"]}


def test_a_deep_question_asks_for_tron_too(db: None) -> None:
    assert ApiClient().get("/health/ready?deep=1").refused(503, "LUCID_ERR_1005") == {"missing": ["tron"]}
    chain_is_read()
    assert ApiClient().get("/health/ready?deep=1").status == 200
