"""Limits hold for all web processes together: real workers share one count in Valkey, or write nothing without it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import time
from urllib.parse import urlsplit

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.api.models import Block
from payouts.models import Payout
from tests.harness.web import web
from tests.payouts.api.conftest import order

LIMIT = 100


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: str


def ask(base: str, method: str, path: str, user: User | None = None, body: object = None) -> Said:
    parts = urlsplit(base)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    headers = {"Authorization": f"Bearer {issue(AccessToken, user)}"} if user else {}
    text = json.dumps(body) if body is not None else None
    try:
        connection.request(method, parts.path + path, text, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return Said(answer.status, dict(answer.headers), answer.read().decode())
    finally:
        connection.close()


@pytest.fixture
def two_workers(cloned_database: str, tmp_path: Path) -> Iterator[str]:
    """20 figures a minute, five times."""
    with web(tmp_path / "log", workers=2, RATE_LIMIT_FACTOR=str(LIMIT // 20)) as base:
        yield base


def somebody_early_in_a_minute(base: str) -> User:
    """Each user's minute begins at a second of its own; this one's goes on for the whole test."""
    users = [User.objects.create_user(f"client-{number}", role="service") for number in range(8)]

    def left(user: User) -> float:
        return float(ask(base, "GET", "/stats", user).headers["X-RateLimit-Reset"]) - time()

    best = max(users, key=left)
    assert left(best) > 20
    return best


def test_of_400_requests_from_8_threads_exactly_the_limit_passes(two_workers: str) -> None:
    user = somebody_early_in_a_minute(two_workers)
    asked_before = 2
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(two_workers, "GET", "/stats", user), range(400)))
    passed = LIMIT - asked_before
    assert Counter(answer.status for answer in answers) == {200: passed, 429: 400 - passed}
    # The workers counted its offences together too, and blocked it once.
    assert Block.objects.get().label == user.get_username()


def test_without_valkey_nothing_is_written_and_health_answers(cloned_database: str, tmp_path: Path) -> None:
    user = User.objects.create_user("somebody", role="service")
    with web(tmp_path / "log", workers=2, CACHE_URL=f"unix://{tmp_path}/nothing.sock") as base:
        refused = ask(base, "POST", "/payouts", user, order())
        assert (refused.status, json.loads(refused.body)["error"]["code"]) == (503, "LUCID_ERR_1005")
        assert int(refused.headers["Retry-After"]) > 0
        assert ask(base, "POST", "/auth/token", None, {"username": "a", "password": "b"}).status == 503
        health = ask(base, "GET", "/health")
        assert (health.status, json.loads(health.body)["checks"]["database"]["status"]) == (200, "healthy")
        assert ask(base, "GET", "/payouts", user).status == 200
    assert not Payout.objects.exists()
