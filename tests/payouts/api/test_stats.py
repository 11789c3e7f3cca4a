"""`GET /stats`: whose figures, which period, and what only full stats may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.models import Payout
from routers import breakers, killswitch, limits
from routers.models import LimitWindow
from tests.api_client import TIME, ApiClient
from tests.payouts.api.conftest import MakePayout, MakeUser
from tests.policies import KYC, V0, administrators

USDT = 1_000_000
# Far from the turn of any window.
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
NOTHING_YET = {"count": 0, "amount_usdt": 0}


@pytest.fixture
def admin(db: None) -> User:
    return administrators()[0]


def stats(user: User, query: str = "") -> dict[str, Any]:
    answer = ApiClient(user).get(f"/stats{query}")
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def end(payout: Payout, status: str) -> None:
    Payout.objects.filter(pk=payout.pk).update(status=status, failure_code="LUCID_ERR_2008")


def use(units: int, **window: str) -> None:
    clock.freeze(NOON)
    starts = limits.starts_of(NOON)
    for period in ("hour", "day"):
        LimitWindow.objects.create(
            period=period, starts_at=starts[period], cap=10_000 * USDT, posted=units, **window
        )


def test_every_field_stands_there_before_the_first_payout(admin: User) -> None:
    body = stats(admin)
    assert TIME.fullmatch(body.pop("generated_at"))
    assert body == {
        "period": "day",
        "router_type": "all",
        "total_payouts": 0,
        "total_amount_usdt": 0,
        "success_rate": None,
        "average_amount_usdt": None,
        "payouts_by_router": {V0: NOTHING_YET, KYC: NOTHING_YET},
        "circuit_breaker_status": "closed",
        "circuit_breaker_reason": None,
        "daily_limit_usage": 0,
        "hourly_limit_usage": 0,
    }


def test_the_figures_are_exact(admin: User, service: User, make_payout: MakePayout) -> None:
    for amount, status in ((10_000_000, "confirmed"), (5_500_001, "failed"), (USDT, "confirmed")):
        end(make_payout(service, amount=amount), status)
    make_payout(service, amount=2 * USDT)
    body = stats(admin)
    assert (body["total_payouts"], body["total_amount_usdt"]) == (4, Decimal("18.500001"))
    assert body["success_rate"] == Decimal("66.67"), "of the three that ended"
    assert body["average_amount_usdt"] == Decimal("4.625")
    assert body["payouts_by_router"][V0] == {"count": 4, "amount_usdt": Decimal("18.500001")}


@pytest.mark.parametrize(
    ("period", "inside"),
    [
        ("hour", timedelta(minutes=59)),
        ("day", timedelta(hours=23)),
        ("week", timedelta(days=6)),
        ("month", timedelta(days=29)),
    ],
)
def test_a_period_counts_back_from_now(
    admin: User, service: User, make_payout: MakePayout, period: str, inside: timedelta
) -> None:
    payout = make_payout(service)
    for age, counted in ((inside, 1), (inside * 2, 0)):
        Payout.objects.filter(pk=payout.pk).update(created_at=clock.now() - age)
        assert stats(admin, f"?period={period}")["total_payouts"] == counted


def test_one_router_s_figures_and_windows(admin: User, service: User, make_payout: MakePayout) -> None:
    make_payout(service)
    use(7 * USDT, scope="global")
    use(3 * USDT, scope="router", key=V0)
    breakers.open_by_hand(V0, actor=admin, reason="drill")
    v0, kyc, both = (stats(admin, f"?router_type={name}") for name in (V0, KYC, "all"))
    assert (v0["total_payouts"], kyc["total_payouts"], both["total_payouts"]) == (1, 0, 1)
    assert set(v0["payouts_by_router"]) == {V0}
    assert (v0["daily_limit_usage"], kyc["daily_limit_usage"], both["hourly_limit_usage"]) == (3, 0, 7)
    states = [body["circuit_breaker_status"] for body in (v0, kyc, both)]
    assert states == ["open", "closed", "open"]
    assert both["circuit_breaker_reason"] == "opened_by_hand"


@pytest.mark.parametrize(("units", "reason"), [(10_000 * USDT, "daily_limit")])
def test_a_full_window_reads_as_open(admin: User, units: int, reason: str) -> None:
    use(units, scope="global")
    body = stats(admin)
    assert (body["circuit_breaker_status"], body["circuit_breaker_reason"]) == ("open", reason)


def test_the_kill_switch_reads_as_open(admin: User) -> None:
    killswitch.pull(actor=admin, reason="drill")
    body = stats(admin)
    assert (body["circuit_breaker_status"], body["circuit_breaker_reason"]) == ("open", "kill_switch")


@pytest.mark.parametrize("role", ["service", "node_operator"])
def test_who_hasn_t_full_stats_sees_its_own_and_nothing_of_the_system(
    make_user: MakeUser, service: User, make_payout: MakePayout, role: str
) -> None:
    mine = make_user(role)
    make_payout(mine, amount=4 * USDT)
    make_payout(service)
    body = stats(mine)
    assert (body["total_payouts"], body["total_amount_usdt"]) == (1, 4)
    for name in (
        "circuit_breaker_status",
        "circuit_breaker_reason",
        "daily_limit_usage",
        "hourly_limit_usage",
    ):
        assert body[name] is None


def test_an_auditor_sees_all(make_user: MakeUser, service: User, make_payout: MakePayout) -> None:
    make_payout(service)
    body = stats(make_user("auditor"))
    assert (body["total_payouts"], body["circuit_breaker_status"]) == (1, "closed")


@pytest.mark.parametrize("role", ["end_user", "payout_approver", "compliance_officer"])
def test_other_roles_see_none(make_user: MakeUser, role: str) -> None:
    ApiClient(make_user(role)).get("/stats").refused(403, "LUCID_ERR_2010")


def test_without_a_token_there_are_none(db: None) -> None:
    ApiClient().get("/stats").refused(401, "LUCID_ERR_1001")


@pytest.mark.parametrize("query", ["period=year", "router_type=PayoutRouterV9", "period="])
def test_a_value_that_can_t_be_is_named(admin: User, query: str) -> None:
    details = ApiClient(admin).get(f"/stats?{query}").refused(400, "LUCID_ERR_1002")
    assert set(details) == {query.partition("=")[0]}
