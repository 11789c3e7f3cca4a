"""`GET /limits`: what a caller may ask for, and the room that is left; others' payouts don't show in it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lucid_payments import clock
from routers import limits
from tests.api_client import ApiClient
from tests.payouts.api.conftest import RECIPIENT, MakeUser
from tests.policies import KYC, V0, set_policy

USDT = 1_000_000
# Far from the turn of any window.
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)


def read(client: ApiClient) -> dict[str, dict[str, Any]]:
    answer = client.get("/limits")
    assert answer.status == 200
    assert set(answer.body) == {"routers", "generated_at"}
    return {router["router_type"]: router for router in answer.body["routers"]}


def window(router: dict[str, Any], scope: str, period: str) -> dict[str, Any]:
    return next(row for row in router["windows"] if (row["scope"], row["period"]) == (scope, period))


def spend(user: Any, amount: int) -> None:
    from django.db import transaction

    clock.freeze(NOON)
    claim = limits.Claim(V0, RECIPIENT, user.pk, user.role, amount)
    with transaction.atomic():
        room = limits.locked_room(NOON, [claim])
        assert room.refusal(claim) is None
        room.take(claim)
        limits.reserve(room)


def test_an_end_user_sees_v0_with_the_defaults(make_user: MakeUser) -> None:
    routers = read(ApiClient(make_user("end_user")))
    assert set(routers) == {V0}
    v0 = routers[V0]
    assert set(v0) == {"router_type", "minimum_usdt", "maximum_usdt", "batch_types", "windows"}
    assert v0["maximum_usdt"] == 200
    assert v0["batch_types"] == ["IMMEDIATE", "HOURLY", "DAILY", "WEEKLY"]
    assert window(v0, "creator", "day")["limit_usdt"] == 200
    assert window(v0, "recipient", "day") | {"resets_at": ""} == {
        "scope": "recipient", "period": "day", "limit_usdt": 300, "remaining_usdt": None, "resets_at": "",
    }  # fmt: skip


@pytest.mark.parametrize("role", ["node_operator", "service", "admin"])
def test_others_see_both_routers(make_user: MakeUser, role: str) -> None:
    assert set(read(ApiClient(make_user(role)))) == {V0, KYC}


def test_the_callers_own_room_is_exact_and_everybodys_is_rounded(make_user: MakeUser) -> None:
    user, admin = make_user("end_user"), make_user("admin")
    spend(user, 12 * USDT + 340_000)
    v0 = read(ApiClient(user))[V0]
    assert window(v0, "creator", "day")["remaining_usdt"] == Decimal("187.66")
    assert window(v0, "global", "hour")["remaining_usdt"] == 900
    assert window(v0, "router", "day")["remaining_usdt"] == 3900
    exact = read(ApiClient(admin))[V0]
    assert window(exact, "global", "hour")["remaining_usdt"] == Decimal("987.66")


def test_a_lowered_limit_shows_at_once(make_user: MakeUser) -> None:
    client = ApiClient(make_user("service"))
    set_policy(V0, payout_maximum=50 * USDT)
    assert read(client)[V0]["maximum_usdt"] == 50


@pytest.mark.parametrize("role", ["auditor", "compliance_officer", "payout_approver"])
def test_who_creates_nothing_has_no_limits(make_user: MakeUser, role: str) -> None:
    ApiClient(make_user(role)).get("/limits").refused(403, "LUCID_ERR_2010")
