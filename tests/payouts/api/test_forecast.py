"""When held payouts will go: the windows' room, and the queue before them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.api import outline
from payouts.api.forecast import MonthPace, Pace
from payouts.models import Payout
from routers import limits
from routers.models import LimitWindow
from tests.api_client import ApiClient
from tests.kyc.attestations import attest
from tests.payouts.api.conftest import RECIPIENT, MakePayout
from tests.policies import KYC, V0, set_policy

USDT = 1_000_000
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("backlog", "day_free", "start"),
    [
        (30, 1000, "15 12:30"),
        (31, 1000, "15 13:00"),
        (130, 1000, "15 13:00"),
        (131, 1000, "15 14:00"),
        (1000, 1000, "15 22:00"),
        (1001, 1000, "16 00:00"),
        (1100, 1000, "16 00:00"),
        (1101, 1000, "16 01:00"),
        (2000, 1000, "16 09:00"),
        (2001, 1000, "17 00:00"),
        (1, 0, "16 00:00"),
        (5_000, 2_000, "19 08:00"),
    ],
)
def test_hours_fill_days_and_days_follow(backlog: int, day_free: int, start: str) -> None:
    """100 an hour, 1,000 a day; 30 left of the hour at half past twelve."""
    found = Pace(hour_free=30, day_free=day_free, hourly=100, daily=1000).start(backlog, NOON)
    assert found is not None
    assert f"{found:%d %H:%M}" == start


def test_payouts_of_one_size_leave_what_is_less_than_another() -> None:
    """400 an hour in 150s are two an hour."""
    pace = Pace(hour_free=400, day_free=4000, hourly=400, daily=4000)
    starts = [pace.start(150 * place, NOON, each=150) for place in range(1, 7)]
    assert [f"{start:%H:%M}" for start in starts if start] == [
        "12:30", "12:30", "13:00", "13:00", "14:00", "14:00",
    ]  # fmt: skip


def test_where_nothing_may_go_nothing_is_promised() -> None:
    assert Pace(0, 0, 0, 0).start(1, NOON) is None


@pytest.fixture
def held(db: None, service: User, make_payout: MakePayout) -> Any:
    clock.freeze(NOON)

    def hold(amount: int, reason: str = "hourly_limit", **changes: Any) -> Payout:
        payout = make_payout(service, amount=amount * USDT, **changes)
        Payout.objects.filter(pk=payout.pk).update(hold_reason=reason)
        return payout

    return hold


def estimate(user: User, payout: Payout) -> str | None:
    text = ApiClient(user).get(f"/payouts/{payout.payout_id}").body["estimated_completion"]
    return f"{datetime.fromisoformat(text):%d %H:%M}" if text else None


def test_the_queue_before_it_counts(service: User, held: Any) -> None:
    set_policy(V0, recipient_limit=9_000 * USDT)
    use(V0, 400)
    first, second, third = (held(200) for _ in range(3))
    urgent = held(150, priority=0)
    found = [estimate(service, payout) for payout in (urgent, first, second, third)]
    assert found == ["15 13:01", "15 13:01", "15 14:01", "15 14:01"]


def test_a_recipient_s_limit_is_a_matter_of_days(service: User, held: Any) -> None:
    payouts = [held(200, "recipient_limit") for _ in range(3)]
    found = [estimate(service, payout) for payout in payouts]
    assert found == ["16 00:01", "16 00:01", "17 00:01"], "300 a day are one of 200"
    assert estimate(service, held(200, "recipient_limit")) == "18 00:01"


@pytest.mark.parametrize(
    ("backlog", "start"), [(30, "07-15"), (31, "08-01"), (130, "08-01"), (131, "09-01"), (731, "2027-03-01")]
)
def test_a_month_follows_the_other_and_the_year_turns(backlog: int, start: str) -> None:
    """100 a month; 30 left of July."""
    found = MonthPace(free=30, monthly=100).start(backlog, NOON)
    assert found is not None
    assert f"{found:%Y-%m-%d}".endswith(start)


def test_an_attested_limit_is_a_matter_of_days_and_months(service: User, db: None) -> None:
    set_policy(KYC, recipient_limit=9_000 * USDT)
    clock.freeze(NOON)

    def waits(count: int) -> list[str | None]:
        fields = {
            "router_type": KYC,
            "node_id": "node-1",
            "hold_reason": "subject_limit",
            "amount": 60 * USDT,
        }
        payouts = [
            Payout.objects.create(creator=service, recipient_address=RECIPIENT, reason="relay", **fields)
            for _ in range(count)
        ]
        return [estimate(service, payout) for payout in payouts]

    attest("node-1", per_payout=60 * USDT, day=100 * USDT)
    assert waits(3) == ["16 00:01", "16 00:01", "17 00:01"], "100 a day are one of 60"
    attest("node-1", per_payout=60 * USDT, day=100 * USDT, month=200 * USDT)
    assert waits(1) == ["01 00:01"], "240 are asked for, and July has 200"
    attest("node-1", per_payout=59 * USDT)
    assert waits(1) == [None], "nobody knows when another attestation comes"


def test_a_list_asks_as_often_as_one(
    api: ApiClient, service: User, held: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        held(1)
    with django_assert_max_num_queries(10):
        body = api.get("/payouts?limit=20").body
    assert len({payout["estimated_completion"] for payout in body["payouts"]}) == 1


def test_the_queue_may_be_as_old_as_the_setting_says(
    service: User, held: Any, settings: Any, make_payout: MakePayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who came since is placed behind it; what is asked of the database doesn't grow with it."""
    monkeypatch.setattr(outline, "_kept", None)
    settings.ESTIMATE_SECONDS = 60
    use(V0, 0)
    first = held(200, recipient_address=OTHER)
    Payout.objects.update(hold_reason=None)
    assert estimate(service, first) == "15 12:31"
    newer = [make_payout(service, amount=200 * USDT) for _ in range(2)]
    assert [estimate(service, payout) for payout in newer] == ["15 12:31", "15 12:31"], (
        "neither knows of the other"
    )
    with CaptureQueriesContext(connection) as queries:
        estimate(service, newer[0])
    assert not any(
        "SELECT" in query["sql"] and "hold_reason" in query["sql"].partition("WHERE")[2] for query in queries
    )
    settings.ESTIMATE_SECONDS = 0
    assert [estimate(service, payout) for payout in newer] == ["15 12:31", "16 00:01"], (
        "the recipient's 300 a day"
    )


def use(router: str, units: int) -> None:
    starts = limits.starts_of(clock.now())
    for scope, key in (("global", ""), ("router", router)):
        LimitWindow.objects.create(
            scope=scope, key=key, period="hour", starts_at=starts["hour"], cap=1, posted=units * USDT
        )
