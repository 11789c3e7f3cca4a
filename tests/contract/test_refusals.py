"""Whatever goes wrong, on whichever operation: the contract's shape, its request's id, and nothing of our insides."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from lucid_payments.accounts import families
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.api.fields import StrictSerializer
from lucid_payments.api.openapi.document import document
from tests.api_client import BASE, Answer

UNKNOWN = {
    "payout_id": "payout_unknown",
    "batch_id": "batch_unknown",
    "upload_id": "upload_unknown",
    "period": "2001-01",
    "webhook_id": "wh_unknown",
    "application_id": f"kyc_{'0' * 32}",
}

BODIES: dict[str, bytes] = {
    "broken JSON": b'{"reason": ',
    "not UTF-8": b'{"reason": "\xff"}',
    "a NUL byte": b'{"reason": "a\0b"}',
    "an escaped NUL": rb'{"reason": "a\u0000b"}',
    "half of a surrogate pair": rb'{"reason": "\ud800"}',
    "a key twice": b'{"reason": "a", "reason": "b"}',
    "100,000 levels": b"[" * 100_000,
    "40 levels": b'{"custom_data": ' * 40 + b"1" + b"}" * 40,
    "5,000 digits": b'{"amount_usdt": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"amount_usdt": NaN}',
    "1e999": b'{"amount_usdt": 1e999}',
    "a number": b"5",
    "a field that isn't ours": b'{"approved_by": 1}',
}


def operations(*methods: str) -> list[tuple[str, str]]:
    """Method and address of each operation, with ids that name nothing."""
    return [
        (method.upper(), path.format(**UNKNOWN))
        for path, item in document()["paths"].items()
        for method in methods
        if method in item
    ]


def with_body() -> list[str]:
    return [
        path.format(**UNKNOWN)
        for path, item in document()["paths"].items()
        if "application/json" in item.get("post", {}).get("requestBody", {}).get("content", {})
    ]


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def caller(db: None, request: pytest.FixtureRequest) -> dict[str, str]:
    """Of a role that may call the `path` of the test."""
    case = getattr(request.node, "callspec", None)
    path = case.params.get("path", "") if case else ""
    if "/kyc/" in path:
        return _headers("node_operator")
    return _headers("service" if "/events/" in path else "admin")


def _headers(role: str = "admin") -> dict[str, str]:
    user = User.objects.create_user(role, role=role)
    return {"Authorization": f"Bearer {issue(AccessToken, user)}", "X-Request-ID": "named-by-the-caller"}


def send(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"{}",
    content_type: str = "application/json",
) -> Answer:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    answer = Answer(client.generic(method, path, body, content_type=content_type, headers=headers))
    assert answer.headers["X-Request-ID"] == "named-by-the-caller"
    assert b"Traceback" not in answer.content
    return answer


@pytest.mark.parametrize("path", with_body())
def test_a_body_that_can_not_be_read(caller: dict[str, str], path: str) -> None:
    for name, body in BODIES.items():
        details = send("POST", path, caller, body).refused(400, "LUCID_ERR_1002")
        assert details, name


@pytest.mark.parametrize("path", with_body())
def test_a_body_that_is_too_large_or_of_another_type(caller: dict[str, str], path: str) -> None:
    large = json.dumps({"reason": "x" * 1_000_001}).encode()
    assert send("POST", path, caller, large).refused(413, "LUCID_ERR_1004")
    assert send("POST", path, caller, b"a=b", "text/plain").refused(415, "LUCID_ERR_1004")


@pytest.mark.parametrize("path", sorted({path for _, path in operations("get", "post", "delete")}))
def test_a_method_that_an_address_does_not_take(caller: dict[str, str], path: str) -> None:
    taken = {
        method for method, address in operations("get", "post", "put", "patch", "delete") if address == path
    }
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - taken:
        answer = send(method, path, caller)
        answer.refused(405, "LUCID_ERR_1004")
        allowed = set(answer.headers["Allow"].split(", "))
        assert allowed - {"HEAD"} == taken, method


def test_an_address_that_is_none(caller: dict[str, str]) -> None:
    for method, path in operations("get", "post", "delete"):
        send(method, f"{path}/nothing/here", caller).refused(404, "LUCID_ERR_1004")


@pytest.fixture
def failing_serializer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, data: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(StrictSerializer, "to_internal_value", fail)


@pytest.mark.parametrize("path", [path for path in with_body() if not path.endswith("/bulk")])
def test_an_exception_in_a_serializer(caller: dict[str, str], failing_serializer: None, path: str) -> None:
    answer = send("POST", path, caller)
    assert answer.refused(500, "LUCID_ERR_1005") == {}
    assert b"hunter2" not in answer.content


# They answer from what the process has in memory.
WITHOUT_DATABASE = {f"{BASE}/{name}" for name in ("health/live", "schema", "docs", "auth/jwks.json")}


def test_a_database_that_is_away(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = _headers()
    refresh = families.start(User.objects.get(), request_id="").refresh
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    monkeypatch.setitem(connection.settings_dict, "NAME", "nothing")
    for method, path in operations("get", "post", "delete"):
        if path in WITHOUT_DATABASE:
            continue
        answer = send(method, path, headers, _good_body(path, refresh))
        if path == f"{BASE}/health":
            assert answer.status == 503
            assert answer.body.pop("status") == "unhealthy"
            assert answer.body["error"]["code"] == "LUCID_ERR_1005"
        else:
            answer.refused(503, "LUCID_ERR_1005")
        assert int(answer.headers["Retry-After"]) > 0


def _good_body(path: str, refresh: str) -> bytes:
    bodies: dict[str, Any] = {
        f"{BASE}/auth/token": {"username": "somebody", "password": "something"},
        f"{BASE}/auth/token/refresh": {"refresh": refresh},
        f"{BASE}/auth/token/revoke": {"refresh": refresh},
        f"{BASE}/auth/key": {"key": "lucid_0123456789abcdef_" + "a" * 43},
    }
    return json.dumps(bodies.get(path, {})).encode()
