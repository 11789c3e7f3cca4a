"""Schemathesis: whatever is sent, the API answers as its description says, to each role and to strangers."""

from __future__ import annotations

import uuid

import pytest
from pytest_django import Settings

from tests.contract import engine, world
from tests.contract.engine import Depth

# Of those who may call one, who may call for figures alone, and strangers. Each other role has the same rights
# as one of them or fewer, which tests/payouts/api/test_who_may.py holds route by route.
EVERY_DAY = ("end_user", "auditor", None)
ROLES = (*EVERY_DAY, "admin", "node_operator", "service", "payout_approver")
SHORT = Depth(phases=("examples", "fuzzing", "stateful"), examples=4, scenarios=12, steps=6)
# Beside them every boundary of every schema, which is the same for all who get in.
BOUNDARIES = Depth(phases=("examples", "coverage", "stateful"), examples=1, scenarios=40, steps=8)
LONG = Depth(phases=("examples", "coverage", "fuzzing", "stateful"), examples=60, scenarios=100, steps=12)

# What a client that may do everything has been answered by the end of a run: else it has tested little.
REACHED = {
    "POST /payouts": {201, 400, 401, 405, 409},
    "GET /payouts": {200, 400},
    "GET /payouts/{payout_id}": {200, 404},
    "GET /payouts/{payout_id}/transaction": {200, 404},
    "POST /payouts/{payout_id}/cancel": {200, 400, 404, 409},
    "POST /payouts/transactions/bulk": {200, 400},
    "POST /payouts/batch": {201, 400},
    "GET /payouts/batch/{batch_id}": {200, 404},
    "POST /webhooks": {201, 400},
    "DELETE /webhooks/{webhook_id}": {200, 404},
    "POST /auth/token": {400, 401, 415},
}


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.mark.parametrize("role", EVERY_DAY)
def test_every_answer_is_as_described(cloned_database: str, role: str | None) -> None:
    found = engine.run(world.token_of(role) if role else None, SHORT)
    assert not found.failures, found.report()
    assert found.requests > 100


def test_every_boundary_is_as_described(cloned_database: str) -> None:
    found = engine.run(world.token_of("service"), BOUNDARIES)
    assert not found.failures, found.report()
    missing = {name: expected - found.statuses[name] for name, expected in REACHED.items()}
    assert not any(missing.values()), missing


@pytest.mark.prove
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_described_at_length(cloned_database: str, role: str | None) -> None:
    found = engine.run(world.token_of(role) if role else None, LONG)
    assert not found.failures, found.report()
