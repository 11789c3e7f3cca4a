"""`POST /auth/token`."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from tests.api_client import ApiClient


@pytest.fixture(autouse=True)
def quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("somebody", password="right")


def ask(body: Any, **headers: str) -> Any:
    return ApiClient().post("/auth/token", body, headers=headers)


def test_a_name_and_a_password_give_tokens_that_work(user: User) -> None:
    answer = ask({"username": "somebody", "password": "right"})
    assert answer.status == 200
    assert set(answer.body) == {"access", "refresh", "expires_in"}
    assert answer.body["expires_in"] == 900
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {answer.body['access']}"}
    assert client.get("/payouts").status == 200
    assert AuditEntry.objects.get().action == "token.issued"


@pytest.mark.parametrize("role", ["admin", "compliance_officer", "payout_approver", "auditor"])
def test_back_office_roles_get_a_token_and_no_more_than_their_role(user: User, role: str) -> None:
    User.objects.filter(pk=user.pk).update(role=role)
    answer = ask({"username": "somebody", "password": "right"})
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {answer.body['access']}"}
    assert client.get("/payouts").status == (200 if role == "admin" else 403)


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "somebody", "password": "wrong"},
        {"username": "nobody", "password": "right"},
        {"username": "SOMEBODY", "password": "right"},
    ],
)
def test_wrong_credentials_are_refused_alike(user: User, credentials: dict[str, str]) -> None:
    assert ask(credentials).refused(401, "LUCID_ERR_1001") == {}
    assert not AuditEntry.objects.filter(action="token.issued").exists()


def test_guessing_makes_each_try_wait_longer_and_the_right_password_ends_it(
    user: User, settings: Settings
) -> None:
    settings.RATE_LIMIT_FACTOR = 10
    wrong, right = ({"username": "somebody", "password": password} for password in ("wrong", "right"))
    with time_machine.travel("2026-03-02T09:00:00Z", tick=False) as clock:
        for _ in range(4):
            ask(wrong).refused(401, "LUCID_ERR_1001")
        waits = []
        for _ in range(3):
            refused = ask(right)
            assert refused.refused(429, "LUCID_ERR_2009")["limit"] == 0
            waits.append(int(refused.headers["Retry-After"]))
            clock.shift(timedelta(seconds=waits[-1]))
            ask(wrong).refused(401, "LUCID_ERR_1001")
        assert waits == [1, 2, 4]
        clock.shift(timedelta(seconds=8))
        assert ask(right).status == 200
        ask(wrong).refused(401, "LUCID_ERR_1001")
        assert ask(right).status == 200


def test_a_closed_account_gets_no_token(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    ask({"username": "somebody", "password": "right"}).refused(401, "LUCID_ERR_1001")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "somebody"}, "password"),
        ({"password": "right"}, "username"),
        ({"username": "somebody", "password": "right", "role": "admin"}, "role"),
        ({"username": "", "password": "right"}, "username"),
        ({"username": "a" * 151, "password": "right"}, "username"),
        ({"username": {"a": 1}, "password": "right"}, "username"),
        ([], "body"),
        ("{", "body"),
        ("", "username"),
    ],
)
def test_malformed_input_is_named_by_field(user: User, body: Any, field: str) -> None:
    assert field in ask(body).refused(400, "LUCID_ERR_1002")


def test_the_eleventh_request_of_a_minute_is_refused_whatever_the_password(user: User) -> None:
    for _ in range(10):
        ask({"username": "somebody", "password": "wrong"})
    answer = ask({"username": "somebody", "password": "right"})
    details = answer.refused(429, "LUCID_ERR_2009")
    assert (details["limit"], details["window"]) == (10, 60)


def test_no_password_and_no_token_stand_in_the_audit_log(user: User) -> None:
    answer = ask({"username": "somebody", "password": "right"})
    written = str(list(AuditEntry.objects.values()))
    assert "right" not in written
    assert answer.body["access"] not in written


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/auth/token", {"username": 5, "password": "right"}, "username"),
        ("/auth/token", {"username": "somebody", "password": 5}, "password"),
        ("/auth/token", {"username": "somebody", "password": True}, "password"),
        ("/auth/token/refresh", {"refresh": 5}, "refresh"),
        ("/auth/token/revoke", {"refresh": 0}, "refresh"),
        ("/auth/key", {"key": 5}, "key"),
    ],
)
def test_a_number_is_not_taken_for_text(user: User, path: str, body: Any, field: str) -> None:
    assert ApiClient().post(path, body).refused(400, "LUCID_ERR_1002") == {field: ["This must be text."]}
    assert not AuditEntry.objects.exists()
