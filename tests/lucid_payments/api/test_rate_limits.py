"""Limits per minute: counted exactly, per user or client, told in headers; uncounted, nothing is created."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from pytest_django import Settings

from lucid_payments.accounts.models import User
from payouts.models import Payout
from tests.api_client import BASE, ApiClient
from tests.payouts.api.conftest import order


@pytest.fixture(autouse=True)
def within_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window may end in the middle of a test: its clock stands still."""
    now = time.time()
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: now)


def test_every_limited_answer_tells_the_limit_and_what_is_left(user: User) -> None:
    client = ApiClient(user)
    for left in (29, 28):
        answer = client.get("/payouts")
        assert answer.headers["X-RateLimit-Limit"] == "30"
        assert answer.headers["X-RateLimit-Remaining"] == str(left)
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 60
    refused = client.get("/payouts?limit=0")
    assert (refused.status, refused.headers["X-RateLimit-Remaining"]) == (400, "27")


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/payouts", 10),
        ("GET", "/payouts", 30),
        ("GET", "/payouts/payout_a", 60),
        ("GET", "/health/live", 120),
    ],
)
def test_the_limits_are_the_contracts(user: User, method: str, path: str, limit: int) -> None:
    client = ApiClient(user)

    def send() -> Any:
        return client.get(path) if method == "GET" else client.post(path, {})

    for _ in range(limit):
        assert send().status != 429
    answer = send()
    details = answer.refused(429, "LUCID_ERR_2009")
    assert details == {"limit": limit, "window": 60, "retry_after": int(answer.headers["Retry-After"])}
    assert 1 <= details["retry_after"] <= 60
    assert answer.headers["X-RateLimit-Retry-After"] == answer.headers["Retry-After"]
    assert answer.headers["X-RateLimit-Remaining"] == "0"


@pytest.mark.parametrize("before_its_end", [59, 5, 1, 0])
def test_who_waits_as_told_is_heard_again_and_not_a_second_sooner(
    user: User, monkeypatch: pytest.MonkeyPatch, before_its_end: int
) -> None:
    """At every second of the window, its last one included."""
    client = ApiClient(user)
    told = int(client.get("/payouts").headers["X-RateLimit-Reset"])
    now = told - 1 - before_its_end + 0.95
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: now)
    answers = [client.get("/payouts") for _ in range(31)]
    assert {int(answer.headers["X-RateLimit-Reset"]) for answer in answers} == {told}
    wait = answers[-1].refused(429, "LUCID_ERR_2009")["retry_after"]
    now += wait - 1
    assert client.get("/payouts").status == 429
    now += 1
    assert client.get("/payouts").status == 200


def test_one_users_requests_are_not_anothers(user: User) -> None:
    for _ in range(31):
        ApiClient(user).get("/payouts")
    assert ApiClient(User.objects.create_user("other")).get("/payouts").status == 200


def test_a_factor_raises_every_limit(user: User, settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 7
    assert ApiClient(user).get("/payouts").headers["X-RateLimit-Limit"] == "210"


def left(**environ: Any) -> str:
    return str(Client().get(f"{BASE}/health/live", **environ).headers["X-RateLimit-Remaining"])


def test_strangers_are_counted_by_address(db: None) -> None:
    assert left(REMOTE_ADDR="192.0.2.1") == "119"
    assert left(REMOTE_ADDR="192.0.2.2") == "119"
    assert left(REMOTE_ADDR="192.0.2.1") == "118"


@pytest.mark.parametrize("address", ["", "not an address", "::1", "unix:"])
def test_an_address_that_is_none_is_counted_all_the_same(db: None, address: str) -> None:
    assert (left(REMOTE_ADDR=address), left(REMOTE_ADDR=address)) == ("119", "118")


def test_the_gateways_word_for_the_client_counts_with_its_token_alone(db: None, settings: Settings) -> None:
    settings.GATEWAY_TOKEN = "the gateway's"
    trusted = {"HTTP_X_LUCID_GATEWAY_TOKEN": "the gateway's"}
    assert left(HTTP_X_LUCID_CLIENT="circuit-1", **trusted) == "119"
    assert left(HTTP_X_LUCID_CLIENT="circuit-2", **trusted) == "119"
    assert left(HTTP_X_LUCID_CLIENT="circuit-1", **trusted) == "118"
    assert left(HTTP_X_LUCID_CLIENT="circuit-3") == "119"
    assert left(HTTP_X_LUCID_CLIENT="circuit-4") == "118"
    assert left(HTTP_X_LUCID_CLIENT="circuit-5", HTTP_X_LUCID_GATEWAY_TOKEN="é") == "117"


def test_without_a_gateway_token_nobody_is_the_gateway(db: None, settings: Settings) -> None:
    settings.GATEWAY_TOKEN = ""
    assert left(HTTP_X_LUCID_CLIENT="circuit-1", HTTP_X_LUCID_GATEWAY_TOKEN="") == "119"
    assert left(HTTP_X_LUCID_CLIENT="circuit-2", HTTP_X_LUCID_GATEWAY_TOKEN="") == "118"


def test_of_forty_requests_at_once_exactly_the_limit_passes(cloned_database: str) -> None:
    client = ApiClient(User.objects.create_user("somebody", role="service"))

    def send(_: int) -> int:
        try:
            return client.get("/payouts").status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, range(40)))
    assert sorted(statuses) == [200] * 30 + [429] * 10


@pytest.fixture
def without_cache(settings: Settings) -> Any:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/valkey.sock",
        }
    }
    yield
    caches.close_all()


def test_without_the_cache_reading_goes_on_and_creating_does_not(user: User, without_cache: None) -> None:
    client = ApiClient(user)
    assert client.get("/payouts").status == 200
    answer = client.post("/payouts", order())
    answer.refused(503, "LUCID_ERR_1005")
    assert int(answer.headers["Retry-After"]) > 0
    assert not Payout.objects.exists()


def test_a_window_that_ends_while_it_is_counted_refuses_nobody(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library reads the clock twice; the second reading may be past the window it found with the first."""
    started = time.time()
    readings = iter([started])
    monkeypatch.setattr("django_ratelimit.core.time.time", lambda: next(readings, started + 120))
    assert ApiClient(user).post("/payouts", order()).status == 201
