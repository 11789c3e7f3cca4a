"""One user of each role and an outsider, a good order, and limits out of the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.order import PayoutOrder
from tests.api_client import ApiClient

RECIPIENT = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"

MakeUser = Callable[..., User]
MakePayout = Callable[..., Payout]


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    """High, and counted for this test alone."""
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def make_user(db: None) -> MakeUser:
    def make(role: str = "service", name: str = "") -> User:
        return User.objects.create_user(name or f"{role}-{uuid.uuid4().hex[:8]}", role=role)

    return make


@pytest.fixture
def service(make_user: MakeUser) -> User:
    return make_user("service")


@pytest.fixture
def api(service: User) -> ApiClient:
    return ApiClient(service)


@pytest.fixture
def make_payout(db: None) -> MakePayout:
    def make(creator: User, **changes: Any) -> Payout:
        order = {"recipient_address": RECIPIENT, "amount": 5_500_000, "reason": "relay work", **changes}
        return PayoutManager.create(creator=creator, order=PayoutOrder(**order))

    return make


def order(**changes: Any) -> dict[str, Any]:
    """A body that is accepted, with some fields changed."""
    return {"recipient_address": RECIPIENT, "amount_usdt": "5.50", "reason": "relay work", **changes}
