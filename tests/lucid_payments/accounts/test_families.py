"""Refreshing and revoking: a refresh token works once, and twice ends every token of its login."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from lucid_payments.accounts.models import TokenFamily, User
from lucid_payments.accounts.tokens import RefreshToken, issue
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from tests.api_client import Answer, ApiClient


@pytest.fixture(autouse=True)
def quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    settings.RATE_LIMIT_FACTOR = 100


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("somebody", password="right")


def log_in() -> dict[str, Any]:
    answer = ApiClient().post("/auth/token", {"username": "somebody", "password": "right"})
    assert answer.status == 200
    return dict(answer.body)


def refresh(token: str) -> Answer:
    return ApiClient().post("/auth/token/refresh", {"refresh": token})


def opens(access: str) -> bool:
    client = ApiClient()
    client.headers = {"Authorization": f"Bearer {access}"}
    return client.get("/payouts").status == 200


def test_a_refresh_token_gives_a_pair_that_works_and_leaves_the_first_access_alone(user: User) -> None:
    first = log_in()
    second = refresh(first["refresh"])
    assert second.status == 200
    assert set(second.body) == {"access", "refresh", "expires_in"}
    assert second.body["refresh"] != first["refresh"]
    assert opens(first["access"])
    assert opens(second.body["access"])
    assert refresh(second.body["refresh"]).status == 200


def test_a_refresh_token_that_comes_twice_ends_the_whole_login(user: User) -> None:
    first = log_in()
    second = refresh(first["refresh"]).body
    refresh(first["refresh"]).refused(401, "LUCID_ERR_1001")
    assert not opens(first["access"])
    assert not opens(second["access"])
    refresh(second["refresh"]).refused(401, "LUCID_ERR_1001")
    assert TokenFamily.objects.get().end_reason == "reused"
    assert AuditEntry.objects.filter(action="token.reused").count() == 1
    assert Event.objects.filter(type="token.reused").count() == 1


def test_another_login_of_the_same_user_goes_on(user: User) -> None:
    first, other = log_in(), log_in()
    refresh(first["refresh"])
    refresh(first["refresh"])
    assert opens(other["access"])
    assert refresh(other["refresh"]).status == 200


def test_revoking_ends_access_and_refresh_at_once(user: User) -> None:
    tokens = log_in()
    answer = ApiClient().post("/auth/token/revoke", {"refresh": tokens["refresh"]})
    assert (answer.status, answer.body) == (200, {"revoked": True})
    assert not opens(tokens["access"])
    refresh(tokens["refresh"]).refused(401, "LUCID_ERR_1001")
    assert AuditEntry.objects.filter(action="token.revoked").count() == 1


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "x" * 5000, None, 5, {"a": 1}])
def test_revoking_nonsense_tells_nothing_and_ends_nothing(user: User, text: Any) -> None:
    tokens = log_in()
    answer = ApiClient().post("/auth/token/revoke", {"refresh": text})
    assert answer.status in (200, 400)
    assert opens(tokens["access"])


@pytest.mark.parametrize("which", ["access", "without a login", "of a closed account"])
def test_what_is_no_refresh_token_of_a_login_gives_nothing(user: User, which: str) -> None:
    tokens = log_in()
    text = tokens["refresh"]
    if which == "access":
        text = tokens["access"]
    elif which == "without a login":
        text = str(issue(RefreshToken, user))
    else:
        User.objects.filter(pk=user.pk).update(is_active=False)
    refresh(text).refused(401, "LUCID_ERR_1001")
    assert TokenFamily.objects.get().ended_at is None


def test_another_users_name_on_the_token_finds_no_login(user: User) -> None:
    other = User.objects.create_user("other")
    log_in()
    forged = issue(RefreshToken, other, {"sid": str(TokenFamily.objects.get().public_id)})
    refresh(str(forged)).refused(401, "LUCID_ERR_1001")
    assert TokenFamily.objects.get().ended_at is None


def test_auth_answers_keep_nothing_for_an_idempotency_key(user: User) -> None:
    first = log_in()
    headers = {"Idempotency-Key": "the same"}
    client = ApiClient()
    assert client.post("/auth/token/refresh", {"refresh": first["refresh"]}, headers=headers).status == 200
    client.post("/auth/token/refresh", {"refresh": first["refresh"]}, headers=headers).refused(
        401, "LUCID_ERR_1001"
    )


def test_of_eight_at_once_one_gets_the_pair_and_the_login_ends(cloned_database: Any) -> None:
    User.objects.create_user("somebody", password="right")
    tokens = log_in()
    answers: list[int] = []

    def use() -> None:
        answers.append(refresh(tokens["refresh"]).status)
        connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [401] * 7
    assert TokenFamily.objects.get().end_reason == "reused"
    assert AuditEntry.objects.filter(action="token.reused").count() == 1
